/** Databases behind prefixes: whose a key is, what it is called, and in which slot it lies. */
import { describe, expect, test } from 'vitest';
import { keySlot } from '../../../src/topology/crc16.js';
import { KeyPrefixes } from '../../../src/topology/key-prefixes.js';

const prefixes = new KeyPrefixes({ 12: 'zwölf:', 1: 'db1:', 5: 'a*[b]?\\' });

describe('names', () => {
  test.each([
    [1, 'user:7', 'db1:user:7'],
    [1, '', 'db1:'],
    [1, 'db1:x', 'db1:db1:x'],
    [1, 'zwölf:x', 'db1:zwölf:x'],
    [12, 'ü', 'zwölf:ü'],
    [5, '{tag}x', 'a*[b]?\\{tag}x'],
    [0, 'user:7', 'user:7'],
    [0, 'db1', 'db1'],
  ])('in database %i %j is %j, and back', (db, key, here) => {
    expect(prefixes.keyHere(db, Buffer.from(key)).toString()).toBe(here);
    expect(prefixes.logicalKey(db, Buffer.from(here))?.toString()).toBe(key);
  });

  test("another database's keys have no name in this one", () => {
    expect(prefixes.logicalKey(0, Buffer.from('db1:x'))).toBeNull();
    expect(prefixes.logicalKey(0, Buffer.from('db1:'))).toBeNull();
    expect(prefixes.logicalKey(1, Buffer.from('x'))).toBeNull();
    expect(prefixes.logicalKey(1, Buffer.from('zwölf:x'))).toBeNull();
    expect(prefixes.dbOf(Buffer.from('..db1:x'), 2)).toBe(1);
    expect(prefixes.dbOf(Buffer.from('db1:x'), 0, 3)).toBe(-1);
  });

  test('databases are listed in order', () => {
    expect(prefixes.dbs).toEqual([1, 5, 12]);
  });
});

describe('slots', () => {
  const keys = [
    '',
    'x',
    'user:7',
    '{tag}x',
    'x{tag}',
    'x{}y',
    'x{',
    '{',
    '}',
    '}{',
    'a}b{c}d',
    '{}{t}',
    'x{a}{b}',
    'ü',
  ];
  test.each(keys)('the key %j lies where its whole name is hashed to', (key) => {
    for (const db of [0, 1, 5, 12]) {
      const here = prefixes.keyHere(db, Buffer.from(key));
      const inFrame = Buffer.from(`{..${key}..}`);
      expect(prefixes.slot(db, inFrame, 3, inFrame.length - 3)).toBe(keySlot(here, 0, here.length));
    }
  });
});

describe('patterns', () => {
  test('the prefix stands for itself', () => {
    expect(prefixes.pattern(1, 'u*').toString()).toBe('db1:u*');
    expect(prefixes.pattern(5, '[a-c]*').toString()).toBe('a\\*\\[b\\]\\?\\\\[a-c]*');
    expect(prefixes.pattern(0, 'u*').toString()).toBe('u*');
  });
});
