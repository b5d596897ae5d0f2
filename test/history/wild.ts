/**
 * Random commands whose replies are not checked: all types, all mirroring classes, on keys of their own in the slots
 * of the modelled ones. What they leave is compared at the end, between the two servers.
 */
import { type Args, SCRIPTS } from './model.js';
import { TAGS } from './modelled.js';
import type { Random } from './random.js';

type Make = (random: Random, token: string) => Args;

/** Initial keys of every type, some of them over the size from which a copy goes in chunks. */
export function fillWild(random: Random): Args[] {
  const commands: Args[] = [];
  const many = (count: number, of: (i: number) => readonly string[]): string[] =>
    Array.from({ length: count }, (_, i) => of(i)).flat();
  for (const tag of TAGS) {
    commands.push(
      ['SET', `w:str{${tag}}`, 'text'],
      ['SET', `w:num{${tag}}`, '7'],
      ['HSET', `w:hash{${tag}}`, 'f0', '1', 'f1', 'two', 'f2', '\x00\xff binary \r\n'],
      ['RPUSH', `w:list{${tag}}`, 'a', 'b', 'c', 'b'],
      ['SADD', `w:set{${tag}}`, 'm0', 'm1', 'm2'],
      ['SADD', `w:ints{${tag}}`, '1', '2', '3'],
      ['ZADD', `w:zset{${tag}}`, '1', 'm0', '0.1', 'm1', '-inf', 'm2'],
      ['XADD', `w:stream{${tag}}`, '1-1', 'f', 'v'],
      ['XADD', `w:stream{${tag}}`, '1-2', 'f', 'w'],
      ['XGROUP', 'CREATE', `w:stream{${tag}}`, 'g', '0'],
      ['XREADGROUP', 'GROUP', 'g', 'c1', 'COUNT', '1', 'STREAMS', `w:stream{${tag}}`, '>'],
      ['PFADD', `w:hll{${tag}}`, 'x', 'y', 'z'],
      ['GEOADD', `w:geo{${tag}}`, '13.361389', '38.115556', 'm0', '15.087269', '37.502669', 'm1'],
    );
  }
  commands.push(
    ['HSET', 'w:bighash{a}', ...many(150, (i) => [`f${i}`, `${i}`.padEnd(60, 'h')])],
    ['SET', 'w:bigstr{b}', 'big'.repeat(6000)],
    ['SADD', 'w:bigset{c}', ...many(150, (i) => [`m${i}`.padEnd(60, 's')])],
    ['ZADD', 'w:bigzset{d}', ...many(150, (i) => [String(i / 7), `m${i}`.padEnd(60, 'z')])],
    ['RPUSH', 'w:biglist{b}', ...many(150, (i) => [`${i}`.padEnd(60, 'l')])],
  );
  for (let i = 1; i <= 80; i++) commands.push(['XADD', 'w:bigstream{a}', `1-${i}`, 'f', `${i}`.padEnd(80, 'x')]);
  commands.push(['XGROUP', 'CREATE', 'w:bigstream{a}', 'g', '0']);
  return commands.filter((args) => !/big/.test(args[1]!) || !random.oneIn(6));
}

const key = (random: Random, name: string): string => `w:${name}{${random.pick(TAGS)}}`;
/** two keys of one slot, mostly */
function pair(random: Random, first: string, second = first): [string, string] {
  const tag = random.pick(TAGS);
  const other = random.oneIn(4) ? random.pick(TAGS) : tag;
  return [`w:${first}{${tag}}`, first === second && other === tag ? `w:${second}2{${tag}}` : `w:${second}{${other}}`];
}
const ANY = ['str', 'num', 'hash', 'list', 'set', 'ints', 'zset', 'stream', 'hll', 'geo', 'bits', 'str2', 'list2'];
const any = (random: Random): string => key(random, random.pick(ANY));
const field = (random: Random): string => `f${random.below(8)}`;
const member = (random: Random): string => `m${random.below(8)}`;
const score = (random: Random): string => random.pick(['0', '1.5', '-2', '0.1', '3e20', '1e-7', '17', '+inf']);
const small = (random: Random): string => String(random.below(5));
const longTtl = (random: Random): string => String(random.between(2000, 9000));

