/**
 * The shapes of the dataset: one maker per kind of key, each yielding the commands that create it.
 *
 * Values vary in what makes copying hard: bytes that are no UTF-8, CRLF and NUL in keys and values, both encodings of
 * every type, scores that need all 17 digits, streams with groups whose entries are partly read, acknowledged, claimed
 * and deleted, HyperLogLogs of both representations.
 */
export type Arg = string | number | Buffer;
export type RedisCommand = readonly [name: string, ...args: Arg[]];

/** Makes one key of its kind; `key` is unique, `random` is seeded. */
export type Shape = (key: Arg, random: () => number) => Iterable<RedisCommand>;

const WORDS = 'anchor berth cargo deck engine funnel gangway harbour island jetty keel lantern mooring'.split(' ');

export function* text(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['SET', key, words(random, 1 + upTo(random, 40))];
}

export function* binary(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['SET', key, bytes(random, 1 + upTo(random, 400))];
}

export function* counter(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['SET', key, upTo(random, 2 ** 31) - 2 ** 30];
}

export function* expiring(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['SET', key, words(random, 5), 'PX', 3_600_000 + upTo(random, 30 * 24 * 3_600_000)];
}

/** Gone during the demonstration, most of them before they are copied or soon after. */
export function* shortLived(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['SET', key, words(random, 3), 'PX', 2000 + upTo(random, 120_000)];
}

export function* smallHash(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield hashOf(key, random, 3 + upTo(random, 15));
  if (random() < 0.1) yield ['EXPIRE', key, 3600 + upTo(random, 86_400)];
}

export function* tableHash(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['HSET', key, 'blob', bytes(random, 100 + upTo(random, 200)), 'count', upTo(random, 1e9), '', 'empty field'];
}

export function* list(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['RPUSH', key, ...many(1 + upTo(random, 30), () => words(random, 1 + upTo(random, 6)))];
  if (random() < 0.1) yield ['PEXPIRE', key, 3_600_000 + upTo(random, 1e9)];
}

export function* integerSet(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['SADD', key, ...many(1 + upTo(random, 30), () => upTo(random, 1e6) - 5e5)];
}

export function* set(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['SADD', key, ...many(1 + upTo(random, 20), (i) => `${words(random, 1)}-${i}`)];
}

export function* sortedSet(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield ['ZADD', key, ...many(1 + upTo(random, 25), (i) => [score(random), `member-${i}`]).flat()];
  if (random() < 0.1) yield ['EXPIRE', key, 3600 + upTo(random, 86_400)];
}

export function* geo(key: Arg, random: () => number): Iterable<RedisCommand> {
  const places = many(1 + upTo(random, 20), (i) => [random() * 360 - 180, random() * 170 - 85, `place-${i}`]);
  yield ['GEOADD', key, ...places.flat()];
}

export function* bitmap(key: Arg, random: () => number): Iterable<RedisCommand> {
  for (let i = 0; i < 5; i++) yield ['SETBIT', key, upTo(random, 20_000), 1];
  yield ['BITFIELD', key, 'SET', 'u8', '#7', upTo(random, 256), 'INCRBY', 'i5', '100', upTo(random, 15)];
}

/** Sparse for few elements, dense for many. */
export function* hyperLogLog(key: Arg, random: () => number): Iterable<RedisCommand> {
  const elements = random() < 0.1 ? 3000 : 1 + upTo(random, 50);
  yield ['PFADD', key, ...many(elements, () => upTo(random, 1e9))];
}

export function* stream(key: Arg, random: () => number): Iterable<RedisCommand> {
  yield* streamOf(key, random, 3 + upTo(random, 30));
}

