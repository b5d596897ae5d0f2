/**
 * One line or more for every read command of Redis 7.0, over keys of every type. `@name` is a key of DATA; asked with
 * other names in their place the same lines show what a missing key looks like.
 */

export const DATA: readonly string[] = [
  'SET @string hello',
  'SET @other help',
  'SETBIT @bits 3 1',
  'SET @ones \xff\xff',
  'SET @volatile v PXAT 33177117420000',
  'HSET @hash f v g w empty-looking 0',
  'HSET @zeros f 0',
  'RPUSH @list c a b a',
  'RPUSH @numbers 3 1 2',
  'SADD @set a b c',
  'SADD @subset a b',
  'SADD @one a',
  'ZADD @zset 1 a 2 b 3 c',
  'ZADD @zeroes 0 a',
  'GEOADD @geo 13.361389 38.115556 a 15.087269 37.502669 b',
  'PFADD @hll a b c',
  'PFADD @hll2 c d',
  'XADD @stream 1-1 f v',
  'XADD @stream 2-1 f w',
  'XADD @stream2 3-1 f v',
  'XGROUP CREATE @stream group 0',
  'XREADGROUP GROUP group consumer COUNT 1 STREAMS @stream >',
];

export const FUNCTIONS = `#!lua name=ferryreads
redis.register_function{function_name='ferry_length', callback=function(keys) return redis.call('STRLEN', keys[1]) end, flags={'no-writes'}}`;

const SCRIPT = "return redis.call('LLEN',KEYS[1])";

/** The same answer from every server that has the same keys. */
export const LINES: readonly (readonly string[])[] = [
  ...[
    ...['GET @string', 'STRLEN @string', 'GETRANGE @string 0 1', 'GETRANGE @string 9 10', 'SUBSTR @string 0 1'],
    ...['GETBIT @bits 3', 'GETBIT @bits 4', 'BITCOUNT @bits', 'BITCOUNT @string 0 -1'],
    ...['BITPOS @bits 1', 'BITPOS @bits 0', 'BITPOS @ones 0 0 0', 'BITPOS @bits 1 1'],
    ...['BITFIELD_RO @bits GET u8 0', 'BITFIELD_RO @bits GET u8 0 GET u8 8', 'BITFIELD_RO @bits GET u4 800'],
    ...['MGET @string', 'MGET @string @other', 'MGET @string @never @other', 'LCS @string @other', 'PFCOUNT @hll'],
    ...['PFCOUNT @hll @hll2', 'EXISTS @string', 'EXISTS @string @other @never', 'TOUCH @string', 'TYPE @string'],
    ...['TYPE @stream', 'TTL @string', 'PTTL @string', 'EXPIRETIME @volatile', 'PEXPIRETIME @volatile'],
    ...['EXPIRETIME @string', 'PEXPIRETIME @string', 'DUMP @string', 'DUMP @hash', 'MEMORY USAGE @string'],
    ...['OBJECT ENCODING @hash', 'OBJECT REFCOUNT @hash', 'OBJECT FREQ @hash', 'OBJECT IDLETIME @hash'],
    ...['HGET @hash f', 'HGET @hash none', 'HMGET @hash f', 'HMGET @hash none f', 'HMGET @hash none nor'],
    ...['HLEN @hash', 'HEXISTS @hash f', 'HEXISTS @hash none', 'HSTRLEN @hash f', 'HGET @zeros f'],
    ...['LINDEX @list 0', 'LINDEX @list 9', 'LLEN @list', 'LRANGE @list 0 -1', 'LRANGE @list 7 9'],
    ...['LPOS @list a', 'LPOS @list none', 'LPOS @list a COUNT 0', 'LPOS @list none COUNT 0', 'LPOS @list c'],
    ...['SCARD @set', 'SISMEMBER @set a', 'SISMEMBER @set none', 'SMISMEMBER @set none a', 'SMISMEMBER @set none nor'],
    ...['SMEMBERS @one', 'SRANDMEMBER @one', 'SRANDMEMBER @one 5', 'SINTERCARD 2 @set @subset', 'SINTER @set @one'],
    ...['ZSCORE @zset a', 'ZSCORE @zset none', 'ZSCORE @zeroes a', 'ZMSCORE @zset a none', 'ZMSCORE @zset none nor'],
    ...['ZCARD @zset', 'ZCOUNT @zset 1 2', 'ZCOUNT @zset 8 9', 'ZLEXCOUNT @zset - +', 'ZLEXCOUNT @zset [x [z'],
    ...['ZRANK @zset a', 'ZRANK @zset none', 'ZREVRANK @zset c', 'ZREVRANK @zset a', 'ZRANGE @zset 0 -1'],
    ...['ZRANGE @zset 8 9', 'ZRANGE @zset 0 -1 WITHSCORES', 'ZRANGEBYLEX @zset - +', 'ZRANGEBYSCORE @zset 1 2'],
    ...['ZREVRANGE @zset 0 -1', 'ZREVRANGEBYLEX @zset + -', 'ZREVRANGEBYSCORE @zset 2 1', 'ZRANDMEMBER @zeroes'],
    ...['ZRANDMEMBER @zeroes 3', 'ZRANDMEMBER @zeroes 3 WITHSCORES', 'ZUNION 2 @zset @zeroes WITHSCORES'],
    ...['ZINTER 2 @zset @zeroes', 'ZDIFF 2 @zset @zeroes', 'ZINTERCARD 2 @zset @zeroes'],
    ...['GEOPOS @geo a', 'GEOPOS @geo a none', 'GEOPOS @geo none', 'GEODIST @geo a b', 'GEODIST @geo a none'],
    ...['GEOHASH @geo a', 'GEOHASH @geo none a', 'GEOSEARCH @geo FROMMEMBER a BYRADIUS 9 km', 'XLEN @stream'],
    ...[
      'GEOSEARCH @geo FROMMEMBER none BYRADIUS 9 km',
      'GEORADIUS_RO @geo 15 37 10 km',
      'GEORADIUS_RO @geo 15 37 99 km',
    ],
    ...['GEORADIUSBYMEMBER_RO @geo a 9 km', 'GEORADIUSBYMEMBER_RO @geo none 9 km'],
    ...['XRANGE @stream - +', 'XRANGE @stream 8 9', 'XREVRANGE @stream + -', 'XREAD STREAMS @stream 0'],
    ...['XREAD STREAMS @stream @stream2 0 0', 'XPENDING @stream group', 'XPENDING @stream none'],
    ...[
      'XINFO STREAM @stream',
      'XINFO GROUPS @stream',
      'XINFO CONSUMERS @stream none',
      'HSCAN @hash 0',
      'SSCAN @one 0',
    ],
    ...['ZSCAN @zset 0', 'SORT_RO @numbers', 'SORT_RO @list ALPHA', 'SORT_RO @numbers BY w_* GET #'],
    ...['FCALL_RO ferry_length 1 @string', 'GET @hash', 'HGET @string f', 'LRANGE @set 0 -1', 'TYPE @never'],
  ].map((line) => line.split(' ')),
  ['EVAL_RO', SCRIPT, '1', '@list'],
  ['EVALSHA_RO', '0000000000000000000000000000000000000000', '1', '@list'],
];