const WRITES: readonly (readonly [number, Make])[] = [
  // strings
  [2, (r, t) => ['SET', key(r, 'str'), t]],
  [1, (r, t) => ['SET', key(r, 'str'), t, 'PX', String(farMs(r))]],
  [1, (r, t) => ['SET', key(r, 'str'), t, 'EXAT', String(farSeconds(r))]],
  [1, (r, t) => ['PSETEX', key(r, 'str'), String(farMs(r)), t]],
  [1, (r, t) => ['SET', key(r, 'str'), t, 'NX', 'EX', longTtl(r)]],
  [1, (r) => ['GETEX', key(r, 'str'), ...r.pick([['PERSIST'], ['PX', String(farMs(r))], []])]],
  [1, (r, t) => ['APPEND', r.pick([key(r, 'str'), 'w:bigstr{b}']), t]],
  [1, (r, t) => ['SETRANGE', r.pick([key(r, 'str'), 'w:bigstr{b}']), String(r.below(9000)), t]],
  [1, (r) => ['INCRBYFLOAT', key(r, 'num'), r.pick(['0.1', '-3e2', '1.7'])]],
  [1, (r) => ['DECRBY', key(r, 'num'), small(r)]],
  [1, (r) => ['SETBIT', key(r, 'bits'), String(r.below(200)), r.pick(['0', '1'])]],
  [1, (r) => ['BITFIELD', key(r, 'bits'), 'INCRBY', 'u5', '100', '1', 'OVERFLOW', 'SAT', 'SET', 'i8', '#2', small(r)]],
  [1, (r) => ['BITOP', r.pick(['AND', 'OR', 'XOR']), key(r, 'bits2'), ...pair(r, 'bits', 'str')]],
  [1, (r) => ['BITOP', 'NOT', ...reversed(pair(r, 'bits'))]],
  [1, (r, t) => ['MSET', ...pair(r, 'str').flatMap((name) => [name, t])]],
  [1, (r, t) => ['MSETNX', ...pair(r, 'str2', 'fresh').flatMap((name) => [name, t])]],
  [1, (r, t) => ['PFADD', key(r, 'hll'), t, member(r)]],
  [1, (r) => ['PFMERGE', ...pair(r, 'hll')]],
  [1, (r) => ['PFCOUNT', key(r, 'hll')]],
  // any key
  [2, (r) => [r.pick(['DEL', 'UNLINK']), any(r)]],
  [1, (r) => ['DEL', any(r), any(r), any(r)]],
  [1, (r) => ['EXPIRE', any(r), longTtl(r), ...r.pick([[], ['NX'], ['XX'], ['GT'], ['LT']])]],
  [1, (r) => ['PEXPIRE', any(r), String(farMs(r))]],
  [1, (r) => ['EXPIREAT', any(r), String(farSeconds(r))]],
  [1, (r) => ['EXPIRE', any(r), '-1']],
  [1, (r) => ['PERSIST', any(r)]],
  [2, (r) => ['RENAME', ...sameName(r)]],
  [1, (r) => ['RENAMENX', ...sameName(r)]],
  [2, (r) => ['COPY', ...sameName(r), ...r.pick([[], ['REPLACE']])]],
  [1, (r) => ['COPY', any(r), any(r), 'DB', '1', 'REPLACE']],
  [1, (r) => ['MOVE', any(r), '1']],
  [1, (r) => ['SORT', key(r, 'ints'), 'DESC', 'STORE', key(r, 'list2')]],
  [1, (r) => ['SORT', key(r, 'set'), 'BY', 'nosort', 'STORE', key(r, 'list2')]],
  // hashes
  [3, (r, t) => ['HSET', r.pick([key(r, 'hash'), 'w:bighash{a}']), field(r), t, field(r), t]],
  [1, (r, t) => ['HSETNX', key(r, 'hash'), field(r), t]],
  [1, (r) => ['HDEL', r.pick([key(r, 'hash'), 'w:bighash{a}']), field(r), field(r)]],
  [1, (r) => ['HINCRBY', key(r, 'hash'), 'count', small(r)]],
  [1, (r) => ['HINCRBYFLOAT', key(r, 'hash'), 'float', '0.3']],
  // lists
  [2, (r, t) => ['RPUSH', r.pick([key(r, 'list'), 'w:biglist{b}']), t]],
  [1, (r, t) => [r.pick(['LPUSHX', 'RPUSHX', 'LPUSH']), key(r, 'list'), t]],
  [1, (r) => [r.pick(['LPOP', 'RPOP']), r.pick([key(r, 'list'), 'w:biglist{b}']), '2']],
  [1, (r, t) => ['LINSERT', key(r, 'list'), 'BEFORE', 'b', t]],
  [1, (r, t) => ['LSET', r.pick([key(r, 'list'), 'w:biglist{b}']), '1', t]],
  [1, (r) => ['LREM', key(r, 'list'), '1', 'b']],
  [1, (r) => ['LTRIM', key(r, 'list'), '0', '9']],
  [1, (r) => ['LMOVE', ...pair(r, 'list'), r.pick(['LEFT', 'RIGHT']), r.pick(['LEFT', 'RIGHT'])]],
  [1, (r) => ['RPOPLPUSH', ...pair(r, 'list')]],
  [1, (r) => ['LMPOP', '2', ...pair(r, 'list'), 'LEFT', 'COUNT', '2']],
  // sets
  [2, (r, t) => ['SADD', r.pick([key(r, 'set'), 'w:bigset{c}']), member(r), t]],
  [1, (r) => ['SREM', r.pick([key(r, 'set'), 'w:bigset{c}']), member(r)]],
  [2, (r) => ['SPOP', r.pick([key(r, 'set'), 'w:bigset{c}']), ...r.pick([[], ['2']])]],
  [1, (r) => ['SADD', key(r, 'ints'), small(r)]],
  [1, (r) => ['SMOVE', ...pair(r, 'set'), member(r)]],
  [2, (r) => [r.pick(['SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE']), key(r, 'set2'), ...pair(r, 'set', 'ints')]],
  // sorted sets
  [2, (r) => ['ZADD', r.pick([key(r, 'zset'), 'w:bigzset{d}']), score(r), member(r)]],
  [1, (r) => ['ZADD', key(r, 'zset'), ...r.pick([['NX'], ['XX', 'CH'], ['GT'], ['LT', 'CH']]), score(r), member(r)]],
  [1, (r) => ['ZADD', key(r, 'zset'), 'INCR', '0.1', member(r)]],
  [1, (r) => ['ZINCRBY', key(r, 'zset'), '0.7', member(r)]],
  [1, (r) => ['ZREM', r.pick([key(r, 'zset'), 'w:bigzset{d}']), member(r)]],
  [1, (r) => [r.pick(['ZPOPMIN', 'ZPOPMAX']), r.pick([key(r, 'zset'), 'w:bigzset{d}'])]],
  [1, (r) => ['ZMPOP', '2', ...pair(r, 'zset'), 'MIN']],
  [1, (r) => ['ZREMRANGEBYRANK', key(r, 'zset'), '0', '0']],
  [1, (r) => ['ZREMRANGEBYSCORE', key(r, 'zset'), '(1', '2']],
  [1, (r) => ['ZUNIONSTORE', key(r, 'zset2'), '2', ...pair(r, 'zset'), 'WEIGHTS', '2', '0.5']],
  [1, (r) => [r.pick(['ZINTERSTORE', 'ZDIFFSTORE']), key(r, 'zset2'), '2', ...pair(r, 'zset')]],
  [1, (r) => ['ZRANGESTORE', key(r, 'zset2'), key(r, 'zset'), '0', '2']],
  [1, (r) => ['GEOADD', key(r, 'geo'), `${r.below(90)}.5`, `${r.below(80)}.25`, member(r)]],
  [1, (r) => geoStore(r)],
  // streams
  [3, (r, t) => ['XADD', r.pick([key(r, 'stream'), 'w:bigstream{a}']), '*', 'f', t]],
  [1, (r, t) => ['XADD', key(r, 'stream'), 'MAXLEN', r.pick(['~', '=']), '6', '*', 'f', t]],
  [1, (r, t) => ['XADD', key(r, 'stream'), 'NOMKSTREAM', 'MINID', '1-2', '*', 'f', t]],
  [1, (r) => ['XTRIM', r.pick([key(r, 'stream'), 'w:bigstream{a}']), 'MAXLEN', r.pick(['~', '=']), '50']],
  [1, (r) => ['XDEL', key(r, 'stream'), '1-1']],
  [1, (r) => ['XGROUP', 'CREATE', key(r, 'stream'), r.pick(['g', 'h']), r.pick(['0', '$']), 'MKSTREAM']],
  [1, (r) => ['XGROUP', 'SETID', key(r, 'stream'), 'g', '1-1']],
  [1, (r) => ['XGROUP', r.pick(['CREATECONSUMER', 'DELCONSUMER']), key(r, 'stream'), 'g', `c${r.below(3)}`]],
  [1, (r) => ['XGROUP', 'DESTROY', key(r, 'stream'), 'h']],
  [3, (r) => readGroup(r, '>')],
  [1, (r) => readGroup(r, '0')],
  [1, (r) => ['XACK', key(r, 'stream'), 'g', '1-1', '1-2']],
  [1, (r) => ['XCLAIM', key(r, 'stream'), 'g', `c${r.below(3)}`, '0', '1-1', '1-2']],
  [1, (r) => ['XAUTOCLAIM', key(r, 'stream'), 'g', `c${r.below(3)}`, '0', '0']],
  [1, (r) => ['XSETID', key(r, 'stream'), '99999999999999-1']],
  // scripts
  [2, (r, t) => ['EVAL', SCRIPTS.both!, '2', ...pair(r, 'str'), t]],
  [2, (r, t) => ['EVAL', SCRIPTS.fail!, '1', any(r), t]],
  [1, (r, t) => ['EVAL', "redis.call('DEL', KEYS[1]) redis.call('RPUSH', KEYS[1], ARGV[1])", '1', key(r, 'list'), t]],
];

