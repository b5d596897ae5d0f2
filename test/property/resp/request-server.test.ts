/** Random near-commands: a real redis-server and the scanner must read them alike (see the unit test of that name). */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { errorReply } from '../../../src/resp/encode.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { scanRequests } from '../../unit/resp/drive.js';
import { answersOf } from '../../unit/resp/raw-connection.js';
import { encode, rubbishRequests } from './generate.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

it('a redis-server reads rubbish as the scanner does', async () => {
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(rubbishRequests, async (text) => {
      const { commands, error } = scanRequests([text]);
      const frames = commands.map(encode).join('');
      const raw = await answersOf(server.port, text);
      const framed = frames === '' ? '' : await answersOf(server.port, frames);
      const refusal = error === null ? '' : errorReply(error).toString('latin1');
      expect(framed + refusal).toBe(raw);
      if (raw !== '') answered++;
    }),
    { numRuns: 1500 },
  );
  expect(answered).toBeGreaterThan(300);
});
