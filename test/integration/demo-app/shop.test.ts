/**
 * The shop must be a witness that can be believed: quiet when everything is there, and loud about every kind of write
 * that was acknowledged and then forgotten. It runs here against a plain redis-server, without Ferry.
 */
import type { FastifyInstance } from 'fastify';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Load } from '../../../bench/app/load.js';
import { buildServer } from '../../../bench/app/server.js';
import { Shop } from '../../../bench/app/shop.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

let server: RedisServer;
let redis: Redis;
let shop: Shop;
let http: FastifyInstance;
let url: string;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});

beforeEach(async () => {
  http?.close();
  shop?.close();
  await redis.flushall();
  shop = new Shop(server.url);
  await shop.open();
  http = buildServer(shop);
  url = await http.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  await http.close();
  shop.close();
  redis.disconnect();
  await server.stop();
});

describe('under load', () => {
  it('serves every request and finds everything that it wrote', async () => {
    const load = new Load({ url, connections: 8, seed: 1 });
    load.mark('first');
    load.resume();
    await new Promise((resolve) => setTimeout(resolve, 700));
    load.mark('second');
    await new Promise((resolve) => setTimeout(resolve, 700));
    await load.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));

    expect(load.totals).toMatchObject({ non2xx: 0, errors: 0 });
    const steps = load.report();
    expect(steps.map(({ step }) => step)).toEqual(['first', 'second']);
    expect(steps.reduce((sum, { requests }) => sum + requests, 0)).toBe(load.totals.requests);
    for (const { p50Ms, p99Ms } of steps) expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);

    const audit = await shop.audit(server.url);
    expect(audit).toMatchObject({ lostWrites: 0, unexpectedWrites: 0, undecidedKeys: 0, examples: [] });
    expect(audit.acknowledgedWrites).toBeGreaterThan(load.totals.requests);
    expect(shop.record.wrongReplies).toBe(0);
  });

  it('goes on after a pause with new requests', async () => {
    const load = new Load({ url, connections: 2, seed: 1 });
    for (const step of ['a', 'b']) {
      load.mark(step);
      load.resume();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await load.pause();
    }
    expect(load.report().map(({ requests }) => requests > 0)).toEqual([true, true]);
  });
});

/** One visit of each kind, so that every sort of key exists. */
async function use(): Promise<void> {
  const { customers, catalogue } = shop;
  await customers.login('ann');
  await customers.addToCart('ann', 1, 2);
  await customers.addToCart('ann', 2, 1);
  await customers.addToCart('ann', 2, 1);
  await customers.checkout('ann', 1);
  await customers.addToCart('ann', 3, 2);
  await customers.addToCart('ann', 4, 2);
  for (let i = 0; i < 3; i++) await catalogue.review(5, 'ann');
  for (let i = 0; i < 3; i++) await catalogue.view(5, 'ann');
  await catalogue.redeem('c1', 'ann');
}

