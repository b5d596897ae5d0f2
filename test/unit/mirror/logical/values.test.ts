import { describe, expect, it } from 'vitest';
import {
  byteList,
  bytes,
  integer,
  integerText,
  list,
  namedFields,
  printable,
  timeMs,
  UnexpectedReply,
} from '../../../../src/mirror/logical/replies.js';
import { equalScores } from '../../../../src/mirror/logical/scores.js';
import { compareIds, nextId } from '../../../../src/mirror/logical/stream-info.js';
import { ReplyFault } from '../../../../src/resp/values.js';

const b = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('replies', () => {
  it('throws a server error as it is, from every shape', () => {
    const fault = new ReplyFault('WRONGTYPE Operation');
    for (const read of [bytes, list, byteList, integer, integerText, namedFields, timeMs]) {
      expect(() => read(fault)).toThrow(fault);
    }
  });

  it('throws UnexpectedReply for any other shape', () => {
    expect(() => bytes(3)).toThrow(UnexpectedReply);
    expect(() => bytes(undefined)).toThrow(/absent/);
    expect(() => list(b('x'))).toThrow(/should be an array but is a string/);
    expect(() => byteList([b('x'), null])).toThrow(/nil/);
    expect(() => integer(null)).toThrow(UnexpectedReply);
    expect(() => integer(b('1.5'))).toThrow(UnexpectedReply);
  });

  it('keeps integers exact', () => {
    expect(integerText(9223372036854775807n)).toBe('9223372036854775807');
    expect(integerText(-5)).toBe('-5');
  });

  it('reads TIME in milliseconds', () => {
    expect(timeMs([b('1700000000'), b('123999')])).toBe(1_700_000_000_123);
  });

  it('prints bytes for a person', () => {
    expect(printable(b('a"\0\xff'))).toBe('"a\\x22\\x00\\xff"');
    expect(printable(Buffer.alloc(100, 'x'), 3)).toBe('"xxx"… (100 bytes)');
  });
});

describe('scores', () => {
  it.each([
    ['0.10000000000000001', '0.1'],
    ['1e+20', '100000000000000000000'],
    ['inf', '+inf'],
    ['-nan', 'nan'],
    ['-0', '0'],
  ])('%s equals %s', (x, y) => {
    expect(equalScores(b(x), b(y))).toBe(true);
  });

  it.each([
    ['0.30000000000000004', '0.29999999999999999'],
    ['4.9406564584124654e-324', '0'],
    ['inf', '-inf'],
    ['inf', '1.7976931348623157e+308'],
    ['nan', '0'],
  ])('%s does not equal %s', (x, y) => {
    expect(equalScores(b(x), b(y))).toBe(false);
  });

  it('refuses what is no number', () => {
    expect(() => equalScores(b('1'), b('one'))).toThrow(/no number/);
    expect(() => equalScores(b('1'), b(''))).toThrow(/no number/);
  });
});

describe('stream ids', () => {
  const max = '18446744073709551615';
  it.each([
    ['5-7', '5-8'],
    ['0-0', '0-1'],
    [`5-${max}`, '6-0'],
    [`${max}-7`, `${max}-8`],
    [`${max}-${max}`, null],
  ])('after %s comes %s', (id, next) => {
    expect(nextId(b(id))?.toString() ?? null).toBe(next);
  });

  it('are ordered as numbers', () => {
    const ids = ['0-1', '9-0', '9-10', '10-9', `10-${max}`, `${max}-0`].map(b);
    ids.forEach((x, i) => {
      ids.forEach((y, j) => {
        expect(Math.sign(compareIds(x, y))).toBe(Math.sign(i - j));
      });
    });
  });
});
