/** node-redis, unchanged, in RESP2 and RESP3: commands, transactions, blocking, pub/sub and scripts over a cutover. */
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';

let stage: Stage;

beforeEach(async () => {
  // what clients' scripts are a sign of would ask for a new verification in the middle of it
  stage = await Stage.open({ config: { detectBypass: { mode: 'off' } } });
});
afterEach(() => stage?.close());

describe.each([2, 3] as const)('RESP%i', (RESP) => {
  test('keeps working through all phases', { timeout: 60_000 }, async () => {
    const open = async () => {
      const client = createClient({ url: `redis://127.0.0.1:${stage.ferry.port}`, RESP });
      client.on('error', (error) => errors.push(String(error)));
      return client.connect();
    };
    const errors: string[] = [];
    const [client, blocked, subscriber] = [await open(), await open(), await open()];
    const heard: string[] = [];
    await subscriber.subscribe('news', (message) => heard.push(message));
    const popped: string[] = [];
    let isOver = false;
    const consuming = (async () => {
      while (!isOver) {
        const item = await blocked.blPop('queue', 0.5);
        if (item !== null) popped.push(item.element);
      }
    })();
    let counted = 0;
    let sent = 0;
    const working = (async () => {
      while (!isOver) {
        counted++;
        expect(await client.incr('count')).toBe(counted);
        await client.hSet('hash', { a: `${counted}`, b: 'x' });
        expect(await client.hGetAll('hash')).toEqual({ a: `${counted}`, b: 'x' });
        await client.zAdd('zset', [{ score: counted / 2, value: `${counted}` }]);
        expect(await client.zScore('zset', `${counted}`)).toBe(counted / 2);
        await client.rPush('queue', `${sent}`);
        await client.publish('news', `${sent++}`);
        const [set, got] = await client.multi().set('m', counted).get('m').exec();
        expect([String(set), String(got)]).toEqual(['OK', `${counted}`]);
        expect(
          await client.eval("return redis.call('incrby', KEYS[1], ARGV[1])", { keys: ['script'], arguments: ['2'] }),
        ).toBe(2 * counted);
      }
    })();
    await stage.readyForCutover();
    for (const to of ['target-first', 'target-read', 'target-first', 'target-only'] as const) {
      await sleep(150);
      await stage.goTo(to);
    }
    await sleep(150);
    isOver = true;
    await Promise.all([working, consuming]);
    for (let item = await client.lPop('queue'); item !== null; item = await client.lPop('queue')) popped.push(item);
    const all = Array.from({ length: sent }, (_, i) => `${i}`);
    expect(popped).toEqual(all);
    expect(heard).toEqual(all);
    expect(errors).toEqual([]);
    for (const one of [client, blocked, subscriber]) one.destroy();
  });
});
