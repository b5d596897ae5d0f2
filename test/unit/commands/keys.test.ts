import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/commands/command.js';
import { copyDbArgument, findKeys, hasBlockOption, KeyList } from '../../../src/commands/keys.js';
import { arityOk, CommandTable } from '../../../src/commands/table.js';
import { LINES_WITH_KEYS } from './command-lines.js';
import { frameOf, words } from './frames.js';

const table = CommandTable.offline();

/** "k1 k2!" : k1 is read, k2 written; null when the keys cannot be told. */
function keysOf(line: string, out = new KeyList()): string | null {
  const args = words(line);
  const { frame, argc, starts, ends } = frameOf(args);
  const command = table.lookup(frame, argc, starts, ends) as Command;
  if (!findKeys(command, frame, argc, starts, ends, out)) return null;
  return Array.from(out.index.subarray(0, out.count), (i, n) => args[i] + (out.written[n] === 1 ? '!' : '')).join(' ');
}

describe('findKeys', () => {
  it.each([
    ['GET k', 'k'],
    ['SET k v', 'k!'],
    ['DEL a b c', 'a! b! c!'],
    ['MGET a b', 'a b'],
    ['MSET a 1 b 2', 'a! b!'],
    ['MSETEX 2 a 1 b 2 EX 5', 'a! b!'],
    ['COPY a b', 'a b!'],
    ['RENAME a b', 'a! b!'],
    ['SMOVE a b m', 'a! b!'],
    ['LMOVE a b LEFT RIGHT', 'a! b!'],
    ['RPOPLPUSH a b', 'a! b!'],
    ['MOVE a 1', 'a!'],
    ['SUNIONSTORE d a b', 'd! a b'],
    ['BITOP OR d a b', 'd! a b'],
    ['PFMERGE d a', 'd! a'],
    ['PFMERGE d', 'd!'],
    ['PFCOUNT a b', 'a b'],
    ['ZRANGESTORE d s 0 1', 'd! s'],
    ['GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 m', 'd! s'],
    ['ZUNIONSTORE d 2 a b WEIGHTS 1 2', 'd! a b'],
    ['ZDIFF 2 a b', 'a b'],
    ['LMPOP 2 a b LEFT', 'a! b!'],
    ['BLMPOP 0 2 a b LEFT', 'a! b!'],
    ['EVAL script 0 a', ''],
    ['EVAL script 2 a b c', 'a! b!'],
    ['FCALL_RO f 1 a c', 'a'],
    ['XREAD COUNT 1 STREAMS a b 0 0', 'a b'],
    ['XREADGROUP GROUP streams block NOACK STREAMS a >', 'a!'],
    ['XGROUP CREATE s g $', 's!'],
    ['XINFO STREAM s', 's'],
    ['OBJECT ENCODING a', 'a'],
    ['MEMORY USAGE a', 'a'],
    ['SORT a', 'a'],
    ['SORT a BY store GET store STORE d', 'a d!'],
    ['SORT a STORE x STORE d', 'a d!'],
    ['GEORADIUS a 1 2 3 m', 'a'],
    ['GEORADIUS a 1 2 3 m STORE d', 'a d!'],
    ['GEORADIUSBYMEMBER a store 3 m STOREDIST d', 'a d!'],
    ['BITFIELD a GET u8 0', 'a!'],
    ["MIGRATE h 1 '' 0 5 KEYS a b", 'a! b!'],
    ['PING', ''],
    ['FLUSHALL', ''],
    ['INFO', ''],
    ['SPUBLISH channel m', ''],
  ])('%s → %s', (line, keys) => {
    expect(keysOf(line)).toBe(keys);
  });

  it.each([
    'EVAL script -1',
    'EVAL script x a',
    'EVAL script 3 a b',
    'EVAL script 01 a',
    "EVAL script '' a",
    'EVAL script 9999999999 a',
    'ZUNIONSTORE d 3 a b',
    'ZUNION 3 a b',
    'LMPOP 9 a LEFT',
    'MSETEX 2 a 1 b',
    'XREAD COUNT 1 a 0',
    'XREAD STREAMS a b 0',
    'XREAD STREAMS',
    'XREAD FOO STREAMS a 0',
    'XREADGROUP GROUP g STREAMS STREAMS',
    "MIGRATE h 1 '' 0 5",
  ])('%s: cannot be told', (line) => {
    expect(keysOf(line)).toBeNull();
  });

  it('finds the keys of one list after another, growing as needed', () => {
    const list = new KeyList();
    const names = Array.from({ length: 1000 }, (_, i) => `key:${i}`);
    expect(keysOf(`DEL ${names.join(' ')}`, list)?.split(' ')).toEqual(names.map((name) => `${name}!`));
    expect(keysOf('GET k', list)).toBe('k');
  });

  it('stays within the arguments, whatever they are', () => {
    const anyWord = fc.constantFrom('0', '1', '2', '-1', '', 'STREAMS', 'GROUP', 'COUNT', 'STORE', 'KEYS', 'BY', 'k');
    const list = new KeyList();
    fc.assert(
      fc.property(fc.constantFrom(...table.all()), fc.array(anyWord, { maxLength: 12 }), (command, rest) => {
        const { frame, argc, starts, ends } = frameOf([...command.name.split('|'), ...rest]);
        if (!arityOk(command, argc)) return;
        findKeys(command, frame, argc, starts, ends, list);
        for (let i = 0; i < list.count; i++) expect(list.index[i]).toBeLessThan(argc);
      }),
      { numRuns: 3000 },
    );
  });

  it('finds what the examples mark as keys', () => {
    for (const line of LINES_WITH_KEYS) {
      const found = keysOf(line);
      expect(found, line).not.toBeNull();
      for (const key of (found as string).split(' ')) expect(key, line).toMatch(/^(k[0-9]?!?)?$/);
    }
  });
});

describe('options', () => {
  const block = (line: string): boolean => {
    const { frame, argc, starts, ends } = frameOf(words(line));
    return hasBlockOption(frame, argc, starts, ends);
  };

  it('sees BLOCK where it is an option, and only there', () => {
    expect(block('XREAD BLOCK 0 STREAMS s $')).toBe(true);
    expect(block('XREAD COUNT 5 block 10 STREAMS s $')).toBe(true);
    expect(block('XREADGROUP GROUP g c BLOCK 0 STREAMS s >')).toBe(true);
    expect(block('XREAD STREAMS s $')).toBe(false);
    expect(block('XREADGROUP GROUP block block STREAMS block >')).toBe(false);
    expect(block('XREAD COUNT 1 STREAMS block 0')).toBe(false);
    expect(block('XREAD NEWER 1 BLOCK 0 STREAMS s 0')).toBe(true);
  });

  it('sees the other database of COPY', () => {
    const db = (line: string): number => {
      const { frame, argc, starts, ends } = frameOf(words(line));
      return copyDbArgument(frame, argc, starts, ends);
    };
    expect(db('COPY a b')).toBe(-1);
    expect(db('COPY a db 3')).toBe(-1);
    expect(db('COPY a b REPLACE')).toBe(-1);
    expect(db('COPY a b REPLACE db 3')).toBe(5);
  });
});
