/**
 * A real redis-server is the authority on its own protocol: whatever it takes and refuses, the scanner must, in the same
 * words. The server gets a fixture's bytes on one connection and the scanner's frames for them on another; its answers
 * must be the same, the protocol error (which on the second connection the scanner has to supply) included.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorReply } from '../../../src/resp/encode.js';
import { COMMAND, PROTOCOL_ERROR, RequestScanner } from '../../../src/resp/request.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { bytes } from './drive.js';
import { answersOf, answerUntilClosed } from './raw-connection.js';
import { REQUESTS } from './request-fixtures.js';

let server: RedisServer;
let locked: RedisServer;

beforeAll(async () => {
  [server, locked] = await Promise.all([startRedis(), startRedis({ args: ['--requirepass', 'secret'] })]);
});

afterAll(async () => {
  await Promise.all([server.stop(), locked.stop()]);
});

/** The frames that the scanner makes of `text`, and the error reply it ends with, if any. */
function scanned(text: string, authenticated = true): { frames: string; error: string } {
  const scanner = new RequestScanner();
  scanner.authenticated = authenticated;
  scanner.push(bytes(text));
  let frames = '';
  for (;;) {
    const result = scanner.next();
    if (result === PROTOCOL_ERROR) return { frames, error: errorReply(scanner.error).toString('latin1') };
    if (result !== COMMAND) return { frames, error: '' };
    frames += scanner.frame.toString('latin1', scanner.frameStart, scanner.frameEnd);
  }
}

describe('a redis-server takes and refuses the same', () => {
  for (const fixture of REQUESTS) {
    it(fixture.name, async () => {
      const { frames, error } = scanned(fixture.bytes);
      const [raw, framed] = await Promise.all([
        answersOf(server.port, fixture.bytes),
        frames === '' ? '' : answersOf(server.port, frames),
      ]);
      expect(framed + error).toBe(raw);
      expect(error !== '').toBe(fixture.error !== undefined);
    });
  }
});

describe('a redis-server closes after a protocol error, and only then', () => {
  for (const fixture of REQUESTS.filter((f) => f.error !== undefined)) {
    it(fixture.name, async () => {
      expect(await answerUntilClosed(server.port, fixture.bytes, 5000)).toMatchObject({ closed: true });
    });
  }

  it('keeps an incomplete command open', async () => {
    expect(await answerUntilClosed(server.port, '*2\r\n$4\r\nECHO\r\n$3\r\nab', 100)).toEqual({
      replies: '',
      closed: false,
    });
  });
});

describe('a redis-server with a password has the same smaller limits', () => {
  const cases = [
    `*10\r\n${'$1\r\nk\r\n'.repeat(10)}`,
    '*11\r\n',
    '*2147483648\r\n',
    `*2\r\n$4\r\nAUTH\r\n$16384\r\n${'x'.repeat(16384)}\r\n`,
    '*2\r\n$4\r\nAUTH\r\n$16385\r\n',
    '*2\r\n$4\r\nAUTH\r\n+16385\r\n',
    '*2\r\n$4\r\nAUTH\r\n$536870913\r\n',
  ];
  for (const text of cases) {
    it(JSON.stringify(text.slice(0, 40)), async () => {
      const { frames, error } = scanned(text, false);
      const framed = frames === '' ? '' : await answersOf(locked.port, frames);
      expect(framed + error).toBe(await answersOf(locked.port, text));
    });
  }
});
