import { describe, expect, it } from 'vitest';
import { COMMAND, NEED_MORE, PROTOCOL_ERROR, RequestScanner } from '../../../src/resp/request.js';
import { bytes, inPiecesOf, type Scanned, scanRequests } from './drive.js';
import { REQUESTS, type RequestFixture } from './request-fixtures.js';

function expected(fixture: RequestFixture): Scanned {
  return {
    commands: fixture.commands,
    error: fixture.error ?? null,
    pending: fixture.error === undefined ? (fixture.pending ?? 0) : 0,
  };
}

describe('RequestScanner reads every fixture', () => {
  for (const fixture of REQUESTS) {
    it(`${fixture.name}: whole, byte by byte, in pieces`, () => {
      for (const size of [Math.max(1, fixture.bytes.length), 1, 2, 3, 7, 1023, 1024, 4096]) {
        expect(scanRequests(inPiecesOf(fixture.bytes, size))).toEqual(expected(fixture));
      }
    });
  }

  it('one behind the other on one connection', () => {
    const good = REQUESTS.filter((fixture) => fixture.error === undefined && fixture.pending === undefined);
    const text = good.map((fixture) => fixture.bytes).join('');
    const commands = good.flatMap((fixture) => fixture.commands);
    for (const size of [text.length, 1, 5, 64, 1000, 5000]) {
      expect(scanRequests(inPiecesOf(text, size))).toEqual({ commands, error: null, pending: 0 });
    }
  });

  it('when several chunks are pushed before the first next()', () => {
    for (const fixture of REQUESTS) {
      const scanner = new RequestScanner();
      const pieces = inPiecesOf(fixture.bytes, 11);
      for (const piece of pieces.slice(0, -1)) scanner.push(bytes(piece));
      expect(scanRequests(pieces.slice(-1), scanner), fixture.name).toEqual(expected(fixture));
    }
  });
});

