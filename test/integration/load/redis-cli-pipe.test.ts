/** The real `redis-cli --pipe` through Ferry: its random ECHO at the end, its counts, inline and RESP, binary, errors. */
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import { encode } from '../journey/pipe.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';
import { sets } from './load-process.js';

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage?.close());

function pipe(input: Buffer): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('timeout', ['50', 'redis-cli', '-p', String(stage.ferry.port), '--pipe']);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('close', (status) => resolve({ status, output }));
    child.stdin.end(input);
  });
}

test.each<PhaseName>(['source-only', 'dual-write'])('in %s', { timeout: 60_000 }, async (phase) => {
  if (phase !== 'source-only') await stage.goTo(phase);
  const count = 20_000;
  const good = await pipe(sets(count));
  expect(good).toMatchObject({ status: 0, output: expect.stringContaining(`errors: 0, replies: ${count}`) });
  expect(good.output).toContain('Last reply received from server.');

  const binary = Buffer.from([0, 13, 10, 255]);
  const mixed = Buffer.concat([encode([['SET', binary, binary]]), Buffer.from('LPUSH key:1 x\nSET inline "a b"\n')]);
  const some = await pipe(mixed);
  expect(some.output).toContain('errors: 1, replies: 3');
  expect(some.output).toContain('WRONGTYPE');

  const client = await stage.client();
  expect(binary.equals((await client.send('GET', binary)) as Buffer)).toBe(true);
  expect(text(await client.send('GET', 'inline'))).toBe('a b');
  expect(text(await client.send('DBSIZE'))).toBe(String(count + 2));
  if (phase === 'source-only') return;
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});
