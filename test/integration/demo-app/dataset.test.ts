/** The dataset has every type in every encoding, and the demo's own comparison finds whatever differs between servers. */
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fillDataset } from '../../../bench/dataset/fill.js';
import { compareServers } from '../../../src/cli/demo/compare.js';
import { startCluster } from '../../support/cluster.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

const KEYS = 3000;
let servers: [RedisServer, RedisServer];
let source: Redis;
let target: Redis;

beforeAll(async () => {
  servers = [await startRedis(), await startRedis()];
  source = new Redis(servers[0].url);
  target = new Redis(servers[1].url);
  await fillDataset(servers[0].url, { keys: KEYS, bigStringBytes: 1_000_000, bigFields: 1000 });
});

afterAll(async () => {
  source.disconnect();
  target.disconnect();
  await Promise.all(servers.map((server) => server.stop()));
});

/** Every key by DUMP and RESTORE, as a plain copying program would. */
async function copyAll(): Promise<void> {
  await target.flushall();
  for (const db of [0, 1, 5]) {
    const [from, to] = [source.duplicate({ db }), target.duplicate({ db })];
    const keys = await from.keysBuffer('*');
    await Promise.all(
      keys.map(async (key) => {
        const [deadlineMs, payload] = await Promise.all([from.pexpiretime(key), from.dumpBuffer(key)]);
        if (deadlineMs !== -2) await to.restore(key, Math.max(0, deadlineMs), payload, 'REPLACE', 'ABSTTL');
      }),
    );
    from.disconnect();
    to.disconnect();
  }
}

function compare() {
  return compareServers(servers[0].url, servers[1].url, { roundPauseMs: 10 });
}

describe('the dataset', () => {
  it('has as many keys as asked for, in several dbs', async () => {
    const keyspace = await source.info('keyspace');
    const counts = [...keyspace.matchAll(/keys=(\d+)/g)].map((match) => Number(match[1]));
    const short = 0.03 * KEYS; // some expire at once
    expect(counts.reduce((a, b) => a + b)).toBeGreaterThan(KEYS - short);
    expect(keyspace).toMatch(/db0:[\s\S]*db1:[\s\S]*db5:/);
  });

  it('has every type in its encodings, binary keys, and TTLs', async () => {
    const found = new Set<string>();
    for (const key of await source.keysBuffer('*')) {
      const [type, encoding, ttlMs] = await Promise.all([
        source.type(key),
        source.object('ENCODING', key),
        source.pttl(key),
      ]);
      found
        .add(type)
        .add(`${type} ${encoding}`)
        .add(ttlMs > 0 ? `${type} with TTL` : type);
      if (key.includes(0) && key.includes(0xff)) found.add(`binary ${type}`);
      if (key.toString().startsWith('hll:') && encoding === 'raw') {
        found.add((await source.getrangeBuffer(key, 4, 4))[0] === 0 ? 'dense HyperLogLog' : 'sparse HyperLogLog');
      }
    }
    for (const type of ['string', 'list', 'set', 'hash', 'zset', 'stream']) expect(found).toContain(type);
    for (const type of ['string', 'list', 'set', 'hash', 'zset']) expect(found).toContain(`binary ${type}`);
    for (const type of ['string', 'hash', 'list', 'zset']) expect(found).toContain(`${type} with TTL`);
    expect(found).toContain('set intset');
    expect(found).toContain('set hashtable');
    expect(found).toContain('hash hashtable');
    expect(found).toContain('zset skiplist');
    expect(found).toContain('dense HyperLogLog');
    expect(found).toContain('sparse HyperLogLog');
    expect(await source.hlen('big:hash:0')).toBe(1000);
    expect(await source.strlen('big:string')).toBe(1_000_000);
  });

  it('has consumer groups with pending entries of several consumers', async () => {
    const [, , , consumers] = (await source.xpending('big:stream', 'billing')) as [number, string, string, string[][]];
    expect(consumers.map(([name]) => name)).toEqual(['alice', 'bob']);
  });
});

