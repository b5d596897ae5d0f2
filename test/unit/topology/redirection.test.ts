import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ASK,
  CLUSTERDOWN,
  MOVED,
  NO_REDIRECTION,
  READONLY,
  redirectedTo,
  redirectionIn,
  TRYAGAIN,
} from '../../../src/topology/redirection.js';

/** Somewhere in a buffer, as in a lane's. */
function within<T>(text: string, read: (buf: Buffer, start: number, end: number) => T): T {
  const buf = Buffer.from(`+OK\r\n${text}:1\r\n`, 'latin1');
  return read(buf, 5, 5 + Buffer.byteLength(text, 'latin1'));
}

const kindOf = (text: string): number => within(text, redirectionIn);
const placeIn = (text: string): unknown => within(text, redirectedTo);

describe('redirectionIn', () => {
  it.each([
    ['-MOVED 3999 127.0.0.1:6381\r\n', MOVED],
    ['-ASK 3999 127.0.0.1:6381\r\n', ASK],
    ['-TRYAGAIN Multiple keys request during rehashing of slot\r\n', TRYAGAIN],
    ['-CLUSTERDOWN Hash slot not served\r\n', CLUSTERDOWN],
    ['-CLUSTERDOWN The cluster is down\r\n', CLUSTERDOWN],
    ["-READONLY You can't write against a read only replica.\r\n", READONLY],
  ])('%j', (text, kind) => {
    expect(kindOf(text)).toBe(kind);
  });

  it.each([
    '+MOVED 3999 127.0.0.1:6381\r\n',
    '$6\r\nMOVED \r\n',
    '-MOVEDX 3999\r\n',
    '-moved 3999 127.0.0.1:6381\r\n',
    '-MOVED\r\n',
    '-ASKING\r\n',
    '-ASK\r\n',
    '-ERR MOVED 3999 127.0.0.1:6381\r\n',
    '-READONLYX \r\n',
    '-CROSSSLOT Keys in request do not hash to the same slot\r\n',
    '-\r\n',
    ':1\r\n',
    '*1\r\n-MOVED 1 a:1\r\n',
  ])('%j is none', (text) => {
    expect(kindOf(text)).toBe(NO_REDIRECTION);
  });

  it('does not read beyond the reply', () => {
    const buf = Buffer.from('-MOVED 1 a:1\r\n');
    for (let end = 0; end < 7; end++) expect(redirectionIn(buf, 0, end)).toBe(NO_REDIRECTION);
  });
});

describe('redirectedTo', () => {
  it.each([
    ['-MOVED 3999 127.0.0.1:6381\r\n', { slot: 3999, host: '127.0.0.1', port: 6381 }],
    ['-ASK 0 node-2.example:7000\r\n', { slot: 0, host: 'node-2.example', port: 7000 }],
    ['-MOVED 16383 ::1:6379\r\n', { slot: 16383, host: '::1', port: 6379 }],
    ['-MOVED 16383 [fe80::1]:6379\r\n', { slot: 16383, host: 'fe80::1', port: 6379 }],
  ])('%j', (text, place) => {
    expect(placeIn(text)).toEqual(place);
  });

  it.each(['-MOVED 5 :6379\r\n', '-MOVED 5 ?:6379\r\n'])('%j means the host that said it', (text) => {
    expect(placeIn(text)).toEqual({ slot: 5, host: '', port: 6379 });
  });

  it.each([
    '-MOVED by a script\r\n',
    '-MOVED 5 nowhere\r\n',
    '-MOVED 5\r\n',
    '-MOVED x 127.0.0.1:1\r\n',
    '-ASK 123456 127.0.0.1:1\r\n',
    '-MOVED 5 127.0.0.1:123456\r\n',
    '-MOVED 5 127.0.0.1:1',
    '-TRYAGAIN 5 127.0.0.1:1\r\n',
  ])('%j names none', (text) => {
    expect(placeIn(text)).toBeNull();
  });

  it('reads back what a node would say', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('MOVED', 'ASK'),
        fc.nat(16383),
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
        fc.integer({ min: 1, max: 65535 }),
        (name, slot, host, port) => {
          expect(placeIn(`-${name} ${slot} ${host}:${port}\r\n`)).toEqual({ slot, host, port });
        },
      ),
    );
  });
});