const READS: readonly Make[] = [
  (r) => ['HGETALL', key(r, 'hash')],
  (r) => ['HMGET', key(r, 'hash'), field(r), field(r)],
  (r) => ['LRANGE', key(r, 'list'), '0', '-1'],
  (r) => ['ZRANGE', key(r, 'zset'), '0', '-1', 'WITHSCORES'],
  (r) => ['ZSCORE', key(r, 'zset'), member(r)],
  (r) => ['XRANGE', key(r, 'stream'), '-', '+'],
  (r) => ['XPENDING', key(r, 'stream'), 'g'],
  (r) => ['XINFO', 'STREAM', key(r, 'stream')],
  (r) => ['HSCAN', key(r, 'hash'), '0'],
  (r) => ['BITPOS', key(r, 'bits'), '1'],
  (r) => ['BITCOUNT', key(r, 'bits')],
  (r) => ['GEOPOS', key(r, 'geo'), member(r)],
  (r) => ['TTL', any(r)],
  (r) => ['OBJECT', 'ENCODING', any(r)],
  (r) => ['EXISTS', any(r), any(r)],
  (r) => ['SUNION', ...pair(r, 'set')],
  (r) => ['MGET', ...pair(r, 'str')],
  (r) => ['PFCOUNT', ...pair(r, 'hll')],
  (r) => ['SORT', key(r, 'ints'), 'DESC'],
  (r) => ['SRANDMEMBER', key(r, 'set')],
  () => ['PING'],
  () => ['ECHO', 'echo'],
  () => ['DBSIZE'],
  () => ['SCAN', '0'],
  () => ['NOSUCHCOMMAND', 'x'],
  () => ['GET'],
];

