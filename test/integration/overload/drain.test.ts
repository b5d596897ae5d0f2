/** A Ferry that is told to stop: what was sent is answered and taken, what the mirror is owed is given, and the end is clean. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { CLOSED, Pipe } from '../journey/pipe.js';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

const isClean = (): boolean => JSON.parse(readFileSync(join(stage.stateDir, 'state.json'), 'utf8')).clean;

test('what is on its way is answered, and mirrored, before the connections are closed', async () => {
  stage = await Stage.open({ relays: true });
  await stage.goTo('dual-write');
  const client = await Pipe.open(stage.ferry.port);
  await client.ask('PING');
  await stage.settled();
  stage.relay('source').hold('client');
  const replies = client.batch(Array.from({ length: 500 }, (_, i) => ['SET', `key ${i}`, 'v']));
  await sleep(100);
  const { port } = stage.ferry;
  const stopped = stage.stop();
  await sleep(100);
  // nobody new gets in
  await expect(Pipe.open(port)).rejects.toThrow(/ECONNREFUSED/);
  stage.relay('source').release('client');
  expect(new Set((await replies).map(text))).toEqual(new Set(['OK']));
  expect(await client.closed()).toBe(true);
  await stopped;
  expect(isClean()).toBe(true);
  expect(await stage.differences()).toEqual([]);
});

test('a client that takes its replies slowly gets all that there are, and not a part of one', async () => {
  stage = await Stage.open();
  const client = await Pipe.open(stage.ferry.port);
  await client.ask('SET', 'big', 'v'.repeat(400_000));
  client.socket.pause();
  let bytes = 0;
  client.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  client.socket.pause();
  const replies = client.batch(Array.from({ length: 40 }, () => ['GET', 'big']));
  await sleep(500);
  const stopped = stage.stop();
  await sleep(500);
  client.socket.resume();
  const got = await replies;
  const whole = got.filter((reply) => reply !== CLOSED);
  // those that were not begun have no reply, as with a server that goes; more than the kernel holds were
  expect(whole.length).toBeGreaterThan(2);
  expect(bytes).toBe(whole.length * '$400000\r\n'.length + whole.length * 400_002);
  await stopped;
  expect(isClean()).toBe(true);
});

test('one that never takes them does not hold it up, and neither does a server that hangs', async () => {
  stage = await Stage.open({ relays: true });
  const [reader, writer] = [await Pipe.open(stage.ferry.port), await Pipe.open(stage.ferry.port)];
  await reader.ask('SET', 'big', 'v'.repeat(400_000));
  reader.socket.pause();
  reader.batch(Array.from({ length: 20 }, () => ['GET', 'big'])).catch(() => {});
  await sleep(200);
  stage.relay('source').hold('client');
  const write = writer.ask('SET', 'k', 'v');
  await sleep(100);
  await stage.stop();
  expect(await write).toBe(CLOSED);
  expect(isClean()).toBe(false);
  reader.close();
});
