/** Values of every type and encoding, with the oddities that copies get wrong. */
import type { Args } from '../../../src/mirror/logical/replies.js';

export interface Value {
  name: string;
  /** Commands that make it under this key. */
  make(key: Buffer): Args[];
}

const BINARY = Buffer.from([0, 13, 10, 36, 45, 49, 13, 10, 255, 254, 0x80, 42]);
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));
/** The same bytes on every run, of any length. */
const noise = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 2654435761) % 251));

const SCORES = [
  '0.30000000000000004',
  '0.1',
  '-inf',
  'inf',
  '1e308',
  '-1e308',
  '5e-324',
  '17',
  '-3',
  '9007199254740993',
  '12345678901234567890',
  '3.0000000000000004',
  '1e20',
];
const scored = (extra: number): string[] => [
  ...SCORES.flatMap((score, i) => [score, `m${i}`]),
  ...numbers(extra).flatMap((n) => [`${n}.7`, `member:${n}`]),
];

export const VALUES: Value[] = [
  { name: 'string: empty', make: (k) => [['SET', k, '']] },
  { name: 'string: integer', make: (k) => [['SET', k, '12345']] },
  { name: 'string: binary', make: (k) => [['SET', k, BINARY]] },
  { name: 'string: long', make: (k) => [['SET', k, noise(200_001)]] },
  { name: 'string: exactly one piece', make: (k) => [['SET', k, noise(40)]] },
  { name: 'string: bitmap', make: (k) => [['SETBIT', k, 100_000, 1]] },
  {
    name: 'string: sparse HyperLogLog',
    make: (k) => [
      ['PFADD', k, ...numbers(50)],
      ['PFCOUNT', k],
    ],
  },
  { name: 'string: dense HyperLogLog', make: (k) => [['PFADD', k, ...numbers(5000)]] },
  { name: 'list: one element', make: (k) => [['RPUSH', k, '']] },
  { name: 'list: small, binary', make: (k) => [['RPUSH', k, 'a', BINARY, '', '12', BINARY, 'a']] },
  { name: 'list: exact multiple of a piece', make: (k) => [['RPUSH', k, ...numbers(9)]] },
  { name: 'list: many nodes', make: (k) => [['RPUSH', k, ...numbers(3000)]] },
  { name: 'list: plain nodes', make: (k) => [['RPUSH', k, noise(9000), 'x', noise(20_000)]] },
  { name: 'set: intset', make: (k) => [['SADD', k, ...numbers(40), '-9223372036854775808', '9223372036854775807']] },
  { name: 'set: small', make: (k) => [['SADD', k, 'a', BINARY, '']] },
  { name: 'set: hash table', make: (k) => [['SADD', k, ...numbers(2000).map((n) => `member:${n}`), BINARY]] },
  { name: 'hash: listpack', make: (k) => [['HSET', k, 'f', '1', BINARY, BINARY, '', '']] },
  { name: 'hash: hash table', make: (k) => [['HSET', k, ...numbers(4000), BINARY, BINARY]] },
  { name: 'hash: big values', make: (k) => [['HSET', k, 'a', noise(70_000), 'b', noise(70_001), 'c', '']] },
  { name: 'zset: listpack', make: (k) => [['ZADD', k, ...scored(0), '1', BINARY, '1', '']] },
  { name: 'zset: skiplist', make: (k) => [['ZADD', k, ...scored(1000), '1', BINARY]] },
  { name: 'zset: equal scores', make: (k) => [['ZADD', k, ...numbers(300).flatMap((n) => ['7', `m${n}`])]] },
  {
    name: 'zset: geo',
    make: (k) => [['GEOADD', k, '13.361389', '38.115556', 'Palermo', '15.087269', '37.502669', 'Catania']],
  },
  {
    name: 'stream: virgin',
    make: (k) => [
      ['XGROUP', 'CREATE', k, 'g', '0', 'MKSTREAM'],
      ['XGROUP', 'DESTROY', k, 'g'],
    ],
  },
  { name: 'stream: entries only', make: (k) => entries(k, 1, 500) },
  {
    name: 'stream: greatest ids',
    make: (k) => [
      ['XADD', k, '0-1', 'a', ''],
      ['XADD', k, '18446744073709551615-18446744073709551615', BINARY, BINARY],
    ],
  },
  { name: 'stream: emptied', make: (k) => [...entries(k, 1, 3), ['XDEL', k, '1-0', '2-0', '3-0']] },
  { name: 'stream: trimmed', make: (k) => [...entries(k, 1, 20), ['XTRIM', k, 'MAXLEN', 4]] },
  {
    name: 'stream: ids set ahead',
    make: (k) => [...entries(k, 1, 2), ['XSETID', k, '99-9', 'ENTRIESADDED', 1234, 'MAXDELETEDID', '77-0']],
  },
  { name: 'stream: ids set back', make: (k) => [...entries(k, 1, 9), ['XDEL', k, '5-0', '9-0'], ['XSETID', k, '8-1']] },
  { name: 'stream: numbers beyond 2^53', make: hugeNumbers },
  { name: 'stream: empty with a group', make: (k) => [['XGROUP', 'CREATE', k, 'g', '5-5', 'MKSTREAM']] },
  { name: 'stream: groups and oddities', make: groupsAndOddities },
  { name: 'stream: everything pending is gone', make: everythingGone },
  { name: 'stream: many pending entries', make: manyPending },
];