describe('the comparison', () => {
  it('finds nothing between a server and its copy, in either direction', async () => {
    await copyAll();
    const { compared, count, differences } = await compare();
    expect(differences).toEqual([]);
    expect(count).toBe(0);
    expect(compared).toBeGreaterThan(0.9 * KEYS);
  });

  const planted: [what: string, kind: string, change: () => Promise<unknown>][] = [
    ['a missing key', 'missing', () => target.del('big:set')],
    ['an extra key', 'extra', () => target.set('extra', 1)],
    ['another type', 'type', () => target.multi().del('big:list').set('big:list', 1).exec()],
    ['one byte of a big string', 'value', () => target.setrange('big:string', 999_999, '\0')],
    ['one field of a big hash', 'value', () => target.hset('big:hash:1', 'field:777', 'other')],
    ['a list without its tail', 'value', () => target.rpop('big:list')],
    ['a set member', 'value', () => target.spop('big:set')],
    ['the last bit of a score', 'value', () => target.zadd('big:zset', 0.1 + 0.2, 'member:5')],
    ['a TTL', 'ttl', () => target.expire('big:hash:2', 5000)],
    ['a pending entry', 'value', () => target.xack('big:stream', 'billing', '1600000000050-2')],
    ['a group’s position', 'value', () => target.xgroup('SETID', 'big:stream', 'billing', '0')],
    ['a consumer', 'value', () => target.xgroup('CREATECONSUMER', 'big:stream', 'billing', 'eve')],
    ['a stream’s last id', 'value', () => target.xsetid('big:stream', '1999999999999-0')],
    ['a register of a HyperLogLog', 'value', () => target.pfadd('register', 'b')],
    ['a key in another db', 'extra', () => target.multi().select(5).set('extra', 1).select(0).exec()],
  ];

  it.each(planted)('finds %s', async (_what, kind, change) => {
    await source.pfadd('register', 'a');
    await source.zadd('big:zset', 0.3, 'member:5');
    await copyAll();
    await change();
    const { count, differences } = await compare();
    expect(differences.map((difference) => difference.kind)).toEqual([kind]);
    expect(count).toBe(1);
  });

  it('finds a delivery count and a delivery time of a pending entry', async () => {
    for (const change of [
      ['RETRYCOUNT', 7],
      ['IDLE', 60_000],
    ] as const) {
      await copyAll();
      const options = ['0', '1600000000050-2', ...change, 'JUSTID'];
      await target.call('XCLAIM', 'big:stream', 'billing', 'alice', ...options);
      expect((await compare()).differences).toHaveLength(1);
    }
  });

  it('does not mind where a hash table keeps its elements, nor the cached count of a HyperLogLog', async () => {
    await copyAll();
    await target.pfcount('register');
    const members = await target.smembers('big:set');
    await target.del('big:set');
    await target.sadd('big:set', ...members.reverse());
    expect((await compare()).differences).toEqual([]);
  });
});

describe('the comparison with a Cluster', () => {
  const SMALL_KEYS = 600;
  const targetPrefixes = new Map([
    [1, 'db1:'],
    [5, 'db5:'],
  ]);

  it('reads every master, in both directions, and finds other dbs behind their prefixes', async () => {
    const cluster = await startCluster({ replicasPerMaster: 0 });
    const all = new Cluster(cluster.nodes.map(({ url }) => url));
    try {
      await target.flushall();
      await fillDataset(servers[1].url, { keys: SMALL_KEYS, bigStringBytes: 1000, bigFields: 100 });
      for (const db of [0, ...targetPrefixes.keys()]) {
        const from = target.duplicate({ db });
        for (const key of await from.keysBuffer('*')) {
          const [deadlineMs, payload] = await Promise.all([from.pexpiretime(key), from.dumpBuffer(key)]);
          const name = Buffer.concat([Buffer.from(targetPrefixes.get(db) ?? ''), key]);
          if (deadlineMs !== -2) await all.restore(name, Math.max(0, deadlineMs), payload, 'ABSTTL');
        }
        from.disconnect();
      }
      const compareWithCluster = () =>
        compareServers(servers[1].url, cluster.url, { roundPauseMs: 10, targetPrefixes });
      const { compared, differences } = await compareWithCluster();
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(0.9 * SMALL_KEYS);

      for (const { url } of cluster.nodes) {
        const master = new Redis(url);
        const owned = await master.keysBuffer('text:*');
        await master.del(owned[0]!);
        await master.set(owned[1]!, 'another value', 'KEEPTTL');
        await master.rename(owned[2]!, Buffer.concat([Buffer.from('{'), owned[2]!, Buffer.from('}')]));
        master.disconnect();
      }
      await all.set('db5:nobody knows me', 1);
      const found = (await compareWithCluster()).differences.map(({ db, kind }) => `${kind} in ${db}`);
      // a key that was renamed is missing here and extra there
      const perMaster = ['extra in 0', 'missing in 0', 'missing in 0', 'value in 0'];
      expect(found.sort()).toEqual([...perMaster, ...perMaster, ...perMaster, 'extra in 5'].sort());
    } finally {
      all.disconnect();
      await cluster.stop();
    }
  });
});
