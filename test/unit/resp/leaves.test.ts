/** Replies that say the same in the two protocol versions, or in two forms of the same number. */
import { describe, expect, test } from 'vitest';
import { equalButForNumbers, leavesOf } from '../../../src/resp/leaves.js';

function leaves(text: string): string {
  const bytes = Buffer.from(text);
  return leavesOf(bytes, 0, bytes.length);
}

const score = (text: string): string => `$${text.length}\r\n${text}\r\n`;

describe('equalButForNumbers', () => {
  test.each([
    [score('0.10000000000000001'), score('0.1')],
    [`*2\r\n$1\r\nm\r\n${score('1700000000.1229999')}`, `*2\r\n$1\r\nm\r\n${score('1700000000.123')}`],
    [`*2\r\n$1\r\nm\r\n,1e300\r\n`, `*2\r\n$1\r\nm\r\n${score('1.0000000000000001e+300')}`],
    ['$-1\r\n', '$-1\r\n'],
    [score('inf'), score('inf')],
    ['*-1\r\n', '_\r\n'],
  ])('%j and %j are the same', (one, other) => {
    expect(equalButForNumbers(leaves(one), leaves(other))).toBe(true);
    expect(equalButForNumbers(leaves(other), leaves(one))).toBe(true);
  });

  test.each([
    [score('0.1'), score('0.2')],
    [score('inf'), score('-inf')],
    ['$-1\r\n', score('0')],
    ['$0\r\n\r\n', score('0')],
    [score('1'), `*2\r\n${score('1')}${score('1')}`],
    ['$3\r\na\nb\r\n', '$3\r\na\nc\r\n'],
  ])('%j and %j are not', (one, other) => {
    expect(equalButForNumbers(leaves(one), leaves(other))).toBe(false);
    expect(equalButForNumbers(leaves(other), leaves(one))).toBe(false);
  });
});