/**
 * Keys that die while others build on them: near its deadline a key must not live on one side only. Here and nowhere
 * else deadlines are short, so that at the end nothing is about to expire.
 */
export const BRIEF_MS = 120;
const BRIEF: readonly Make[] = [
  (r, t) => ['SET', key(r, 'brief'), t, 'PX', String(r.between(5, BRIEF_MS))],
  (r) => ['PEXPIRE', key(r, 'briefhash'), String(r.between(5, BRIEF_MS))],
  (r) => ['PEXPIRE', key(r, 'briefnum'), String(r.between(5, BRIEF_MS))],
  (r, t) => ['HSET', key(r, 'briefhash'), field(r), t],
  (r) => ['INCR', key(r, 'briefnum')],
  (r, t) => ['APPEND', key(r, 'brief'), t],
  (r) => ['PERSIST', key(r, r.pick(['brief', 'briefnum', 'briefhash']))],
  (r) => ['RENAME', key(r, 'brief'), key(r, 'briefto')],
  (r) => ['DEL', key(r, 'briefto')],
];

export function wildWrite(random: Random, token: string): Args {
  return random.oneIn(10) ? random.pick(BRIEF)(random, token) : random.weighted(WRITES)(random, token);
}

export function wildRead(random: Random): Args {
  return random.pick(READS)(random, '');
}

/** a TTL that ends after the test */
function farMs(random: Random): number {
  return random.between(2_000_000, 9_000_000);
}

function farSeconds(random: Random): number {
  return Math.floor(Date.now() / 1000) + random.between(2000, 9000);
}

/** the same kind of key in two places, so that RENAME and COPY do not empty one kind into another */
function sameName(random: Random): [string, string] {
  return pair(random, random.pick(['str', 'hash', 'list', 'set', 'zset', 'stream', 'hll']));
}

function reversed([a, b]: [string, string]): [string, string] {
  return [b, a];
}

function readGroup(random: Random, id: string): Args {
  const name = random.pick([key(random, 'stream'), 'w:bigstream{a}']);
  const noAck = random.oneIn(6) ? ['NOACK'] : [];
  return ['XREADGROUP', 'GROUP', 'g', `c${random.below(3)}`, 'COUNT', '2', ...noAck, 'STREAMS', name, id];
}

function geoStore(random: Random): Args {
  const [to, from] = pair(random, 'geo2', 'geo');
  return random.oneIn(2)
    ? ['GEOSEARCHSTORE', to, from, 'FROMLONLAT', '14', '38', 'BYRADIUS', '900', 'km']
    : ['GEORADIUS', from, '14', '38', '900', 'km', 'STORE', to];
}
