/** Planted differences of every kind are found on real servers, however small; what is no difference is not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CompareOptions, compareKey } from '../../../src/mirror/logical/compare.js';
import { HYPERLOGLOG_MAX_BYTES } from '../../../src/mirror/logical/hyperloglog.js';
import type { Args } from '../../../src/mirror/logical/replies.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Connection } from './connection.js';
import { transfer, WHOLE } from './transfer.js';
import { VALUES } from './values.js';

const KEY = Buffer.from('the key');
const SIZES: [string, CompareOptions][] = [
  ['tiny pieces', { chunkElements: 3, chunkBytes: 40 }],
  ['ordinary pieces', { chunkElements: 1000, chunkBytes: 1 << 20 }],
];
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

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

interface Planted {
  what: string;
  /** On both sides. */
  make: Args[];
  /** On side b only. */
  change: Args[];
  detail: RegExp;
}

function stream(name: string): Args[] {
  return VALUES.find((value) => value.name === `stream: ${name}`)?.make(KEY) ?? [];
}

const odd = stream('groups and oddities');
const scores: Args[] = [['ZADD', KEY, ...numbers(200).flatMap((n) => [`${n}.1`, `m${n}`]), '0.3', 'last bit']];
const claim = (owner: string, timeMs: number, count: number): Args => {
  return ['XCLAIM', KEY, 'g', owner, 0, '5-0', 'TIME', timeMs, 'RETRYCOUNT', count, 'FORCE', 'JUSTID'];
};

