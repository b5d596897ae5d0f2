/**
 * An upgrade: the source is the tests' usual redis-server (7.0), the target a newer one, whose DUMP payloads the source
 * does not take. A cutover, writes on the new side, and the way back. Runs only where FERRY_TEST_OTHER_REDIS names the
 * second redis-server (its path): one that knows deadlines of a hash's fields, 7.4 or newer.
 *
 *     FERRY_TEST_OTHER_REDIS=/opt/redis-8/bin/redis-server npx vitest run test/integration/journey/upgrade.test.ts
 */
import { afterEach, describe, expect, it } from 'vitest';
import { Stage } from './stage.js';
import type { Wire } from './wire.js';

const OTHER = process.env.FERRY_TEST_OTHER_REDIS ?? '';
const FIELDS = Array.from({ length: 600 }, (_, i) => [`f${i}`, `v${i}`]).flat();

let stage: Stage | undefined;
afterEach(() => stage?.close());

/** Keys of every type, small and large, under a prefix of their own. */
async function write(wire: Wire, prefix: string): Promise<void> {
  const lines: (string | number)[][] = [
    ['SET', 'string', 'v'],
    ['SET', 'string with a TTL', 'v', 'PX', 900_000],
    ['SETRANGE', 'big string', 200_000, 'end'],
    ['PFADD', 'hll', ...FIELDS],
    ['RPUSH', 'list', 'a', 'b', 'c'],
    ['RPUSH', 'long list', ...FIELDS],
    ['SADD', 'intset', 1, 2, 3],
    ['SADD', 'set', ...FIELDS],
    ['HSET', 'hash', 'a', 1, 'b', 2],
    ['EXPIRE', 'hash', 900],
    ['HSET', 'big hash', ...FIELDS],
    ['HINCRBYFLOAT', 'hash', 'a', '0.1'],
    ['ZADD', 'zset', '0.1', 'a', '1e300', 'b', '-inf', 'c'],
    ['ZINCRBY', 'zset', '0.1', 'd'],
    ['ZADD', 'zset', 'INCR', '0.2', 'a'],
    ['ZADD', 'popped', '1700000000.123', 'a', '0.3', 'b', 'inf', 'c'],
    ['ZPOPMIN', 'popped', 2],
    ['XADD', 'stream', '*', 'f', 'v'],
    ['XADD', 'stream', '*', 'f', 'w'],
    ['XGROUP', 'DESTROY', 'stream', 'g'],
    ['XGROUP', 'CREATE', 'stream', 'g', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 1, 'STREAMS', 'stream', '>'],
    ['SPOP', 'set', 3],
    ['EVAL', "return redis.call('RPUSH', KEYS[1], 'by a script')", 1, 'list'],
  ];
  for (const line of lines) {
    const at = line[0] === 'XGROUP' ? 2 : line[0] === 'XREADGROUP' ? 7 : line[0] === 'EVAL' ? 3 : 1;
    const named = line.map((word, i) => (i === at ? `${prefix} ${word}` : word));
    expect(await wire.send(...named)).not.toBeInstanceOf(Error);
  }
}

describe.runIf(OTHER !== '')('from one version of Redis to a newer one', () => {
  it('keys of every type are the same on both sides, there and back', { timeout: 120_000 }, async () => {
    stage = await Stage.open({ binaries: { target: OTHER }, config: { limits: { bigKeyBytes: 64 * 1024 } } });
    await write(await stage.onSource(), 'before Ferry');
    await stage.readyForCutover();
    const client = await stage.client();
    await write(client, 'before the cutover');
    await write(client, 'before Ferry');
    await stage.settled();
    // what is the same in another form is no mismatch, after which everything would have to be verified anew
    expect(stage.ferry.counters.selfCheckMismatches).toBe(0);
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);

    await stage.goTo('target-first');
    await write(client, 'after the cutover');
    await write(client, 'before the cutover');
    await stage.settled();
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);

    await stage.goTo('target-read');
    await write(client, 'after the rollback');
    await write(client, 'after the cutover');
    await stage.settled();
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);
  });

  it("deadlines of a hash's fields, which the old side cannot keep, are told until they are gone", async () => {
    stage = await Stage.open({ binaries: { target: OTHER } });
    await (await stage.onSource()).send('HSET', 'h', 'a', 1, 'b', 2);
    await stage.readyForCutover();
    await stage.goTo('target-first');
    const client = await stage.client();
    expect(String(await client.send('HEXPIRE', 'h', 900, 'FIELDS', 1, 'a'))).toBe('1');
    await stage.until('the key is dirty', ({ mirror }) => mirror.dirtyKeys === 1);
    expect((await stage.verify()).map(({ kind, key }) => `${kind} ${key}`)).toEqual(['ttl h']);
    const refused = await stage.phase('target-read');
    expect(refused).toMatchObject({ ok: false });

    expect(String(await client.send('HPERSIST', 'h', 'FIELDS', 1, 'a'))).toBe('1');
    await stage.settled();
    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-read');
    expect(await stage.differences()).toEqual([]);
  });
});
