/** A big file takes no more memory than a small one: some MB here, and 1 GB in the long run. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IS_LONG_RUN } from '../../support/long-run.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { encode } from '../journey/pipe.js';
import { Files, LoadProcess, sets } from './load-process.js';

const MIB = 1024 * 1024;
const FILE_BYTES = IS_LONG_RUN ? 1024 * MIB : 96 * MIB;
/** Beyond what loading a handful of commands takes. */
const MORE_MIB = 64;

let server: RedisServer;
const files = new Files();

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server?.stop();
  files.remove();
});

/** The same keys again and again, with values of 1 KiB: the server stays small. */
async function bigFile(): Promise<{ path: string; commands: number }> {
  const value = Buffer.alloc(1024, 'v');
  const block = encode(Array.from({ length: 1000 }, (_, i) => ['SET', `key:${i}`, value]));
  const path = files.path('big.resp');
  const out = createWriteStream(path);
  let commands = 0;
  for (let written = 0; written < FILE_BYTES; written += block.length) {
    if (!out.write(block)) await once(out, 'drain');
    commands += 1000;
  }
  out.end();
  await once(out, 'finish');
  return { path, commands };
}

test('a big file', { timeout: 300_000 }, async () => {
  const few = await new LoadProcess([files.write('few.resp', sets(10)), '--url', server.url]).ended;
  const { path, commands } = await bigFile();
  for (const more of [[], ['--connections', '2']]) {
    const { code, answer, peakMiB } = await new LoadProcess([path, '--url', server.url, ...more]).ended;
    expect({ code, replies: answer.replies, errors: answer.errorCount }).toEqual({
      code: 0,
      replies: commands,
      errors: 0,
    });
    expect(peakMiB - few.peakMiB).toBeLessThan(MORE_MIB);
  }
});

test('one big value', { timeout: 120_000 }, async () => {
  const few = await new LoadProcess([files.write('few.resp', sets(10)), '--url', server.url]).ended;
  const path = files.write(
    'value.resp',
    encode([['SET', 'big', Buffer.alloc(IS_LONG_RUN ? 500 * MIB : 150 * MIB, 'b')]]),
  );
  const { code, answer, peakMiB } = await new LoadProcess([path, '--url', server.url]).ended;
  expect({ code, replies: answer.replies }).toEqual({ code: 0, replies: 1 });
  expect(peakMiB - few.peakMiB).toBeLessThan(MORE_MIB);
});