const PLANTED: Planted[] = [
  {
    what: 'one bit of a string',
    make: [['SET', KEY, 'x'.repeat(90)]],
    change: [['SETBIT', KEY, 719, 1]],
    detail: /byte 89/,
  },
  {
    what: 'a string’s last byte',
    make: [['SET', KEY, 'abc']],
    change: [['APPEND', KEY, '\0']],
    detail: /length 3 on source, 4 on target/,
  },
  {
    what: 'a list’s tail',
    make: [['RPUSH', KEY, ...numbers(100)]],
    change: [['RPOP', KEY]],
    detail: /length 100 on source, 99 on target/,
  },
  {
    what: 'a list’s last element',
    make: [['RPUSH', KEY, ...numbers(100)]],
    change: [['LSET', KEY, -1, 'x']],
    detail: /element 99/,
  },
  {
    what: 'the order of a list',
    make: [['RPUSH', KEY, 'a', 'b', 'c', 'd']],
    change: [['LMOVE', KEY, KEY, 'LEFT', 'RIGHT']],
    detail: /element 0/,
  },
  {
    what: 'a set’s missing member',
    make: [['SADD', KEY, ...numbers(900), 'x']],
    change: [['SREM', KEY, 'x']],
    detail: /length/,
  },
  {
    what: 'a set’s other member',
    make: [['SADD', KEY, ...numbers(900), 'x']],
    change: [
      ['SREM', KEY, 'x'],
      ['SADD', KEY, 'y'],
    ],
    detail: /member "x" only on source/,
  },
  {
    what: 'a hash’s extra field',
    make: [['HSET', KEY, ...numbers(800)]],
    change: [['HSET', KEY, 'x', '']],
    detail: /length 400 on source, 401 on target/,
  },
  {
    what: 'a hash’s value',
    make: [['HSET', KEY, ...numbers(800)]],
    change: [['HSET', KEY, '78', '79 ']],
    detail: /field "78" differs/,
  },
  {
    what: 'a hash’s other field',
    make: [['HSET', KEY, 'f', 'v']],
    change: [
      ['HDEL', KEY, 'f'],
      ['HSET', KEY, 'F', 'v'],
    ],
    detail: /field "f" only on source/,
  },
  {
    what: 'a score’s last bit',
    make: scores,
    change: [['ZADD', KEY, '0.30000000000000004', 'last bit']],
    detail: /score of "last bit" is 0.29999999999999999 on source, 0.30000000000000004 on target/,
  },
  {
    what: 'an infinite score',
    make: scores,
    change: [['ZADD', KEY, 'inf', 'm199']],
    detail: /score of "m199" is .* on source, inf on target/,
  },
  {
    what: 'a sorted set’s member',
    make: scores,
    change: [
      ['ZREM', KEY, 'm7'],
      ['ZADD', KEY, '7.1', 'M7'],
    ],
    detail: /rank 8 is "m7" on source, "M7" on target/,
  },
  { what: 'a sorted set’s tail', make: scores, change: [['ZPOPMAX', KEY]], detail: /length/ },
  {
    what: 'the type',
    make: [['SADD', KEY, '1']],
    change: [
      ['DEL', KEY],
      ['ZADD', KEY, '1', '1'],
    ],
    detail: /set on source, zset on target/,
  },
  { what: 'a stream’s entry', make: odd, change: [['XDEL', KEY, '25-0']], detail: /length/ },
  {
    what: 'an entry’s value',
    make: stream('entries only'),
    change: [
      ['XTRIM', KEY, 'MAXLEN', 499],
      ['XADD', KEY, '501-0', 'n', 'x'],
      ['XDEL', KEY, '501-0'],
    ],
    detail: /length/,
  },
  {
    what: 'an entry’s text',
    make: [...entries('x'), ['XSETID', KEY, '9-0']],
    change: [['DEL', KEY], ...entries('y'), ['XSETID', KEY, '9-0']],
    detail: /entry 3-0 differs/,
  },
  {
    what: 'a stream’s last id',
    make: odd,
    change: [['XSETID', KEY, '31-0']],
    detail: /last-generated-id 30-0 on source, 31-0 on target/,
  },
  {
    what: 'a stream’s max-deleted id',
    make: odd,
    change: [['XSETID', KEY, '30-0', 'ENTRIESADDED', 30, 'MAXDELETEDID', '21-0']],
    detail: /max-deleted-entry-id/,
  },
  {
    what: 'a stream’s entries-added',
    make: odd,
    change: [['XSETID', KEY, '30-0', 'ENTRIESADDED', 31, 'MAXDELETEDID', '20-0']],
    detail: /entries-added 30 on source, 31 on target/,
  },
  {
    what: 'a group’s position',
    make: odd,
    change: [['XGROUP', 'SETID', KEY, 'g', '16-0', 'ENTRIESREAD', 17]],
    detail: /group "g": last-delivered-id 17-0 on source, 16-0 on target/,
  },
  {
    what: 'a group’s entries-read',
    make: odd,
    change: [['XGROUP', 'SETID', KEY, 'g', '17-0']],
    detail: /group "g": entries-read 17 on source, unknown on target/,
  },
  {
    what: 'a missing group',
    make: odd,
    change: [['XGROUP', 'DESTROY', KEY, 'unread']],
    detail: /group "unread" only on source/,
  },
  {
    what: 'an extra group',
    make: odd,
    change: [['XGROUP', 'CREATE', KEY, 'more', '0']],
    detail: /group "more" only on target/,
  },
  {
    what: 'a consumer with nothing pending',
    make: odd,
    change: [['XGROUP', 'DELCONSUMER', KEY, 'g', 'idle']],
    detail: /group "g": consumer "idle" only on source/,
  },
  {
    what: 'an extra consumer',
    make: odd,
    change: [['XGROUP', 'CREATECONSUMER', KEY, 'unread', 'x']],
    detail: /consumer "x" only on target/,
  },
  {
    what: 'an acknowledged entry',
    make: odd,
    change: [['XACK', KEY, 'g', '29-0']],
    detail: /group "g": pending entries \d+ on source/,
  },
  {
    what: 'another pending entry',
    make: odd,
    change: [['XACK', KEY, 'g', '29-0'], claim('bob', 1, 1), ['XCLAIM', KEY, 'g', 'bob', 0, '28-0', 'FORCE', 'JUSTID']],
    detail: /pending entry/,
  },
  {
    what: 'a pending entry’s owner',
    make: odd,
    change: [claim('bob', 1_600_000_000_123, 17)],
    detail: /pending entry 5-0: owner "carol" on source, "bob" on target/,
  },
  {
    what: 'a pending entry’s count',
    make: odd,
    change: [claim('carol', 1_600_000_000_123, 18)],
    detail: /pending entry 5-0: delivery count 17 on source, 18 on target/,
  },
  {
    what: 'a pending entry’s time',
    make: odd,
    change: [claim('carol', 1_600_000_002_000, 17)],
    detail: /pending entry 5-0: delivery time/,
  },
];

