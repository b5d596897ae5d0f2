/** What becomes of a command's arguments when the Cluster keeps its database behind a prefix. */
import { describe, expect, test } from 'vitest';
import { CommandTable } from '../../../../src/commands/table.js';
import { prefixedArguments } from '../../../../src/sessions/prefixed/request.js';
import { KeyPrefixes } from '../../../../src/topology/key-prefixes.js';
import { frameOf, words } from '../../commands/frames.js';

const table = CommandTable.offline();
const prefixes = new KeyPrefixes({ 1: 'p*:' });

/** The line as it is sent; null: as it was. */
function sent(line: string, db = 1): string | null {
  const frame = frameOf(words(line));
  const command = table.lookup(frame.frame, frame.argc, frame.starts, frame.ends)!;
  return prefixedArguments(prefixes, command, db, frame)?.join(' ') ?? null;
}

describe('keys', () => {
  test.each([
    ['GET k', 'GET p*:k'],
    ['MSET a 1 b 2', 'MSET p*:a 1 p*:b 2'],
    ['DEL a b c', 'DEL p*:a p*:b p*:c'],
    ['OBJECT ENCODING k', 'OBJECT ENCODING p*:k'],
    ['MEMORY USAGE k SAMPLES 5', 'MEMORY USAGE p*:k SAMPLES 5'],
    ['RENAME a b', 'RENAME p*:a p*:b'],
    ['EVAL script 2 a b a b', 'EVAL script 2 p*:a p*:b a b'],
    ['EVALSHA sha 1 a a', 'EVALSHA sha 1 p*:a a'],
    ['ZUNIONSTORE to 2 a b WEIGHTS 1 2', 'ZUNIONSTORE p*:to 2 p*:a p*:b WEIGHTS 1 2'],
    ['BLPOP a b 0', 'BLPOP p*:a p*:b 0'],
    ['BLMPOP 1 2 a b LEFT', 'BLMPOP 1 2 p*:a p*:b LEFT'],
    ['XREAD COUNT 1 STREAMS a b 0 0', 'XREAD COUNT 1 STREAMS p*:a p*:b 0 0'],
    ['XREADGROUP GROUP a streams STREAMS a >', 'XREADGROUP GROUP a streams STREAMS p*:a >'],
    ['XGROUP CREATE s g $', 'XGROUP CREATE p*:s g $'],
    ['XINFO CONSUMERS s g', 'XINFO CONSUMERS p*:s g'],
    ['SORT l BY nosort STORE to', 'SORT p*:l BY nosort STORE p*:to'],
    ['GEORADIUS g 0 0 1 km STORE to', 'GEORADIUS p*:g 0 0 1 km STORE p*:to'],
    ['BITOP AND to a b', 'BITOP AND p*:to p*:a p*:b'],
    ['WATCH a b', 'WATCH p*:a p*:b'],
    ['COPY a b DB 1', 'COPY p*:a p*:b DB 1'],
    ["SET '' v", 'SET p*: v'],
  ])('%s', (line, expected) => {
    expect(sent(line)).toBe(expected);
  });

  test.each(['PING', 'PUBLISH k v', 'EVAL script 0 k', 'EVAL script 9 k', 'XREAD STREAMS a', 'FLUSHALL'])(
    '%s stays as it is',
    (line) => {
      expect(sent(line)).toBeNull();
    },
  );

  test('those of a database without a prefix stay as they are', () => {
    expect(sent('GET k', 0)).toBeNull();
    expect(sent('KEYS *', 0)).toBeNull();
    expect(sent('SCAN 0', 2)).toBeNull();
  });
});

describe('patterns', () => {
  test.each([
    ['KEYS *', 'KEYS p\\*:*'],
    ['KEYS k[12]?', 'KEYS p\\*:k[12]?'],
    ['SCAN 0', 'SCAN 0 MATCH p\\*:*'],
    ['SCAN 17 COUNT 10 TYPE set', 'SCAN 17 MATCH p\\*:* COUNT 10 TYPE set'],
    ['SCAN 0 COUNT 10 match k*', 'SCAN 0 COUNT 10 match p\\*:k*'],
    ['SCAN 0 MATCH a* MATCH b*', 'SCAN 0 MATCH p\\*:a* MATCH p\\*:b*'],
    // the server's error must be that of the client's own command
    ['SCAN 0 COUNT', 'SCAN 0 MATCH p\\*:* COUNT'],
    ['SCAN 0 MATCH', 'SCAN 0 MATCH p\\*:* MATCH'],
  ])('%s', (line, expected) => {
    expect(sent(line)).toBe(expected);
  });
});
