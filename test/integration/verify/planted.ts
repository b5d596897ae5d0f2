/**
 * Differences planted behind Ferry's back: for each, a value that both sides hold, and one change made on one of the
 * servers directly. The smallest change of every part of every type; each must be found, as the kind it is.
 *
 * HARMLESS changes leave the value what it was, although the bytes of its DUMP become others: nothing may be found.
 */
import type { DifferenceKind } from '../../../src/admin/control.js';
import type { Wire } from '../journey/wire.js';

type Line = readonly (string | number | Buffer)[];

export interface Planted {
  readonly name: string | Buffer;
  readonly kind: DifferenceKind;
  readonly db?: number;
  /** What both sides hold; `KEY` stands for the key. */
  readonly value: readonly Line[];
  /** On the target, unless `onSource`. */
  readonly change: readonly Line[];
  readonly onSource?: true;
}

const KEY = '@';
const ELEMENTS = Array.from({ length: 3000 }, (_, i) => `element ${i}`);
const ALTERNATING = (of: readonly string[], make: (i: number) => string | number): (string | number)[] =>
  of.flatMap((name, i) => [make(i), name]);
const FIELDS = ELEMENTS.flatMap((name, i) => [`field ${i}`, name]);
const BYTES = Buffer.alloc(300_000, 'payload ');
/** 0.1 and the next number after it. */
const SCORE = '0.1';
const NEXT_SCORE = '0.10000000000000002';
const STREAM: readonly Line[] = [
  ...[1, 2, 3, 4, 5, 6].map((n) => ['XADD', KEY, `${n}-0`, 'field', `value ${n}`]),
  ['XGROUP', 'CREATE', KEY, 'readers', '0'],
  ['XREADGROUP', 'GROUP', 'readers', 'ann', 'COUNT', 3, 'STREAMS', KEY, '>'],
];
/** Unix milliseconds: the same for both sides, whenever each of them is told. */
const DEADLINE_MS = Date.now() + 10_000_000;

export const PLANTED: readonly Planted[] = [
  // strings
  string('a byte of a short string', 'abc', [['SETRANGE', KEY, 2, 'd']]),
  string('a byte in the middle of a long string', BYTES, [['SETRANGE', KEY, 150_001, '!']]),
  string('a byte appended', 'abc', [['APPEND', KEY, '\0']]),
  string('a bit', 'abc', [['SETBIT', KEY, 23, 0]]),
  {
    name: 'a byte on the source',
    kind: 'value',
    value: [['SET', KEY, 'x']],
    change: [['SET', KEY, 'y']],
    onSource: true,
  },
  value(
    'registers of a HyperLogLog of equal count',
    [['PFADD', KEY, 'a']],
    [
      ['DEL', KEY],
      ['PFADD', KEY, 'b'],
    ],
  ),
  value('a dense HyperLogLog', [['PFADD', KEY, ...ELEMENTS]], [['PFADD', KEY, 'one more']]),
  // lists
  value('the tail of a long list', [['RPUSH', KEY, ...ELEMENTS]], [['RPOP', KEY]]),
  value('the last element of a list', [['RPUSH', KEY, 'a', 'b', 'c']], [['LSET', KEY, -1, 'C']]),
  value('an element in the middle of a long list', [['RPUSH', KEY, ...ELEMENTS]], [['LSET', KEY, 1500, 'other']]),
  value(
    'two elements of a list exchanged',
    [['RPUSH', KEY, 'a', 'b']],
    [
      ['DEL', KEY],
      ['RPUSH', KEY, 'b', 'a'],
    ],
  ),
  // sets
  value(
    'a member of a set',
    [['SADD', KEY, 'a', 'b']],
    [
      ['SREM', KEY, 'b'],
      ['SADD', KEY, 'c'],
    ],
  ),
  value(
    'a member of a big set',
    [['SADD', KEY, ...ELEMENTS]],
    [
      ['SREM', KEY, 'element 7'],
      ['SADD', KEY, 'other'],
    ],
  ),
  value(
    'a member of a set of integers',
    [['SADD', KEY, 1, 2, 3]],
    [
      ['SREM', KEY, 3],
      ['SADD', KEY, 4],
    ],
  ),
  // sorted sets
  value('the last bit of a score', [['ZADD', KEY, SCORE, 'a', 1, 'b']], [['ZADD', KEY, NEXT_SCORE, 'a']]),
  value(
    'the last bit of a score of a big sorted set',
    [['ZADD', KEY, ...ALTERNATING(ELEMENTS, (i) => i + 0.1)]],
    [['ZADD', KEY, 1000.1000000000001, 'element 1000']],
  ),
  value(
    'a member of a sorted set',
    [['ZADD', KEY, 1, 'a', 2, 'b']],
    [
      ['ZREM', KEY, 'b'],
      ['ZADD', KEY, 2, 'c'],
    ],
  ),
  value('a place on the map', [['GEOADD', KEY, 13.361389, 38.115556, 'p']], [['GEOADD', KEY, 13.3614, 38.115556, 'p']]),
  // hashes
  value('the value of a field', [['HSET', KEY, 'f', '1', 'g', '2']], [['HSET', KEY, 'g', '3']]),
  value('a field of a big hash', [['HSET', KEY, ...FIELDS]], [['HSET', KEY, 'field 2999', 'other']]),
  value(
    'the name of a field',
    [['HSET', KEY, 'f', '1']],
    [
      ['HDEL', KEY, 'f'],
      ['HSET', KEY, 'F', '1'],
    ],
  ),
  // streams
  value('a value in an entry', STREAM, [
    ['DEL', KEY],
    ...STREAM.map((line) => line.map((a) => (a === 'value 4' ? 'v' : a))),
  ]),
  value('an entry deleted', STREAM, [['XDEL', KEY, '4-0']]),
  value('the last id of a stream', STREAM, [
    ['XADD', KEY, '7-0', 'f', 'v'],
    ['XDEL', KEY, '7-0'],
  ]),
  value('the position of a group', STREAM, [['XGROUP', 'SETID', KEY, 'readers', '4-0']]),
  value('the owner of a pending entry', STREAM, [['XCLAIM', KEY, 'readers', 'bob', 0, '2-0', 'JUSTID']]),
  value('the count of a pending entry', STREAM, [
    ['XCLAIM', KEY, 'readers', 'ann', 0, '2-0', 'RETRYCOUNT', 2, 'JUSTID'],
  ]),
  value('the delivery time of a pending entry', STREAM, [
    ['XCLAIM', KEY, 'readers', 'ann', 0, '2-0', 'IDLE', 60_000, 'RETRYCOUNT', 1, 'JUSTID'],
  ]),
  value('a pending entry acknowledged', STREAM, [['XACK', KEY, 'readers', '3-0']]),
  value('a group', STREAM, [['XGROUP', 'CREATE', KEY, 'others', '0']]),
  value('a consumer', STREAM, [['XGROUP', 'CREATECONSUMER', KEY, 'readers', 'bob']]),
  // the key itself
  { name: 'a key missing', kind: 'missing', value: [['SET', KEY, 'x']], change: [['DEL', KEY]] },
  {
    name: 'a key missing in another database',
    kind: 'missing',
    db: 3,
    value: [['SET', KEY, 'x']],
    change: [['DEL', KEY]],
  },
  { name: 'an extra key', kind: 'extra', value: [], change: [['HSET', KEY, 'f', 'v']] },
  { name: 'an extra key in another database', kind: 'extra', db: 3, value: [], change: [['SADD', KEY, 'v']] },
  { name: 'an extra key in a database of its own', kind: 'extra', db: 5, value: [], change: [['SET', KEY, 'v']] },
  {
    name: 'a missing key in a database of its own',
    kind: 'missing',
    db: 6,
    value: [],
    change: [['SET', KEY, 'v']],
    onSource: true,
  },
  {
    name: Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0x80]),
    kind: 'missing',
    value: [['SET', KEY, 'x']],
    change: [['DEL', KEY]],
  },
  {
    name: 'the type',
    kind: 'type',
    value: [['SET', KEY, '1']],
    change: [
      ['DEL', KEY],
      ['RPUSH', KEY, '1'],
    ],
  },
  {
    name: 'a set for a sorted set',
    kind: 'type',
    value: [['SADD', KEY, 'm']],
    change: [
      ['DEL', KEY],
      ['ZADD', KEY, 0, 'm'],
    ],
  },
  ttl('a TTL gone', [['PERSIST', KEY]]),
  ttl('a TTL two seconds longer', [['PEXPIREAT', KEY, DEADLINE_MS + 2000]]),
  ttl('a TTL two seconds shorter', [['PEXPIREAT', KEY, DEADLINE_MS - 2000]]),
  { name: 'a TTL more', kind: 'ttl', value: [['RPUSH', KEY, 'x']], change: [['PEXPIREAT', KEY, DEADLINE_MS]] },
];

