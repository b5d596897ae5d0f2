/**
 * How each write command reaches the mirror: the one table of it, by name (architecture, "How a write
 * reaches the mirror").
 *
 * What is declared here is the rule for the command; options may narrow it at run time (SET NX that did
 * nothing mirrors nothing; SET … KEEPTTL keeps the TTL although SET clears it). Whoever derives the mirror
 * op decides that from the arguments and the reply, and may always fall back to a copy: a copy is never
 * wrong, only dearer. A write that is not in this table is mirrored by copy.
 */

export type MirrorClass =
  /** The same bytes. */
  | 'replay'
  /** Relative times become the absolute ones that the authority used. */
  | 'time'
  /** Only what happened, read from the reply: conditions, random choices, generated ids, rounded floats. */
  | 'outcome'
  /** The state of each written key, read whole from the authority. */
  | 'copy'
  /** Nothing. */
  | 'none';

export interface Mirroring {
  readonly class: MirrorClass;
  /**
   * What the mirror op needs, and what it leaves behind:
   *   whole   it overwrites (or removes) every written key completely, so the key becomes known
   *   base    it builds on the old value of the keys it writes: only on known keys
   *   inputs  it reads keys into others: the keys read must be known and quiet, and those written as well
   *           when `destinationBase` says so
   *   none    nothing (copies, and commands without keys)
   */
  readonly needs: 'whole' | 'base' | 'inputs' | 'none';
  /** With needs 'inputs': what the destination held before matters too (LMOVE, PFMERGE, COPY without REPLACE). */
  readonly destinationBase: boolean;
  /** What happens to the written keys' TTL. EXPIRE on a field of a hash 'keeps' the key's own. */
  readonly ttl: 'clears' | 'keeps' | 'sets' | 'moves';
  /**
   * The mirror's reply is compared with the authority's. Only where the same bytes run on the same state:
   * DEL on a key the mirror did not have yet rightly answers something else.
   */
  readonly selfCheck: boolean;
}

type Ttl = Mirroring['ttl'];

const replay = (needs: Mirroring['needs'], ttl: Ttl, selfCheck: boolean, destinationBase = false): Mirroring => ({
  class: 'replay',
  needs,
  destinationBase,
  ttl,
  selfCheck,
});

const derived = (mirrorClass: 'time' | 'outcome', needs: 'whole' | 'base' | 'inputs', ttl: Ttl): Mirroring => ({
  class: mirrorClass,
  needs,
  destinationBase: false,
  ttl,
  selfCheck: false,
});

const plain = (mirrorClass: 'copy' | 'none'): Mirroring => ({
  class: mirrorClass,
  needs: 'none',
  destinationBase: false,
  ttl: 'keeps',
  selfCheck: false,
});

/** Reads and everything else that changes no data. */
export const NOT_MIRRORED: Mirroring = plain('none');
/** Unknown writes, and writes that the mirror's server does not have. */
export const MIRRORED_BY_COPY: Mirroring = plain('copy');

/** One line per rule; names separated by spaces. */
const RULES: readonly (readonly [names: string, mirroring: Mirroring])[] = [
  // ── The same bytes. The key's old value does not matter.
  ['del unlink', replay('whole', 'clears', false)],
  ['mset', replay('whole', 'clears', true)],

  // ── The same bytes, on the same old value.
  ['append setrange setbit bitfield incr incrby decr decrby', replay('base', 'keeps', true)],
  ['hset hmset hsetnx hdel hincrby', replay('base', 'keeps', true)],
  ['lpush lpushx rpush rpushx lpop rpop linsert lset lrem ltrim lmpop', replay('base', 'keeps', true)],
  ['sadd srem', replay('base', 'keeps', true)],
  ['zadd zincrby zrem zremrangebylex zremrangebyrank zremrangebyscore', replay('base', 'keeps', true)],
  ['zpopmin zpopmax zmpop', replay('base', 'keeps', true)],
  ['geoadd pfadd', replay('base', 'keeps', true)],
  ['xdel xack xsetid', replay('base', 'keeps', true)],
  ['xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid', replay('base', 'keeps', true)],
  ['persist', replay('base', 'clears', true)],
  // Redis 7.4 – 8.2
  ['hpersist hgetdel xdelex xackdel', replay('base', 'keeps', true)],

  // ── The same bytes, when the keys it reads are the same on both sides.
  ['sunionstore sinterstore sdiffstore', replay('inputs', 'clears', true)],
  ['zunionstore zinterstore zdiffstore zrangestore', replay('inputs', 'clears', true)],
  ['bitop geosearchstore', replay('inputs', 'clears', true)],
  ['rename', replay('inputs', 'moves', true)],
  ['renamenx copy', replay('inputs', 'moves', true, true)],
  ['smove lmove rpoplpush', replay('inputs', 'keeps', true, true)],
  ['pfmerge', replay('inputs', 'keeps', true, true)],

  // ── Absolute times.
  ['setex psetex restore', derived('time', 'whole', 'sets')],
  ['expire pexpire expireat pexpireat getex', derived('time', 'base', 'sets')],
  // Redis 7.4 – 8.0: deadlines of a hash's fields
  ['hexpire hpexpire hexpireat hpexpireat hgetex hsetex', derived('time', 'base', 'keeps')],

  // ── What happened.
  ['set setnx getset getdel msetnx', derived('outcome', 'whole', 'clears')],
  ['incrbyfloat hincrbyfloat spop', derived('outcome', 'base', 'keeps')],
  ['xadd xtrim xreadgroup xclaim xautoclaim', derived('outcome', 'base', 'keeps')],
  ['blpop brpop blmpop bzpopmin bzpopmax bzmpop', derived('outcome', 'base', 'keeps')],
  ['blmove brpoplpush', { ...derived('outcome', 'inputs', 'keeps'), destinationBase: true }],

  // ── Copies: scripts (also after an error: what they did before it stays), results that depend on the
  //    order of a set or on keys that no argument names, keys of two databases.
  ['eval evalsha fcall', MIRRORED_BY_COPY],
  ['sort georadius georadiusbymember', MIRRORED_BY_COPY],
  ['move', MIRRORED_BY_COPY],
  // Redis 8: known to write, not known well enough to do more than copy
  ['delex increx msetex xnack xcfgset xidmprecord lmovem', MIRRORED_BY_COPY],
  ['vadd vrem vsetattr', MIRRORED_BY_COPY],
  ['arset armset ardel ardelrange arinsert arring arseek', MIRRORED_BY_COPY],

  // ── No keys. Ordered by a pseudo-slot of their own, or by a barrier (FLUSHALL, FLUSHDB).
  ['flushall flushdb', replay('none', 'clears', true)],
  ['script|load script|flush', replay('none', 'keeps', true)],
  ['function|load function|delete function|flush function|restore', replay('none', 'keeps', true)],
];

/** Every write command that Ferry knows, keyless ones included. */
export const MIRRORING: ReadonlyMap<string, Mirroring> = new Map(
  RULES.flatMap(([names, mirroring]) => names.split(' ').map((name) => [name, mirroring] as const)),
);
