/** WAYS-TO-DIVERGE 23: what a missing key looks like, asked of the installed server itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMiss, type Miss, READS } from '../../../src/commands/misses.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { words } from './frames.js';
import { RawRedis } from './raw-redis.js';

const DATA = [
  'SET string hello',
  'SET number 5',
  'SETBIT bits 3 1',
  'HSET hash f v g w',
  'RPUSH list a b c a',
  'SADD set a b',
  'ZADD zset 1 a 2 b',
  'GEOADD geo 13.361389 38.115556 a 15.087269 37.502669 b',
  'PFADD hll a b',
  'XADD stream 1-1 f v',
  'XGROUP CREATE stream group 0',
  'XREADGROUP GROUP group consumer STREAMS stream >',
  'SET volatile v EX 1000',
];

/** Lines with an existing key that answer something; the same line with another key must be a miss. */
const HITS = [
  'GET string',
  'STRLEN string',
  'GETRANGE string 0 1',
  'SUBSTR string 0 1',
  'MGET string',
  'GETBIT bits 3',
  'BITCOUNT bits',
  'BITPOS bits 1',
  'BITFIELD_RO number GET u8 0',
  'EXISTS string',
  'TYPE string',
  'TTL volatile',
  'PTTL volatile',
  'EXPIRETIME volatile',
  'PEXPIRETIME volatile',
  'TTL string',
  'PEXPIRETIME string',
  'HGET hash f',
  'HMGET hash f',
  'HMGET hash none f',
  'HGETALL hash',
  'HKEYS hash',
  'HVALS hash',
  'HLEN hash',
  'HEXISTS hash f',
  'HSTRLEN hash f',
  'HRANDFIELD hash',
  'HRANDFIELD hash 2 WITHVALUES',
  'LINDEX list 0',
  'LLEN list',
  'LRANGE list 0 -1',
  'LPOS list a',
  'LPOS list a COUNT 0',
  'SCARD set',
  'SISMEMBER set a',
  'SMISMEMBER set none a',
  'SMEMBERS set',
  'SRANDMEMBER set',
  'SRANDMEMBER set 2',
  'SINTER set',
  'SUNION set',
  'SDIFF set',
  'ZCARD zset',
  'ZCOUNT zset 0 5',
  'ZLEXCOUNT zset - +',
  'ZSCORE zset a',
  'ZMSCORE zset none a',
  'ZRANK zset b',
  'ZREVRANK zset a',
  'ZRANK zset a',
  'ZRANDMEMBER zset',
  'ZRANDMEMBER zset 2',
  'ZRANGE zset 0 -1',
  'ZRANGEBYSCORE zset 0 5',
  'ZRANGEBYLEX zset - +',
  'ZREVRANGE zset 0 -1',
  'ZREVRANGEBYSCORE zset 5 0',
  'ZREVRANGEBYLEX zset + -',
  'GEODIST geo a b',
  'GEOHASH geo none a',
  'GEOPOS geo none a',
  'GEOSEARCH geo FROMMEMBER a BYRADIUS 1 km',
  'GEORADIUS_RO geo 15 37 500 km',
  'GEORADIUSBYMEMBER_RO geo a 1 km',
  'PFCOUNT hll',
  'XLEN stream',
  'XRANGE stream - +',
  'XREVRANGE stream + -',
];

/** Those of Redis 7.4, which an older server does not have. */
const NEWER_HITS = [
  'HTTL hash FIELDS 1 f',
  'HPTTL hash FIELDS 1 f',
  'HEXPIRETIME hash FIELDS 1 f',
  'HPEXPIRETIME hash FIELDS 2 f g',
];

/** Lines that need a further form for the missing key. */
const FURTHER_MISSES = [
  'BITPOS none 0',
  'GEOPOS none a b',
  'GEOHASH none',
  'BITFIELD_RO none',
  'SMISMEMBER none a b c',
];

/** An existing key may answer like a missing one: asked again, which is only slower. */
const LOOKALIKES = [
  'ZCOUNT zset 100 200',
  'HMGET hash none1 none2',
  'GETRANGE string 100 200',
  'BITPOS string 0',
  'SMISMEMBER set none',
  'HGET string f',
];

function nameOf(args: readonly string[]): string {
  return (args[0] ?? '').toLowerCase();
}

function withMissingKey(args: readonly string[]): string[] {
  return args.map((arg, i) => (i === 1 ? 'missing' : arg));
}

let server: RedisServer;
let redis: RawRedis;
let installed: ReadonlySet<string>;

beforeAll(async () => {
  server = await startRedis();
  redis = await RawRedis.open(server.port);
  installed = new Set(((await redis.send(['COMMAND', 'LIST'])).value as Buffer[]).map((name) => `${name}`));
  for (const line of DATA) {
    const { value } = await redis.send(words(line));
    expect(value, line).not.toBeInstanceOf(Error);
  }
});

afterAll(async () => {
  redis.close();
  await server.stop();
});

