/** The keys in a Cluster's replies get their own names back, in both protocol versions; nothing else changes. */
import { describe, expect, test } from 'vitest';
import type { Upstream } from '../../../../src/lanes/upstream.js';
import { namesBackFor, namesBackInExec } from '../../../../src/sessions/prefixed/names-back.js';
import { KeyPrefixes } from '../../../../src/topology/key-prefixes.js';

const side = { prefixes: new KeyPrefixes({ 1: 'p:', 2: 'q:' }) } as unknown as Upstream;

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const array = (...elements: string[]): string => `*${elements.length}\r\n${elements.join('')}`;
const map = (...elements: string[]): string => `%${elements.length / 2}\r\n${elements.join('')}`;

function named(command: string, reply: string, db = 1): string {
  const namesBack = namesBackFor(side, command, db);
  return namesBack === null ? reply : namesBack(Buffer.from(reply)).toString();
}

describe('lists of keys', () => {
  const all = array(bulk('p:a'), bulk('q:b'), bulk('c'), bulk('p:'), bulk('p:q:d'));

  test("are those of one's own database", () => {
    expect(named('keys', all, 1)).toBe(array(bulk('a'), bulk(''), bulk('q:d')));
    expect(named('keys', all, 2)).toBe(array(bulk('b')));
    expect(named('keys', all, 0)).toBe(array(bulk('c')));
    expect(named('keys', array(), 1)).toBe(array());
  });

  test('of SCAN stand behind the cursor', () => {
    expect(named('scan', array(bulk('17'), all), 1)).toBe(array(bulk('17'), array(bulk('a'), bulk(''), bulk('q:d'))));
    expect(named('scan', array(bulk('0'), array(bulk('p:a'))), 0)).toBe(array(bulk('0'), array()));
  });
});

describe('names of what was read', () => {
  test.each(['blpop', 'brpop', 'bzpopmin', 'bzpopmax', 'lmpop', 'blmpop', 'zmpop', 'bzmpop'])('%s', (command) => {
    expect(named(command, array(bulk('p:k'), bulk('p:v')))).toBe(array(bulk('k'), bulk('p:v')));
    for (const nothing of ['*-1\r\n', '$-1\r\n', '_\r\n', '-WRONGTYPE p:k\r\n']) {
      expect(named(command, nothing)).toBe(nothing);
    }
  });

  test.each(['xread', 'xreadgroup'])('%s', (command) => {
    const entries = array(array(bulk('1-1'), array(bulk('p:f'), bulk('p:v'))));
    expect(named(command, array(array(bulk('p:s'), entries), array(bulk('p:t'), entries)))).toBe(
      array(array(bulk('s'), entries), array(bulk('t'), entries)),
    );
    expect(named(command, map(bulk('p:s'), entries, bulk('p:t'), entries))).toBe(
      map(bulk('s'), entries, bulk('t'), entries),
    );
    expect(named(command, '*-1\r\n')).toBe('*-1\r\n');
  });
});

describe('errors', () => {
  test.each([
    ["-NOGROUP No such key 'p:s' or consumer group 'p:g'", "-NOGROUP No such key 's' or consumer group 'p:g'"],
    [
      "-NOGROUP No such consumer group 'p:g' for key name 'p:s'",
      "-NOGROUP No such consumer group 'p:g' for key name 's'",
    ],
    ["-NOGROUP No such key 's' or", "-NOGROUP No such key 's' or"],
    ["-ERR p: 'p:s'", "-ERR p: 'p:s'"],
  ])('%s', (error, expected) => {
    expect(named('xgroup|destroy', `${error}\r\n`)).toBe(`${expected}\r\n`);
  });
});

describe('everything else', () => {
  test('is not even looked at', () => {
    for (const command of ['get', 'lrange', 'eval', 'set', 'mget']) expect(namesBackFor(side, command, 1)).toBeNull();
    for (const command of ['xread', 'blpop']) expect(namesBackFor(side, command, 0)).toBeNull();
    expect(namesBackFor({ prefixes: null } as unknown as Upstream, 'keys', 1)).toBeNull();
  });

  test('stays as it is in a transaction', () => {
    const each = ['get', 'blpop', 'keys', 'blpop'].map((command) => namesBackFor(side, command, 1));
    const namesBack = namesBackInExec(each)!;
    const exec = array(bulk('p:x'), array(bulk('p:k'), bulk('v')), array(bulk('p:a'), bulk('b')), '-ERR no\r\n');
    expect(namesBack(Buffer.from(exec)).toString()).toBe(
      array(bulk('p:x'), array(bulk('k'), bulk('v')), array(bulk('a')), '-ERR no\r\n'),
    );
    for (const reply of ['*-1\r\n', '-EXECABORT\r\n']) expect(namesBack(Buffer.from(reply)).toString()).toBe(reply);
    expect(namesBackInExec([null, null])).toBeNull();
  });
});