function entries(text: string): Args[] {
  return ['1-0', '2-0', '3-0', '4-0'].map((id) => ['XADD', KEY, id, 'field', id === '3-0' ? text : 'same']);
}

/** Both sides alike: the stream's delivery times too, so it is made once and copied. */
async function makeBoth(make: Args[]): Promise<void> {
  await a.commands(make);
  await transfer(a, b, KEY, WHOLE);
}

describe.each(SIZES)('planted, read in %s', (_, options) => {
  it.each(PLANTED)('$what', async ({ make, change, detail }) => {
    await makeBoth(make);
    expect(await compareKey(a.call, b.call, KEY, options)).toBeNull();
    await b.commands(change);
    const found = await compareKey(a.call, b.call, KEY, options);
    expect(found?.kind).toBe(change[0][0] === 'DEL' && make[0][0] === 'SADD' ? 'type' : 'value');
    expect(found?.detail).toMatch(detail);
    expect(await compareKey(b.call, a.call, KEY, options), 'with the sides exchanged').not.toBeNull();
  });
});

describe('presence and TTL', () => {
  const options = SIZES[1][1];

  it('missing and extra', async () => {
    expect(await compareKey(a.call, b.call, KEY, options)).toBeNull();
    await a.command('SET', KEY, 'v');
    expect(await compareKey(a.call, b.call, KEY, options)).toEqual({
      kind: 'missing',
      detail: 'string only on source',
      onA: 'string',
    });
    expect(await compareKey(b.call, a.call, KEY, options)).toEqual({
      kind: 'extra',
      detail: 'string only on target',
      onB: 'string',
    });
  });

  it('a TTL on one side only', async () => {
    await a.command('SET', KEY, 'v', 'EX', 100);
    await b.command('SET', KEY, 'v');
    const found = { kind: 'ttl', detail: 'the key has a TTL on source and none on target' };
    expect(await compareKey(a.call, b.call, KEY, options)).toEqual(found);
    expect((await compareKey(b.call, a.call, KEY, options))?.detail).toMatch(/a TTL on target and none on source/);
  });

  it.each([
    [800, null],
    [-800, null],
    [1200, /expires 1[12]\d\d ms later on target/],
    [-1200, /expires 1[12]\d\d ms earlier on target/],
  ])('deadlines %d ms apart', async (apartMs, detail) => {
    const deadline = Date.now() + 100_000;
    await a.commands([
      ['SET', KEY, 'v'],
      ['PEXPIREAT', KEY, deadline],
    ]);
    await b.commands([
      ['SET', KEY, 'v'],
      ['PEXPIREAT', KEY, deadline + apartMs],
    ]);
    const found = await compareKey(a.call, b.call, KEY, options);
    if (detail === null) expect(found).toBeNull();
    else expect([found?.kind, found?.detail]).toEqual(['ttl', expect.stringMatching(detail)]);
    // the same deadlines are right if b's clock goes that much faster
    expect(await compareKey(a.call, b.call, KEY, { ...options, clockDifferenceMs: apartMs })).toBeNull();
  });

  it('gone on one side and about to expire on the other is no difference', async () => {
    await a.command('SET', KEY, 'v', 'PX', 900);
    expect(await compareKey(a.call, b.call, KEY, options)).toBeNull();
    await a.command('SET', KEY, 'v', 'PX', 5000);
    expect((await compareKey(a.call, b.call, KEY, options))?.kind).toBe('missing');
  });
});

