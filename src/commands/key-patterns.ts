/**
 * How each command's keys are found and which of them it writes: by name where the positions move or only some keys are
 * written, else as the server's COMMAND says. `findKeys` (keys.ts) follows these patterns.
 */

/** Which of a command's keys are written. */
export type WrittenKeys = 'none' | 'first' | 'second' | 'all';

/** How the key positions are found. */
export type KeyRule =
  /** firstKey, lastKey, keyStep. */
  | 'fixed'
  /** … numkeys key [key …], numkeys being argument `at`. */
  | 'counted'
  /** destination numkeys key [key …] */
  | 'destination-counted'
  /** … STREAMS key [key …] id [id …] */
  | 'streams'
  /** SORT key … [STORE destination] */
  | 'sort'
  /** GEORADIUS key … [STORE|STOREDIST destination] */
  | 'georadius'
  /** MIGRATE host port key|"" … [KEYS key …] */
  | 'migrate'
  /** The server says that keys move, and Ferry has no rule for the command. */
  | 'unknown'
  /** There are no keys. */
  | 'no-keys';

export interface KeyPattern {
  readonly rule: KeyRule;
  readonly written: WrittenKeys;
  /** For 'counted': the index of numkeys, and how many arguments belong to one key. */
  readonly at: number;
  readonly step: number;
}

const counts = (at: number, written: WrittenKeys, step = 1): KeyPattern => ({ rule: 'counted', written, at, step });
const rule = (name: KeyRule, written: WrittenKeys): KeyPattern => ({ rule: name, written, at: 0, step: 1 });

const MOVABLE: ReadonlyMap<string, KeyPattern> = new Map<string, KeyPattern>([
  ['eval', counts(2, 'all')],
  ['evalsha', counts(2, 'all')],
  ['fcall', counts(2, 'all')],
  ['eval_ro', counts(2, 'none')],
  ['evalsha_ro', counts(2, 'none')],
  ['fcall_ro', counts(2, 'none')],
  ['zunion', counts(1, 'none')],
  ['zinter', counts(1, 'none')],
  ['zdiff', counts(1, 'none')],
  ['sintercard', counts(1, 'none')],
  ['sunioncard', counts(1, 'none')],
  ['sdiffcard', counts(1, 'none')],
  ['zintercard', counts(1, 'none')],
  ['lmpop', counts(1, 'all')],
  ['zmpop', counts(1, 'all')],
  ['blmpop', counts(2, 'all')],
  ['bzmpop', counts(2, 'all')],
  ['msetex', counts(1, 'all', 2)],
  ['zunionstore', rule('destination-counted', 'first')],
  ['zinterstore', rule('destination-counted', 'first')],
  ['zdiffstore', rule('destination-counted', 'first')],
  ['xread', rule('streams', 'none')],
  ['xreadgroup', rule('streams', 'all')],
  ['sort', rule('sort', 'second')],
  ['georadius', rule('georadius', 'second')],
  ['georadiusbymember', rule('georadius', 'second')],
  ['migrate', rule('migrate', 'all')],
]);

/** SORT_RO is called movable for the patterns of BY and GET, but its one key does not move. */
const NOT_MOVING: ReadonlySet<string> = new Set(['sort_ro']);

/** What COMMAND gives as their key positions are channels. */
const CHANNELS: ReadonlySet<string> = new Set(['spublish', 'ssubscribe', 'sunsubscribe']);

const WRITES_FIRST: ReadonlySet<string> = new Set(
  'sunionstore sinterstore sdiffstore zrangestore geosearchstore bitop pfmerge'.split(' '),
);
const WRITES_SECOND: ReadonlySet<string> = new Set(['copy']);

/** What COMMAND says about a command's keys, and whether the command writes at all → how to find them. */
export function keyPatternOf(name: string, firstKey: number, serverSaysMovable: boolean, writes: boolean): KeyPattern {
  const known = MOVABLE.get(name);
  if (known !== undefined) return known;
  if (serverSaysMovable && !NOT_MOVING.has(name)) return rule('unknown', 'all');
  if (firstKey === 0 || CHANNELS.has(name)) return rule('no-keys', 'none');
  if (!writes) return rule('fixed', 'none');
  if (WRITES_FIRST.has(name)) return rule('fixed', 'first');
  if (WRITES_SECOND.has(name)) return rule('fixed', 'second');
  return rule('fixed', 'all');
}