/** The same answer but for its order: a set or hash is walked in the order of its server's memory. */
export const UNORDERED_LINES: readonly (readonly string[])[] = [
  ...['HGETALL @hash', 'HKEYS @hash', 'HVALS @hash', 'HRANDFIELD @hash 9', 'HRANDFIELD @hash 9 WITHVALUES'],
  ...['SMEMBERS @set', 'SRANDMEMBER @set 9', 'SUNION @set @subset', 'SINTER @set @subset', 'SDIFF @set @subset'],
  ...['SUNION @set', 'SINTER @set', 'SDIFF @set'],
].map((line) => line.split(' '));

/** Keys and lines of commands that came after Redis 7.0: hashes with fields that expire (7.4), vector sets (8.0). */
export const NEWER_DATA: readonly string[] = [
  'HSET @fields f v g w',
  'HPEXPIREAT @fields 33177117420000 FIELDS 1 f',
  'VADD @vectors VALUES 3 1 0 0 a',
  'VADD @vectors VALUES 3 0 1 0 b',
  'VADD @one-vector VALUES 3 1 0 0 a',
  'VSETATTR @vectors a {"x":1}',
];

export const NEWER_LINES: readonly (readonly string[])[] = [
  ...['HTTL @fields FIELDS 2 g none', 'HPTTL @fields FIELDS 2 g none', 'HEXPIRETIME @fields FIELDS 3 f g none'],
  ...[
    'HPEXPIRETIME @fields FIELDS 3 f g none',
    'HPEXPIRETIME @fields FIELDS 1 none',
    'VCARD @vectors',
    'VDIM @vectors',
  ],
  ...['VEMB @vectors a', 'VEMB @vectors none', 'VGETATTR @vectors a', 'VGETATTR @vectors b', 'VINFO @one-vector'],
  ...['VISMEMBER @vectors a', 'VISMEMBER @vectors none', 'VLINKS @vectors a', 'VRANDMEMBER @one-vector'],
  ...['VSIM @vectors ELE a', 'VSIM @vectors ELE a WITHSCORES'],
].map((line) => line.split(' '));

export function withPrefix(line: readonly string[], prefix: string): string[] {
  return line.map((word) => (word.startsWith('@') ? prefix + word.slice(1) : word));
}

/** "xinfo|stream", as Redis names it; containers are those whose second word is a subcommand. */
export function commandName([first = '', second = '']: readonly string[]): string {
  const name = first.toLowerCase();
  return /^(object|memory|xinfo)$/.test(name) ? `${name}|${second.toLowerCase()}` : name;
}
