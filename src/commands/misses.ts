/**
 * What the reply to a read looks like when the key is missing.
 *
 * Before the cutover a read may be served by the target; when its reply looks like a missing key, the
 * source is asked again. So a reply that a missing key and an existing one share (BITPOS → -1, ZCOUNT → 0)
 * counts as a miss: that costs a second question, and the answer is right either way. The other mistake,
 * a miss that is taken for an answer, must not happen: a command that is not in this table has the miss
 * 'never', and its reads always ask the authority. An error of the target is always a miss.
 *
 * The table speaks of ONE key. Where the arguments of a command name several (MGET a b, EXISTS a b), the
 * reply says nothing about each of them, and the read asks the authority.
 */
export type Miss =
  /** The reply is not asked: this read always goes to the authority. */
  | 'never'
  /** A null, in any of its forms. */
  | 'nil'
  /** A null, an empty string or an empty collection. */
  | 'empty'
  | 'zero'
  | 'zero-or-minus-one'
  | 'minus-two'
  /** The status "none". */
  | 'none-type'
  /** A collection of nulls only, or none at all. */
  | 'all-nil'
  | 'all-zero'
  | 'all-minus-two';

export const MISS_NEVER_TARGET: Miss = 'never';

/** Reads that name keys and may be served by the target, one line per form of a miss. */
const ROWS: readonly (readonly [miss: Miss, names: string])[] = [
  ['nil', 'get hget lindex geodist zscore zrank zrevrank'],
  // GETRANGE answers "" and the random readers a null or, with a count, an empty array.
  ['empty', 'getrange substr lrange lpos smembers srandmember sinter sunion sdiff'],
  ['empty', 'hgetall hkeys hvals hrandfield zrandmember xrange xrevrange'],
  ['empty', 'zrange zrangebylex zrangebyscore zrevrange zrevrangebylex zrevrangebyscore'],
  ['empty', 'geosearch georadius_ro georadiusbymember_ro'],
  ['zero', 'exists strlen getbit bitcount hexists hlen hstrlen llen scard sismember'],
  ['zero', 'zcard zcount zlexcount xlen pfcount'],
  // Looking for a 1 in nothing finds none (-1); looking for a 0 finds one at once (0).
  ['zero-or-minus-one', 'bitpos'],
  ['minus-two', 'ttl pttl expiretime pexpiretime'],
  ['none-type', 'type'],
  ['all-nil', 'mget hmget zmscore geopos geohash'],
  ['all-zero', 'smismember bitfield_ro'],
  // Redis 7.4: one answer per field.
  ['all-minus-two', 'httl hpttl hexpiretime hpexpiretime'],
];

/** Reads that always ask the authority, and why. */
const NEVER_ROWS: readonly (readonly [why: string, names: string])[] = [
  ['a cursor belongs to one server', 'hscan sscan zscan'],
  [
    'reads several keys, which a copy may show in a state that never was',
    'lcs xread zunion zinter zdiff sintercard zintercard',
  ],
  ['may read keys that its arguments do not name', 'sort_ro eval_ro evalsha_ro fcall_ro'],
  ['tells about a server and not about the value', 'dump memory|usage'],
  ['tells about a server and not about the value', 'object|encoding object|freq object|idletime object|refcount'],
  ['idle times, lag and sizes are those of one server', 'xpending xinfo|stream xinfo|groups xinfo|consumers'],
  ['the authority is to count the access', 'touch'],
  ['newer than the servers Ferry is tested with', 'digest sdiffcard sunioncard'],
  ['newer than the servers Ferry is tested with', 'vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember'],
  ['newer than the servers Ferry is tested with', 'vrange vsim arcount arget argetrange argrep arinfo'],
  ['newer than the servers Ferry is tested with', 'arlastitems arlen armget arnext arop arscan'],
];

/** The read commands that Ferry knows. One that is missing here is 'never'. */
export const READS: ReadonlyMap<string, Miss> = new Map([
  ...ROWS.flatMap(([miss, names]) => names.split(' ').map((name): [string, Miss] => [name, miss])),
  ...NEVER_ROWS.flatMap(([, names]) => names.split(' ').map((name): [string, Miss] => [name, MISS_NEVER_TARGET])),
]);

/** For those of READS that never ask the target: the reason, as docs/compatibility.md says it. */
export const NEVER_TARGET_REASONS: ReadonlyMap<string, string> = new Map(
  NEVER_ROWS.flatMap(([why, names]) => names.split(' ').map((name): [string, string] => [name, why])),
);

const MINUS = 0x2d;
const COLON = 0x3a;
const ZERO = 0x30;
const ONE = 0x31;
const TWO = 0x32;
const CR = 0x0d;

/**
 * Is the reply in buf[start, end), complete and well formed, one that a missing key gives? Reads the first
 * line; for the collections ('all-…') the elements as far as they all look missing.
 */
export function isMiss(miss: Miss, buf: Buffer, start: number, end: number): boolean {
  const type = buf[start];
  if (type === MINUS || type === 0x21 /* ! */) return true;
  switch (miss) {
    case 'never':
      return true;
    case 'nil':
      return isNullAt(buf, start);
    case 'empty':
      return isNullAt(buf, start) || isEmptyAt(buf, start);
    case 'zero':
      return isZeroAt(buf, start);
    case 'zero-or-minus-one':
      return isZeroAt(buf, start) || isNegativeAt(buf, start, ONE);
    case 'minus-two':
      return isNegativeAt(buf, start, TWO);
    case 'none-type':
      return type === 0x2b /* + */ && buf.toString('latin1', start + 1, start + 7) === 'none\r\n';
    case 'all-nil':
    case 'all-zero':
    case 'all-minus-two':
      return isNullAt(buf, start) || everyElement(miss, buf, start, end);
  }
}

function everyElement(miss: Miss, buf: Buffer, start: number, end: number): boolean {
  const type = buf[start];
  if (type !== 0x2a /* * */ && type !== 0x7e /* ~ */) return false;
  let at = buf.indexOf(CR, start) + 2;
  while (at < end) {
    if (miss === 'all-nil') {
      if (!isNullAt(buf, at)) return false;
      at += buf[at] === 0x5f /* _ */ ? 3 : 5;
    } else if (miss === 'all-zero') {
      if (!isZeroAt(buf, at)) return false;
      at += 4;
    } else {
      if (!isNegativeAt(buf, at, TWO)) return false;
      at += 5;
    }
  }
  return true;
}

/** $-1, *-1, or RESP3's _ */
function isNullAt(buf: Buffer, at: number): boolean {
  const type = buf[at];
  return type === 0x5f || ((type === 0x24 || type === 0x2a) && buf[at + 1] === MINUS);
}

/** An empty string or collection: $0 *0 ~0 %0 */
function isEmptyAt(buf: Buffer, at: number): boolean {
  const type = buf[at];
  const sized = type === 0x24 || type === 0x2a || type === 0x7e || type === 0x25;
  return sized && buf[at + 1] === ZERO && buf[at + 2] === CR;
}

/** :0, or RESP3's false */
function isZeroAt(buf: Buffer, at: number): boolean {
  if (buf[at] === 0x23 /* # */) return buf[at + 1] === 0x66;
  return buf[at] === COLON && buf[at + 1] === ZERO && buf[at + 2] === CR;
}

/** :-1, :-2 */
function isNegativeAt(buf: Buffer, at: number, digit: number): boolean {
  return buf[at] === COLON && buf[at + 1] === MINUS && buf[at + 2] === digit && buf[at + 3] === CR;
}