async function missed(args: readonly string[]): Promise<{ missed: boolean; text: string }> {
  const { bytes } = await redis.send(args);
  // Not at the start of its buffer, and with another reply behind it, as in a lane's buffer.
  const buffer = Buffer.concat([Buffer.from('+OK\r\n'), bytes, Buffer.from(':1\r\n')]);
  const miss = READS.get(nameOf(args)) as Miss;
  return {
    missed: isMiss(miss, buffer, 5, 5 + bytes.length),
    text: `${args.join(' ')} → ${JSON.stringify(`${bytes}`)}`,
  };
}

describe('ways to diverge 23: the miss table', () => {
  it('has a case for every read that may ask the target', () => {
    const cases = new Set([...HITS, ...NEWER_HITS].map((line) => nameOf(words(line))));
    const askTarget = [...READS].filter(([name, miss]) => miss !== 'never' && installed.has(name));
    expect(askTarget.filter(([name]) => !cases.has(name))).toEqual([]);
  });

  it.each([...HITS, ...NEWER_HITS])('%s: an answer, and a miss on a missing key', async (line) => {
    if (NEWER_HITS.includes(line) && !installed.has(nameOf(words(line)))) return;
    const hit = await missed(words(line));
    expect(hit.missed, hit.text).toBe(false);
    const miss = await missed(withMissingKey(words(line)));
    expect(miss.missed, miss.text).toBe(true);
  });

  it.each(FURTHER_MISSES)('%s: a miss', async (line) => {
    const miss = await missed(withMissingKey(words(line)));
    expect(miss.missed, miss.text).toBe(true);
  });

  it.each(LOOKALIKES)('%s: looks like one', async (line) => {
    const miss = await missed(words(line));
    expect(miss.missed, miss.text).toBe(true);
  });
});

describe('isMiss', () => {
  const judge = (miss: Miss, text: string): boolean => isMiss(miss, Buffer.from(text), 0, text.length);

  it.each<[Miss, string, boolean]>([
    ['nil', '$-1\r\n', true],
    ['nil', '*-1\r\n', true],
    ['nil', '_\r\n', true],
    ['nil', '$0\r\n\r\n', false],
    ['nil', ':0\r\n', false],
    ['empty', '$0\r\n\r\n', true],
    ['empty', '*0\r\n', true],
    ['empty', '~0\r\n', true],
    ['empty', '%0\r\n', true],
    ['empty', '*1\r\n$0\r\n\r\n', false],
    ['empty', ':0\r\n', false],
    ['zero', ':0\r\n', true],
    ['zero', '#f\r\n', true],
    ['zero', '#t\r\n', false],
    ['zero', ':01\r\n', false],
    ['zero', ':10\r\n', false],
    ['zero-or-minus-one', ':-1\r\n', true],
    ['zero-or-minus-one', ':-10\r\n', false],
    ['minus-two', ':-2\r\n', true],
    ['minus-two', ':-1\r\n', false],
    ['none-type', '+none\r\n', true],
    ['none-type', '+nonesuch\r\n', false],
    ['none-type', '+string\r\n', false],
    ['all-nil', '*2\r\n$-1\r\n$-1\r\n', true],
    ['all-nil', '*2\r\n_\r\n*-1\r\n', true],
    ['all-nil', '*2\r\n$-1\r\n$0\r\n\r\n', false],
    ['all-nil', '*12\r\n$1\r\na\r\n', false],
    ['all-nil', '*0\r\n', true],
    ['all-zero', '*2\r\n:0\r\n:0\r\n', true],
    ['all-zero', '*2\r\n:0\r\n:1\r\n', false],
    ['all-zero', '$-1\r\n', true],
    ['all-minus-two', '*2\r\n:-2\r\n:-2\r\n', true],
    ['all-minus-two', '*2\r\n:-2\r\n:-1\r\n', false],
    ['never', '+anything\r\n', true],
  ])('%s: %j → %s', (miss, text, expected) => {
    expect(judge(miss, text)).toBe(expected);
  });

  it("takes a server's complaint about a missing key or group for a miss, whatever the command", async () => {
    for (const line of ['XINFO STREAM none', 'XINFO CONSUMERS stream none', 'XPENDING none group', 'RENAME none b']) {
      const { bytes } = await redis.send(words(line));
      expect(`${bytes}`, line).toMatch(/^-(ERR no such key|NOGROUP)/);
      for (const miss of new Set(READS.values())) expect(isMiss(miss, bytes, 0, bytes.length), line).toBe(true);
    }
  });

  it('takes every error for a miss', () => {
    const forms: Miss[] = ['nil', 'empty', 'zero', 'zero-or-minus-one', 'minus-two', 'none-type', 'all-nil'];
    for (const miss of forms) {
      expect(judge(miss, '-ERR no such key\r\n')).toBe(true);
      expect(judge(miss, '!3\r\nERR\r\n')).toBe(true);
    }
  });
});
