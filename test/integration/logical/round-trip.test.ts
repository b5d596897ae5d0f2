/** Every kind of value, rebuilt on a second server whole and in pieces, is the same there by the server's own word. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compareKey } from '../../../src/mirror/logical/compare.js';
import { logicalReader, UnsupportedType } from '../../../src/mirror/logical/reader.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Connection } from './connection.js';
import { expectSameVisible, PIECES, TINY_PIECES, transfer, visible, WHOLE, withoutDeliveryTimes } from './transfer.js';
import { VALUES } from './values.js';

const KEY = Buffer.from([107, 0, 13, 10, 255]);
const COMPARE_TINY = { chunkElements: 4, chunkBytes: 50 };
const COMPARE = { chunkElements: 1000, chunkBytes: 1 << 20 };

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

beforeEach(async () => {
  await a.command('FLUSHALL');
  await b.command('FLUSHALL');
});

describe.each(VALUES)('$name', ({ make }) => {
  beforeEach(async () => {
    await a.commands(make(KEY));
  });

  it('whole, in one group', async () => {
    expect(await transfer(a, b, KEY, WHOLE)).toBe(1);
    await expectSameVisible(a, b, KEY);
    expect(await compareKey(a.call, b.call, KEY, COMPARE)).toBeNull();
    expect(await compareKey(a.call, b.call, KEY, COMPARE_TINY)).toBeNull();
  });

  it.each([
    ['tiny', TINY_PIECES],
    ['ordinary', PIECES],
  ])('in %s pieces', async (_, options) => {
    await transfer(a, b, KEY, options);
    expect(withoutDeliveryTimes(await visible(b, KEY))).toEqual(withoutDeliveryTimes(await visible(a, KEY)));
    expect(await compareKey(a.call, b.call, KEY, COMPARE_TINY)).toBeNull();
    expect(await compareKey(a.call, b.call, KEY, { ...COMPARE, sizeBytes: 1000 })).toBeNull();
  });
});

describe('pieces', () => {
  it('of a long string are no longer than asked for', async () => {
    await a.command('SET', KEY, Buffer.alloc(1_000_000, 'x'));
    const groups = await transfer(a, b, KEY, { ...PIECES, chunkBytes: 65_536 });
    expect(groups).toBe(16);
    await expectSameVisible(a, b, KEY);
  });

  it('of big elements become small in number', async () => {
    for (let i = 0; i < 300; i++) await a.command('RPUSH', KEY, Buffer.alloc(10_000, i));
    const counts: number[] = [];
    const reader = logicalReader('list', KEY, Buffer.from('s'), { ...PIECES, chunkElements: 1000, chunkBytes: 50_000 });
    for (let reads = reader.nextReads(); reads !== null; reads = reader.nextReads()) {
      counts.push(Number(reads[0][3]) - Number(reads[0][2]) + 1);
      reader.take(await a.call(reads));
    }
    expect(Math.max(...counts)).toBe(16);
    expect(new Set(counts.slice(1))).toEqual(new Set([5]));
  });
});

describe('what cannot be read', () => {
  it('a missing key is said to be missing, whole and in pieces', async () => {
    for (const type of ['string', 'list', 'set', 'hash', 'zset', 'stream']) {
      for (const options of [WHOLE, PIECES]) {
        const reader = logicalReader(type, KEY, Buffer.from('s'), options);
        for (let reads = reader.nextReads(); reads !== null; reads = reader.nextReads()) {
          expect(reader.take(await a.call(reads))).toEqual([]);
        }
        expect(reader.missing, type).toBe(true);
      }
    }
  });

  it('a key that was replaced by another type throws the server’s WRONGTYPE', async () => {
    for (const type of ['string', 'list', 'set', 'hash', 'zset', 'stream']) {
      await a.commands([['DEL', KEY], type === 'set' ? ['RPUSH', KEY, 'x'] : ['SADD', KEY, 'x']]);
      for (const options of [WHOLE, PIECES]) {
        const reader = logicalReader(type, KEY, Buffer.from('s'), options);
        const replies = await a.call(reader.nextReads() ?? []);
        expect(() => reader.take(replies), type).toThrow(/WRONGTYPE/);
      }
    }
  });

  it('a module’s type is refused by name', () => {
    expect(() => logicalReader('ReJSON-RL', KEY, KEY, WHOLE)).toThrow(UnsupportedType);
    expect(() => logicalReader('ReJSON-RL', KEY, KEY, WHOLE)).toThrow(/ReJSON-RL/);
  });
});

describe('a mirror without newer commands', () => {
  it('gets consumers by reading and a stream’s last id only', async () => {
    const groups = VALUES.find(({ name }) => name === 'stream: groups and oddities');
    await a.commands(groups?.make(KEY) ?? []);
    const features = { hashFieldTtl: false, xgroupEntriesRead: false, xgroupCreateConsumer: false };
    b.sent.length = 0;
    await transfer(a, b, KEY, { ...WHOLE, features });
    const sent = b.sent.map((command) => command.map(String).join(' '));
    expect(sent.some((command) => /CREATECONSUMER|ENTRIESADDED|ENTRIESREAD/.test(command))).toBe(false);
    const difference = await compareKey(a.call, b.call, KEY, COMPARE);
    expect(difference?.detail).toMatch(/max-deleted-entry-id|entries-added/);
    await b.command('XSETID', KEY, '30-0', 'ENTRIESADDED', 30, 'MAXDELETEDID', '20-0');
    expect((await compareKey(a.call, b.call, KEY, COMPARE))?.detail).toMatch(/entries-read/);
  });
});