export const HARMLESS: readonly Planted[] = [
  value('a count of a HyperLogLog cached', [['PFADD', KEY, 'a', 'b']], [['PFCOUNT', KEY]]),
  value(
    'another encoding of a hash',
    [['HSET', KEY, 'f', '1', 'g', '2']],
    [
      ['HSET', KEY, 'long', 'x'.repeat(100)],
      ['HDEL', KEY, 'long'],
    ],
  ),
  value(
    'another encoding of a set',
    [['SADD', KEY, 1, 2]],
    [
      ['SADD', KEY, 'x'],
      ['SREM', KEY, 'x'],
    ],
  ),
  value(
    'another order in a hash',
    [['HSET', KEY, 'f', '1', 'g', '2']],
    [
      ['DEL', KEY],
      ['HSET', KEY, 'g', '2', 'f', '1'],
    ],
  ),
  value('a consumer seen later', STREAM, [['XREADGROUP', 'GROUP', 'readers', 'ann', 'STREAMS', KEY, '9-0']]),
  ttl('a TTL half a second longer', [['PEXPIREAT', KEY, DEADLINE_MS + 500]]),
];

function string(name: string, bytes: string | Buffer, change: readonly Line[]): Planted {
  return value(name, [['SET', KEY, bytes]], change);
}

function value(name: string, both: readonly Line[], change: readonly Line[]): Planted {
  return { name, kind: 'value', value: both, change };
}

function ttl(name: string, change: readonly Line[]): Planted {
  return { name, kind: 'ttl', value: [['SET', KEY, 'x', 'PXAT', DEADLINE_MS]], change };
}

/** Runs lines of the planted values on a server, in order; an error is thrown. */
export async function run(server: Wire, planted: readonly Planted[], which: 'value' | 'change'): Promise<void> {
  const replies: Promise<unknown>[] = [];
  for (const plant of planted) {
    replies.push(server.send('SELECT', plant.db ?? 0));
    for (const line of plant[which]) {
      const args = line.map((arg) => (arg === KEY ? plant.name : arg));
      replies.push(
        server.send(...args).then((reply) => {
          if (reply instanceof Error) throw new Error(`${args.slice(0, 6).join(' ')}: ${reply.message}`);
        }),
      );
    }
  }
  await Promise.all(replies);
}