describe('RequestScanner', () => {
  const set = '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n';

  it('gives spans of the chunk itself', () => {
    const scanner = new RequestScanner();
    const chunk = bytes(set + set);
    scanner.push(chunk);
    expect(scanner.next()).toBe(COMMAND);
    expect([scanner.frameStart, scanner.frameEnd]).toEqual([0, set.length]);
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.frame).toBe(chunk);
    expect([scanner.frameStart, scanner.frameEnd]).toEqual([set.length, 2 * set.length]);
    expect(scanner.arg(2).toString()).toBe('value');
    expect(scanner.text(1)).toBe('k');
    expect(() => scanner.arg(3)).toThrow(RangeError);
    expect(scanner.next()).toBe(NEED_MORE);
  });

  it('scans the commands behind a split one in their own chunk again', () => {
    const scanner = new RequestScanner();
    const second = bytes(set.slice(10) + set.repeat(100) + set.slice(0, 9));
    scanner.push(bytes(set.slice(0, 10)));
    expect(scanner.next()).toBe(NEED_MORE);
    scanner.push(second);
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.frame).not.toBe(second);
    for (let i = 0; i < 100; i++) {
      expect(scanner.next()).toBe(COMMAND);
      expect(scanner.frame).toBe(second);
      expect(scanner.frameStart).toBe(set.length - 10 + i * set.length);
    }
    expect(scanner.next()).toBe(NEED_MORE);
    expect(scanner.bufferedBytes).toBe(9);
    scanner.push(bytes(set.slice(9)));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.bufferedBytes).toBe(0);
  });

  it('never writes to a chunk', () => {
    const text = set.repeat(50);
    for (const size of [1, 3, 20, 100, 900]) {
      const scanner = new RequestScanner();
      const pieces = inPiecesOf(text, size);
      const chunks = pieces.map(bytes);
      for (const chunk of chunks) {
        scanner.push(chunk);
        while (scanner.next() === COMMAND);
      }
      expect(chunks.map((chunk) => chunk.toString('latin1'))).toEqual(pieces);
    }
  });

  it('writes inline and odd commands as multibulk', () => {
    for (const text of ['SET k "value"\r\n', '*3\r?$3\r\nSET--$1\rxk\r\n$5\r\nvalue\n\n']) {
      const scanner = new RequestScanner();
      scanner.push(bytes(text));
      expect(scanner.next()).toBe(COMMAND);
      expect(scanner.frame.toString('latin1', scanner.frameStart, scanner.frameEnd)).toBe(set);
      scanner.push(bytes(set));
      expect(scanner.next()).toBe(COMMAND);
      expect(scanner.frame.length, 'the oddness was forgotten').toBe(set.length);
      expect(scanner.text(2)).toBe('value');
    }
  });

  it('stays broken after an error, and holds nothing', () => {
    const scanner = new RequestScanner();
    scanner.push(bytes('*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n'));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.next()).toBe(PROTOCOL_ERROR);
    scanner.push(bytes(set));
    expect(scanner.next()).toBe(PROTOCOL_ERROR);
    expect(scanner.error).toBe('ERR Protocol error: invalid multibulk length');
    expect(scanner.bufferedBytes).toBe(0);
  });

  it('lets go of the chunk and of large span arrays when nothing is left', () => {
    const scanner = new RequestScanner();
    scanner.push(bytes(`*5000\r\n${'$1\r\nk\r\n'.repeat(5000)}`));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.argc).toBe(5000);
    expect(scanner.starts.length).toBeGreaterThanOrEqual(5000);
    expect(scanner.next()).toBe(NEED_MORE);
    expect(scanner.frame.length).toBe(0);
    expect(scanner.starts.length).toBeLessThan(100);
  });

  it('keeps the limits of a client that has not given the password', () => {
    const early = (text: string): Scanned => {
      const scanner = new RequestScanner();
      scanner.authenticated = false;
      return scanRequests([text], scanner);
    };
    const error = 'ERR Protocol error: unauthenticated';
    expect(early(`*10\r\n${'$1\r\nk\r\n'.repeat(10)}`).commands).toHaveLength(1);
    expect(early('*11\r\n').error).toBe(`${error} multibulk length`);
    expect(early(`*1\r\n$16384\r\n${'x'.repeat(16384)}\r\n`).commands).toHaveLength(1);
    expect(early('*1\r\n$16385\r\n').error).toBe(`${error} bulk length`);
    expect(early('*1\r\n+16385\r\n').error).toBe("ERR Protocol error: expected '$', got '+'");
  });

  it('keeps a configured proto-max-bulk-len', () => {
    const scanner = new RequestScanner();
    scanner.maxBulkBytes = 2000;
    expect(scanRequests([`*1\r\n$2000\r\n${'x'.repeat(2000)}\r\n*1\r\n$2001\r\n`], scanner)).toEqual({
      commands: [['x'.repeat(2000)]],
      error: 'ERR Protocol error: invalid bulk length',
      pending: 0,
    });
  });

  it('bounds what one command may hold', () => {
    const scanner = new RequestScanner();
    scanner.maxCommandBytes = 1000;
    const text = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$900\r\n${'v'.repeat(900)}\r\n`;
    expect(scanRequests(inPiecesOf(text, 300), scanner).commands).toHaveLength(1);
    scanner.push(bytes('*2\r\n$3\r\nSET\r\n$990\r\n'));
    expect(scanner.next()).toBe(PROTOCOL_ERROR);
    expect(scanner.error).toBe('FERRY a command larger than 1000 bytes is not accepted');
  });

  it('takes a bulk of 64 MB in 16 KB chunks without copying it over and over', () => {
    const total = 64 * 1024 * 1024;
    const chunk = Buffer.alloc(16 * 1024, 'v');
    const scanner = new RequestScanner();
    scanner.push(bytes(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${total}\r\n`));
    const started = performance.now();
    for (let i = 0; i < total / chunk.length; i++) {
      scanner.push(chunk);
      if (scanner.next() !== NEED_MORE) expect.fail(`something after chunk ${i}`);
    }
    expect(scanner.bufferedBytes).toBe(total + 31);
    scanner.push(bytes('\r\n'));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.ends[2] - scanner.starts[2]).toBe(total);
    expect(scanner.frame.length, 'no spare room').toBe(scanner.frameEnd);
    // Once is some 50 ms; once per chunk would be 128 GB, half a minute.
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('takes a bulk byte by byte without an object per byte', () => {
    const total = 300_000;
    const scanner = new RequestScanner();
    scanner.push(bytes(`*2\r\n$4\r\nECHO\r\n$${total}\r\n`));
    const byte = bytes('v');
    for (let i = 0; i < total; i++) {
      scanner.push(byte);
      if (scanner.next() !== NEED_MORE) expect.fail(`something after ${i} bytes`);
    }
    scanner.push(bytes('\r'));
    scanner.push(bytes('\n*1\r\n$4\r\nPING\r\n'));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.arg(1).equals(Buffer.alloc(total, 'v'))).toBe(true);
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.text(0)).toBe('PING');
    expect(scanner.next()).toBe(NEED_MORE);
  });

  it('takes 200,000 arguments in small chunks in linear time', () => {
    const n = 200_000;
    const scanner = new RequestScanner();
    const started = performance.now();
    const found = scanRequests(inPiecesOf(`*${n}\r\n${'$3\r\nkey\r\n'.repeat(n)}`, 100), scanner);
    expect(found.commands[0]).toHaveLength(n);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