describe('the audit', () => {
  it('is quiet when nothing was lost', async () => {
    await use();
    expect(await shop.audit(server.url)).toMatchObject({ lostWrites: 0, unexpectedWrites: 0, undecidedKeys: 0 });
  });

  const losses: [what: string, lost: number, lose: () => Promise<unknown>][] = [
    ['a string', 1, () => redis.del('shop:{ann}:session')],
    ['a string that went back to an older value', 1, () => redis.set('shop:{ann}:session', 'ann-0', 'KEEPTTL')],
    ['a TTL', 1, () => redis.persist('shop:{ann}:session')],
    ['a prolonged deadline', 1, () => redis.expire('shop:{ann}:session', 900)],
    ['one of the keys of an MSET', 1, () => redis.del('shop:device:ann')],
    ['a hash field', 1, () => redis.hdel('shop:{ann}:cart', 'p3')],
    ['a whole hash', 2, () => redis.del('shop:{ann}:cart')],
    ['a deletion of a hash field', 1, () => redis.hset('shop:{ann}:cart', 'p1', 2)],
    ['a float', 1, () => redis.hset('shop:{ann}:profile', 'spent', '0.75')],
    ['a set member', 1, () => redis.srem('shop:{ann}:wishlist', 'p2')],
    ['the tail of a list', 1, () => redis.rpop('shop:{ann}:recent')],
    ['a list that Lua pushed to', 1, () => redis.del('shop:{ann}:orders')],
    ['one increment', 1, () => redis.decr('shop:views:5')],
    ['all increments', 3, () => redis.del('shop:views:5')],
    ['a decrement by Lua', 1, () => redis.set('shop:{1}:stock', 1_000_000)],
    ['a stock that was only put there', 1, () => redis.del('shop:{7}:stock')],
    ['one of a hash of counters', 1, () => redis.hincrby('shop:daily', 'p5', -1)],
    ['a score', 1, () => redis.zincrby('shop:popular', -1, 'p3')],
    ['a member of a sorted set', 1, () => redis.zrem('shop:popular', 'p3')],
    ['the last push', 1, () => redis.rpop('shop:feed:5')],
    ['a push in the middle', 1, () => redis.lset('shop:feed:5', 1, 'r0 by nobody')],
    ['the last of overwriting values', 1, () => redis.set('shop:review:5', 'r0 by nobody')],
    ['the first comer', 1, () => redis.set('shop:coupon:c1', 'bob')],
    ['the deadline of a key that must not stay', 1, () => redis.persist('shop:{ann}:rate')],
    ['a key of another type', 1, () => redis.set('shop:{ann}:wishlist', 'p2')],
  ];

  it.each(losses)('finds the loss of %s', async (_what, lost, lose) => {
    await use();
    await lose();
    const audit = await shop.audit(server.url);
    expect(audit.lostWrites).toBe(lost);
    expect(audit.examples).toHaveLength(1);
  });

  it('finds an increment that was made twice', async () => {
    await use();
    await redis.incr('shop:views:5');
    expect(await shop.audit(server.url)).toMatchObject({ lostWrites: 0, unexpectedWrites: 1 });
  });

  it('finds a write that was forgotten and overwritten since', async () => {
    await use();
    const forgotten = await redis.get('shop:review:5');
    await shop.catalogue.review(5, 'bob');
    await redis.set('shop:review:5', forgotten!);
    await shop.catalogue.review(5, 'cid'); // GETSET names a predecessor that had been replaced already
    const length = await redis.llen('shop:feed:5');
    await redis.rpop('shop:feed:5');
    await shop.catalogue.review(5, 'dan'); // RPUSH answers a length that it had answered before
    expect(await redis.llen('shop:feed:5')).toBe(length);
    const { lostWrites, examples } = await shop.audit(server.url);
    expect(lostWrites).toBe(2);
    expect(examples.join()).toMatch(/nothing replaced.*positions were given twice/);
  });
});

describe('the replies', () => {
  it('make a request fail that reads less than had been acknowledged', async () => {
    await use();
    await redis.hdel('shop:{ann}:cart', 'p3');
    const response = await fetch(`${url}/users/ann`);
    expect(response.status).toBe(500);
    expect(shop.record.examples().join()).toContain('HGETALL shop:{ann}:cart');
  });

  it('make a request fail whose counter went back', async () => {
    await use();
    await redis.decrby('shop:views:5', 2);
    const response = await fetch(`${url}/products/5/views`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'ann' }),
    });
    expect(response.status).toBe(500);
  });
});

describe('a write whose outcome is unknown', () => {
  it('fails its request and leaves its keys undecided', async () => {
    await use();
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => shop.catalogue.view(5, 'ann')));
    const failed = outcomes.filter(({ status }) => status === 'rejected').length;
    await new Promise((resolve) => setTimeout(resolve, 500)); // the shop reconnects by itself
    await shop.catalogue.view(6, 'ann');
    const audit = await shop.audit(server.url);
    expect(audit.lostWrites).toBe(0);
    expect(audit.unexpectedWrites).toBe(0);
    expect(audit.undecidedKeys > 0).toBe(failed > 0);
  });
});