describe('HyperLogLogs', () => {
  const options = SIZES[0][1];

  it('28: a PFCOUNT that changes the bytes changes no register', async () => {
    await makeBoth([['PFADD', KEY, ...numbers(300)]]);
    await a.command('PFCOUNT', KEY);
    expect(await a.command('GET', KEY)).not.toEqual(await b.command('GET', KEY));
    expect(await compareKey(a.call, b.call, KEY, options)).toBeNull();
  });

  it('sparse on one side and dense on the other with the same registers are equal', async () => {
    await a.command('PFADD', KEY, ...numbers(100));
    await b.command('CONFIG', 'SET', 'hll-sparse-max-bytes', 0);
    await b.command('PFADD', KEY, ...numbers(100));
    await b.command('CONFIG', 'SET', 'hll-sparse-max-bytes', 3000);
    expect(await b.command('STRLEN', KEY)).toBeGreaterThan(Number(await a.command('STRLEN', KEY)));
    expect(await compareKey(a.call, b.call, KEY, options)).toBeNull();
  });

  it.each([100, 6000])('equal count and unequal registers differ (%d elements)', async (count) => {
    await a.command('PFADD', KEY, ...numbers(count));
    // of the same cardinality but with other elements: one is sought that gives the same estimate
    for (let salt = 0; ; salt++) {
      await b.commands([
        ['DEL', KEY],
        ['PFADD', KEY, ...numbers(count).map((n) => `${salt}:${n}`)],
      ]);
      if ((await a.command('PFCOUNT', KEY)) === (await b.command('PFCOUNT', KEY))) break;
    }
    const found = await compareKey(a.call, b.call, KEY, options);
    expect(found?.detail).toMatch(/HyperLogLog register \d+ is \d+ on source, \d+ on target/);
  });

  it('strings that only begin like one are compared as bytes', async () => {
    await a.command('SET', KEY, 'HYLL and so on');
    await b.command('SET', KEY, 'HYLL and so forth');
    expect((await compareKey(a.call, b.call, KEY, options))?.detail).toMatch(/length 14 on source, 17 on target/);
    await a.command('SET', KEY, Buffer.concat([Buffer.from('HYLL'), Buffer.alloc(HYPERLOGLOG_MAX_BYTES, 1)]));
    await b.command('SET', KEY, Buffer.concat([Buffer.from('HYLL'), Buffer.alloc(HYPERLOGLOG_MAX_BYTES, 2)]));
    expect((await compareKey(a.call, b.call, KEY, options))?.detail).toMatch(/byte 4 differs/);
  });
});

describe('what is no difference', () => {
  it('the sign of a zero score, which a listpack forgets', async () => {
    await a.commands([
      ['CONFIG', 'SET', 'zset-max-listpack-entries', 0],
      ['ZADD', KEY, '-0', 'm', '0', 'n'],
    ]);
    await a.command('CONFIG', 'SET', 'zset-max-listpack-entries', 128);
    await transfer(a, b, KEY, WHOLE);
    expect(await a.command('ZSCORE', KEY, 'm')).toEqual(Buffer.from('-0'));
    expect(await b.command('ZSCORE', KEY, 'm')).toEqual(Buffer.from('0'));
    expect(await compareKey(a.call, b.call, KEY, SIZES[1][1])).toBeNull();
  });

  it('consumers’ seen-time', async () => {
    await makeBoth(odd);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await b.command('XREADGROUP', 'GROUP', 'g', 'idle', 'STREAMS', KEY, '0');
    expect(await compareKey(a.call, b.call, KEY, SIZES[1][1])).toBeNull();
  });
});

describe('memory', () => {
  it('no reply of a comparison is longer than its piece, nearly', async () => {
    await makeBoth([['SET', KEY, Buffer.alloc(3_000_000, 'x')]]);
    let longest = 0;
    const measured: typeof a.call = async (commands) => {
      const replies = await a.call(commands);
      for (const reply of replies) if (Buffer.isBuffer(reply)) longest = Math.max(longest, reply.length);
      return replies;
    };
    expect(await compareKey(measured, b.call, KEY, { chunkElements: 1000, chunkBytes: 65_536 })).toBeNull();
    expect(longest).toBe(65_536);
  });

  it('sides that lack SMISMEMBER are asked member by member', async () => {
    await makeBoth([['SADD', KEY, ...numbers(50), 'x']]);
    const old = { hashFieldTtl: false, smismember: false };
    b.sent.length = 0;
    expect(await compareKey(a.call, b.call, KEY, { ...SIZES[1][1], a: old, b: old })).toBeNull();
    expect(b.sent.filter(([name]) => name === 'SISMEMBER')).toHaveLength(51);
    await b.commands([
      ['SREM', KEY, 'x'],
      ['SADD', KEY, 'y'],
    ]);
    const found = await compareKey(a.call, b.call, KEY, { ...SIZES[1][1], a: old, b: old, names: ['here', 'there'] });
    expect(found?.detail).toBe('member "x" only on here');
  });
});
