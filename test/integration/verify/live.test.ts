/** Verification while clients write all the time: what differs only because a write is on its way is no difference. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { Stage } from '../journey/stage.js';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ config: { limits: { bigKeyBytes: 64 * 1024 } } });
  const source = await stage.onSource();
  await Promise.all(Array.from({ length: 2000 }, (_, i) => source.send('SET', `key ${i}`, `value ${i}`)));
  await source.send('RPUSH', 'load:list', ...Array.from({ length: 5000 }, (_, i) => `element ${i} of a big list`));
  await source.send('EVAL', "for i = 1, 5000 do redis.call('ZADD', KEYS[1], i, 'm' .. i) end", 1, 'load:zset');
});
afterAll(() => stage?.close());

test.each(['dual-write', 'target-read', 'target-first'] as const)(
  'in %s, under constant writes, it is clean, and still finds one real difference',
  async (phase) => {
    const load = new Load(stage.ferry.port);
    try {
      await load.more(5);
      if (phase === 'dual-write') await stage.backfill();
      else await stage.goTo(phase);
      await load.more(20);
      for (let i = 0; i < 3; i++) {
        const before = load.batches;
        expect(await stage.verify()).toEqual([]);
        expect(load.batches).toBeGreaterThan(before);
      }
      const follower = phase === 'target-first' ? await stage.onSource() : await stage.onTarget();
      await follower.send('SETRANGE', 'key 1000', 6, 'X');
      const found = await stage.verify(true);
      expect(found.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['value key 1000']);
      expect(await stage.verify()).toEqual([]);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  },
);