function entries(key: Buffer, from: number, to: number): Args[] {
  const commands: Args[] = [];
  for (let i = from; i <= to; i++) {
    commands.push(['XADD', key, `${i}-0`, 'n', i, ...(i % 5 === 0 ? [BINARY, BINARY] : [])]);
  }
  return commands;
}

/** Several groups at different places; pending entries that were deleted, trimmed, claimed often, or long ago. */
function groupsAndOddities(key: Buffer): Args[] {
  return [
    ...entries(key, 1, 30),
    ['XGROUP', 'CREATE', key, 'g', '0', 'ENTRIESREAD', 0],
    ['XGROUP', 'CREATE', key, BINARY, '10-0'],
    ['XGROUP', 'CREATE', key, 'late', '$', 'ENTRIESREAD', 30],
    ['XGROUP', 'CREATE', key, 'unread', '0'],
    ['XGROUP', 'CREATECONSUMER', key, 'g', 'idle'],
    ['XGROUP', 'CREATECONSUMER', key, 'unread', BINARY],
    ['XREADGROUP', 'GROUP', 'g', 'alice', 'COUNT', 12, 'STREAMS', key, '>'],
    ['XREADGROUP', 'GROUP', 'g', 'bob', 'COUNT', 5, 'STREAMS', key, '>'],
    ['XREADGROUP', 'GROUP', BINARY, BINARY, 'COUNT', 15, 'STREAMS', key, '>'],
    ['XACK', key, 'g', '2-0', '3-0', '13-0'],
    ['XCLAIM', key, 'g', 'carol', 0, '5-0', 'TIME', 1_600_000_000_123, 'RETRYCOUNT', 17, 'FORCE', 'JUSTID'],
    ['XCLAIM', key, 'g', 'alice', 0, '7-0', 'TIME', 0, 'RETRYCOUNT', 0, 'FORCE', 'JUSTID'],
    // beyond the group's own position
    ['XCLAIM', key, 'g', 'bob', 0, '29-0', 'TIME', 1_600_000_000_124, 'RETRYCOUNT', 9, 'FORCE', 'JUSTID'],
    ['XDEL', key, '6-0', '7-0', '14-0', '20-0'],
    ['XTRIM', key, 'MAXLEN', 24],
  ];
}

function hugeNumbers(key: Buffer): Args[] {
  return [
    ...entries(key, 1, 2),
    ['XGROUP', 'CREATE', key, 'g', '1-0', 'ENTRIESREAD', '9007199254740995'],
    ['XCLAIM', key, 'g', 'a', 0, '1-0', 'RETRYCOUNT', '9007199254740993', 'FORCE', 'JUSTID'],
    ['XSETID', key, '2-0', 'ENTRIESADDED', '9223372036854775807', 'MAXDELETEDID', '0-0'],
  ];
}

function everythingGone(key: Buffer): Args[] {
  return [
    ...entries(key, 1, 9),
    ['XGROUP', 'CREATE', key, 'g', '0'],
    ['XGROUP', 'CREATE', key, 'h', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'a', 'COUNT', 6, 'STREAMS', key, '>'],
    ['XREADGROUP', 'GROUP', 'h', 'b', 'STREAMS', key, '>'],
    ['XTRIM', key, 'MAXLEN', 0],
  ];
}

function manyPending(key: Buffer): Args[] {
  return [
    ...entries(key, 1, 700),
    ['XGROUP', 'CREATE', key, 'g', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'a', 'COUNT', 600, 'STREAMS', key, '>'],
    ['XREADGROUP', 'GROUP', 'g', 'b', 'STREAMS', key, '>'],
    ['XREADGROUP', 'GROUP', 'g', 'a', 'COUNT', 50, 'STREAMS', key, '0'],
    ...Array.from({ length: 100 }, (_, i): Args => ['XDEL', key, `${7 * i + 1}-0`]),
  ];
}
