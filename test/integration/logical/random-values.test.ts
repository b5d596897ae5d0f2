/**
 * Random values of every type, made by random commands (those that the server refuses are part of the game):
 *
 *   1. copied whole and in pieces, the comparison finds nothing;
 *   2. after one more random command on one side alone, it finds something exactly if the servers' own output differs.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareKey } from '../../../src/mirror/logical/compare.js';
import type { Args } from '../../../src/mirror/logical/replies.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Connection } from './connection.js';
import { PIECES, TINY_PIECES, transfer, visible, WHOLE, withoutDeliveryTimes } from './transfer.js';

const KEY = Buffer.from('k\r\n\0');
const RUNS = 60;
const COMPARISONS = [
  { chunkElements: 3, chunkBytes: 30 },
  { chunkElements: 200, chunkBytes: 100_000 },
];

let servers: RedisServer[];
let a: Connection;
let b: Connection;

beforeAll(async () => {
  servers = await Promise.all([startRedis(), startRedis()]);
  a = await Connection.open(servers[0].port);
  b = await Connection.open(servers[1].port);
});

afterAll(async () => {
  a?.close();
  b?.close();
  await Promise.all((servers ?? []).map((server) => server.stop()));
});

const text = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc.integer().map((n) => Buffer.from(String(n))),
  fc.constantFrom('a', 'b', 'c', '\r\n', '\0', '').map((s) => Buffer.from(s)),
  fc.integer({ min: 60, max: 300 }).map((length) => Buffer.alloc(length, 'long ')),
);
const index = fc.integer({ min: -6, max: 6 });
const score = fc.oneof(
  fc
    .double({ noNaN: true })
    .map((n) => (n === Number.POSITIVE_INFINITY ? 'inf' : n === Number.NEGATIVE_INFINITY ? '-inf' : String(n))),
  fc.integer({ min: -3, max: 3 }).map(String),
);
const command = (...parts: fc.Arbitrary<Args>[]): fc.Arbitrary<Args> => fc.tuple(...parts).map((lists) => lists.flat());
const word = (...words: (string | Buffer)[]): fc.Arbitrary<Args> => fc.constant(words);
const one = (value: fc.Arbitrary<Buffer | string | number>): fc.Arbitrary<Args> => value.map((v) => [v]);
const some = (...values: fc.Arbitrary<Buffer | string | number>[]): fc.Arbitrary<Args> =>
  fc.array(fc.tuple(...values), { minLength: 1, maxLength: 12 }).map((tuples) => tuples.flat());

const id = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 2 })).map(([ms, n]) => `${ms}-${n}`);
const group = fc.constantFrom('g', 'h', '\r\n');
const consumer = fc.constantFrom('x', 'y', '\0', '');
const count = fc.integer({ min: 1, max: 5 });

const COMMANDS: Record<string, fc.Arbitrary<Args>> = {
  string: fc.oneof(
    command(word('SET', KEY), one(text)),
    command(word('APPEND', KEY), one(text)),
    command(word('SETRANGE', KEY), one(fc.integer({ min: 0, max: 200 })), one(text)),
    command(word('SETBIT', KEY), one(fc.integer({ min: 0, max: 900 })), one(fc.constantFrom(0, 1))),
  ),
  hyperloglog: fc.oneof(
    command(word('PFADD', KEY), some(text)),
    word('PFCOUNT', KEY),
    fc
      .integer({ min: 0, max: 999 })
      .map((n): Args => ['PFADD', KEY, ...Array.from({ length: n }, (_, i) => `${n}:${i}`)]),
  ),
  list: fc.oneof(
    command(word('RPUSH', KEY), some(text)),
    command(word('LPUSH', KEY), some(text)),
    command(word('LSET', KEY), one(index), one(text)),
    command(word('LREM', KEY), one(index), one(text)),
    command(word('LTRIM', KEY), one(index), one(index)),
  ),
  set: fc.oneof(command(word('SADD', KEY), some(text)), command(word('SREM', KEY), some(text))),
  hash: fc.oneof(
    command(word('HSET', KEY), some(text, text)),
    command(word('HDEL', KEY), one(text)),
    command(word('HINCRBYFLOAT', KEY), one(text), one(fc.constantFrom('0.1', '0.2'))),
  ),
  zset: fc.oneof(
    command(word('ZADD', KEY), some(score, text)),
    command(word('ZINCRBY', KEY), one(score), one(text)),
    command(word('ZREM', KEY), some(text)),
    command(word('ZPOPMAX', KEY)),
  ),
  stream: fc.oneof(
    { weight: 5, arbitrary: command(word('XADD', KEY), one(id), some(text, text)) },
    { weight: 2, arbitrary: command(word('XGROUP', 'CREATE', KEY), one(group), one(id), word('MKSTREAM')) },
    command(word('XGROUP', 'CREATE', KEY), one(group), one(id), word('MKSTREAM', 'ENTRIESREAD'), one(count)),
    command(word('XGROUP', 'SETID', KEY), one(group), one(id)),
    command(word('XGROUP', 'CREATECONSUMER', KEY), one(group), one(consumer)),
    command(word('XGROUP', 'DELCONSUMER', KEY), one(group), one(consumer)),
    command(word('XGROUP', 'DESTROY', KEY), one(group)),
    {
      weight: 4,
      arbitrary: command(
        word('XREADGROUP', 'GROUP'),
        one(group),
        one(consumer),
        word('COUNT'),
        one(count),
        word('STREAMS', KEY, '>'),
      ),
    },
    command(word('XREADGROUP', 'GROUP'), one(group), one(consumer), word('STREAMS', KEY), one(id)),
    command(word('XACK', KEY), one(group), some(id)),
    command(word('XCLAIM', KEY), one(group), one(consumer), word('0'), some(id), word('TIME', '1600000000000')),
    command(
      word('XCLAIM', KEY),
      one(group),
      one(consumer),
      word('0'),
      some(id),
      word('RETRYCOUNT'),
      one(count),
      word('FORCE', 'JUSTID'),
    ),
    { weight: 2, arbitrary: command(word('XDEL', KEY), some(id)) },
    command(word('XTRIM', KEY, 'MAXLEN'), one(count)),
    command(word('XSETID', KEY), one(id)),
    command(
      word('XSETID', KEY),
      one(id),
      word('ENTRIESADDED'),
      one(fc.integer({ min: 0, max: 50 })),
      word('MAXDELETEDID'),
      one(id),
    ),
  ),
};

/** Always non-null, always null, or either (delivery times less than the tolerance apart). */
async function expectComparison(): Promise<void> {
  const onA = await visible(a, KEY);
  const onB = await visible(b, KEY);
  for (const options of COMPARISONS) {
    const found = await compareKey(a.call, b.call, KEY, options);
    const equal = JSON.stringify(onA) === JSON.stringify(onB);
    const equalButTimes = JSON.stringify(withoutDeliveryTimes(onA)) === JSON.stringify(withoutDeliveryTimes(onB));
    if (equal) expect(found).toBeNull();
    else if (!equalButTimes) expect(found).not.toBeNull();
  }
}

describe.each(Object.keys(COMMANDS))('%s', (type) => {
  it('copies are equal, and a comparison finds what one more command changed', async () => {
    let changed = 0;
    const property = fc.asyncProperty(
      fc.array(COMMANDS[type], { minLength: 1, maxLength: 40 }),
      COMMANDS[type],
      fc.constantFrom(WHOLE, TINY_PIECES, PIECES),
      async (making, oneMore, options) => {
        await a.commands([['FLUSHALL']]);
        await b.commands([['FLUSHALL']]);
        await a.call(making);
        await transfer(a, b, KEY, options);
        for (const comparison of COMPARISONS) expect(await compareKey(a.call, b.call, KEY, comparison)).toBeNull();
        expect(withoutDeliveryTimes(await visible(b, KEY))).toEqual(withoutDeliveryTimes(await visible(a, KEY)));
        await (changed++ % 2 === 0 ? a : b).call([oneMore]);
        // equal bytes are not the measure for HyperLogLogs
        if (type !== 'hyperloglog') await expectComparison();
      },
    );
    await fc.assert(property, { numRuns: type === 'stream' ? 3 * RUNS : RUNS });
  });
});