export function* streamOf(key: Arg, random: () => number, entries: number): Iterable<RedisCommand> {
  for (let i = 1; i <= entries; i++) {
    yield [
      'XADD',
      key,
      `${1_600_000_000_000 + i * 10}-${i % 3}`,
      'event',
      words(random, 2),
      'amount',
      upTo(random, 1000),
    ];
  }
  yield ['XGROUP', 'CREATE', key, 'billing', 0];
  yield ['XGROUP', 'CREATE', key, 'späte', '$'];
  yield ['XGROUP', 'CREATECONSUMER', key, 'billing', 'idle'];
  yield ['XREADGROUP', 'GROUP', 'billing', 'alice', 'COUNT', Math.ceil(entries / 2), 'STREAMS', key, '>'];
  yield ['XREADGROUP', 'GROUP', 'billing', 'bob', 'COUNT', Math.ceil(entries / 4), 'STREAMS', key, '>'];
  yield ['XACK', key, 'billing', id(1), id(2)];
  yield ['XCLAIM', key, 'billing', 'bob', 0, id(3), 'JUSTID'];
  yield ['XDEL', key, id(2)];
  if (random() < 0.2) yield ['XTRIM', key, 'MAXLEN', Math.ceil(entries / 2)];
}

/** Many elements in commands of a thousand each, so that no single command is huge. */
export function* bigHash(key: Arg, random: () => number, fields: number): Iterable<RedisCommand> {
  for (let from = 0; from < fields; from += 1000) {
    const some = many(Math.min(1000, fields - from), (i) => [`field:${from + i}`, words(random, 3)]);
    yield ['HSET', key, ...some.flat()];
  }
}

export function* bigSortedSet(key: Arg, random: () => number, members: number): Iterable<RedisCommand> {
  for (let from = 0; from < members; from += 1000) {
    const some = many(Math.min(1000, members - from), (i) => [score(random), `member:${from + i}`]);
    yield ['ZADD', key, ...some.flat()];
  }
}

export function* bigList(key: Arg, random: () => number, items: number): Iterable<RedisCommand> {
  for (let from = 0; from < items; from += 1000) {
    yield ['RPUSH', key, ...many(Math.min(1000, items - from), () => words(random, 4))];
  }
}

export function* bigSet(key: Arg, random: () => number, members: number): Iterable<RedisCommand> {
  for (let from = 0; from < members; from += 1000) {
    yield ['SADD', key, ...many(Math.min(1000, members - from), (i) => `${from + i}:${words(random, 1)}`)];
  }
}

/** Random bytes that repeat too far apart for Redis' compression: as big in a DUMP as in memory. */
export function* bigString(key: Arg, random: () => number, size: number): Iterable<RedisCommand> {
  const value = Buffer.alloc(size, bytes(random, 64 * 1024 + 1));
  yield ['SET', key, value];
}

/** A key that is no UTF-8 and contains what breaks careless parsers. */
export function binaryKey(name: string, random: () => number): Buffer {
  return Buffer.concat([Buffer.from(`${name}\r\n\0$-1 {`), bytes(random, 8), Buffer.from([0xff, 0xfe, 0x0a])]);
}

function hashOf(key: Arg, random: () => number, fields: number): RedisCommand {
  return ['HSET', key, ...many(fields, (i) => [`${WORDS[i % WORDS.length]}${i}`, words(random, 2)]).flat()];
}

/** Integers, fractions of 17 digits, very small and infinite ones. */
function score(random: () => number): number | string {
  const kind = random();
  if (kind < 0.4) return upTo(random, 100_000);
  if (kind < 0.9) return random() * 1000 - 500;
  if (kind < 0.96) return random() * 1e-300;
  return kind < 0.98 ? '+inf' : '-inf';
}

function id(entry: number): string {
  return `${1_600_000_000_000 + entry * 10}-${entry % 3}`;
}

function many<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function upTo(random: () => number, n: number): number {
  return Math.floor(random() * n);
}

function words(random: () => number, count: number): string {
  let sentence = WORDS[upTo(random, WORDS.length)]!;
  for (let i = 1; i < count; i++) sentence += ` ${WORDS[upTo(random, WORDS.length)]}`;
  return sentence;
}

function bytes(random: () => number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) buffer[i] = random() * 256;
  return buffer;
}
