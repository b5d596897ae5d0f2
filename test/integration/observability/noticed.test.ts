/** FERRY SLOWLOG and FERRY HOTKEYS, from a plain Redis client. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Pipe } from '../journey/pipe.js';
import { Stage } from '../journey/stage.js';
import { list, text } from '../journey/wire.js';

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open({ config: { slowlogMs: 50 }, sourceArgs: ['--enable-debug-command', 'yes'] });
  await stage.goTo('dual-write');
});
afterEach(() => stage?.close());

test('slow commands: name, key, time, side and client, and no value', { timeout: 30_000 }, async () => {
  const client = await stage.client();
  await client.send('CLIENT', 'SETNAME', 'shop');
  const source = await stage.onSource();
  await client.send('SET', 'quick', '1');
  // the server answers nobody for a while
  const pause = source.send('DEBUG', 'SLEEP', '0.2');
  await client.send('SET', 'slow:key', 'secret-value');
  await pause;
  const [entry, ...more] = list(await client.send('FERRY', 'SLOWLOG')).map((one) => list(one));
  expect(more).toEqual([]);
  const [id, atSeconds, micros, command, address, name, side] = entry!;
  expect([text(id!), list(command!).map(text), text(name!), text(side!)]).toEqual([
    '0',
    ['SET', 'slow:key'],
    'shop',
    'source',
  ]);
  expect(Number(text(micros!))).toBeGreaterThan(50_000);
  expect(Math.abs(Number(text(atSeconds!)) - Date.now() / 1000)).toBeLessThan(30);
  expect(text(address!)).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(text(await client.send('FERRY', 'SLOWLOG', 'RESET'))).toBe('OK');
  expect(list(await client.send('FERRY', 'SLOWLOG'))).toEqual([]);
});

test('hot keys: the ones that are used most, with about how often', { timeout: 30_000 }, async () => {
  const pipe = await Pipe.open(stage.ferry.port);
  for (let round = 0; round < 40; round++) {
    const commands = Array.from({ length: 500 }, (_, i) => ['GET', i % 4 === 0 ? 'hot' : `cold:${round}:${i}`]);
    await pipe.batch(commands);
  }
  const all = list((await pipe.ask('FERRY', 'HOTKEYS', '5'))!).map((one) => list(one).map(text));
  pipe.close();
  expect(all.length).toBe(5);
  const [key, db, commands, percent] = all[0]!;
  expect([key, db]).toEqual(['hot', '0']);
  // 5,000 of 20,000, of which one in 64 was looked at
  expect(Number(commands)).toBeGreaterThan(2500);
  expect(Number(commands)).toBeLessThan(8000);
  expect(Number(percent)).toBeGreaterThan(12);
  expect(Number(percent)).toBeLessThan(40);
});

test('who may not read the server’s slow log sees nothing here', async () => {
  const source = await stage.onSource();
  await source.send('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~app:*', '+@read', '+ping');
  await (await stage.onTarget()).send('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~app:*', '+@read', '+ping');
  const narrow = await stage.client('narrow', 'pw');
  for (const what of ['SLOWLOG', 'HOTKEYS']) expect(text(await narrow.send('FERRY', what))).toMatch(/NOPERM/);
});

test('wrong arguments', async () => {
  const client = await stage.client();
  expect(text(await client.send('FERRY', 'SLOWLOG', 'many'))).toMatch(/not an integer/);
  expect(text(await client.send('FERRY', 'NOTHING'))).toMatch(/try FERRY STATUS, PHASE, DIRTY, SLOWLOG or HOTKEYS/);
});
