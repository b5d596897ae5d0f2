/**
 * Which arguments of a command are keys, and which of them it may write.
 *
 * Works on argument spans and fills a list that the caller keeps: nothing is allocated unless a command
 * names more keys than any before it. "Written" is said by the command and its words, not by what it then
 * finds: BITFIELD with GET only and GETEX without an option count as writing, which is harmless. A key that
 * is read and written (INCR, LMOVE) counts as written. The same key may appear twice.
 */
import type { Command } from './command.js';
import { equalsName } from './names.js';

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

export class KeyList {
  count = 0;
  /** Argument indices; the first `count` are valid. */
  index = new Int32Array(16);
  /** 1: the key may be written; 0: it is only read. */
  written = new Uint8Array(16);

  add(argument: number, written: 0 | 1): void {
    if (this.count === this.index.length) this.#grow();
    this.index[this.count] = argument;
    this.written[this.count] = written;
    this.count++;
  }

  #grow(): void {
    const index = new Int32Array(this.index.length * 2);
    const written = new Uint8Array(index.length);
    index.set(this.index);
    written.set(this.written);
    this.index = index;
    this.written = written;
  }
}

/**
 * Fills `out` with the keys of a command whose arity is right. False: the arguments do not tell (a numkeys
 * that is no number or larger than what follows, no STREAMS …); Redis answers those with an error and
 * changes nothing, but for a command with the rule 'unknown' that is not certain.
 */
export function findKeys(
  command: Command,
  frame: Buffer,
  argc: number,
  starts: Int32Array,
  ends: Int32Array,
  out: KeyList,
): boolean {
  out.count = 0;
  const { rule, written, at, step } = command.keyPattern;
  switch (rule) {
    case 'no-keys':
      return command.kind !== 'write';
    case 'unknown':
      return false;
    case 'fixed':
      return fixed(command, written, argc, out);
    case 'counted':
      return counted(written, at, step, at + 1, frame, argc, starts, ends, out);
    case 'destination-counted':
      out.add(1, 1);
      return counted('none', 2, 1, 3, frame, argc, starts, ends, out);
    case 'streams':
      return streams(written, frame, argc, starts, ends, out);
    case 'sort':
      return sort(frame, argc, starts, ends, out);
    case 'georadius':
      return geoRadius(frame, argc, starts, ends, out);
    case 'migrate':
      return migrate(frame, argc, starts, ends, out);
  }
}

function fixed(command: Command, written: WrittenKeys, argc: number, out: KeyList): boolean {
  const last = command.lastKey < 0 ? argc + command.lastKey : command.lastKey;
  if (last >= argc || last < command.firstKey) return false;
  for (let i = command.firstKey; i <= last; i += command.keyStep) out.add(i, isWritten(written, out.count));
  return true;
}

function isWritten(written: WrittenKeys, position: number): 0 | 1 {
  switch (written) {
    case 'all':
      return 1;
    case 'first':
      return position === 0 ? 1 : 0;
    case 'second':
      return position === 1 ? 1 : 0;
    case 'none':
      return 0;
  }
}

function counted(
  written: WrittenKeys,
  at: number,
  step: number,
  from: number,
  frame: Buffer,
  argc: number,
  starts: Int32Array,
  ends: Int32Array,
  out: KeyList,
): boolean {
  if (at >= argc) return false;
  const keys = countAt(frame, starts[at] as number, ends[at] as number);
  if (keys < 0 || keys * step > argc - from) return false;
  const flag = written === 'all' ? 1 : 0;
  for (let i = 0; i < keys; i++) out.add(from + i * step, flag);
  return true;
}

/** Digits without a leading zero, as Redis reads integers; -1 for anything else. */
function countAt(frame: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || length > 9) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (frame[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (frame[start] === 0x30 && length > 1) return -1;
  return value;
}

const word = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const STREAMS = word('streams');
const COUNT = word('count');
const BLOCK = word('block');
const GROUP = word('group');
const NOACK = word('noack');
const CLAIM = word('claim');
const LIMIT = word('limit');
const GET = word('get');
const BY = word('by');
const STORE = word('store');
const STOREDIST = word('storedist');
const AUTH = word('auth');
const AUTH2 = word('auth2');
const KEYS = word('keys');
const DB = word('db');

function is(frame: Buffer, starts: Int32Array, ends: Int32Array, i: number, name: Uint8Array): boolean {
  return equalsName(frame, starts[i] as number, ends[i] as number, name);
}

/**
 * Steps over the options before STREAMS, since a group or a consumer may be called "streams".
 * Returns the index of STREAMS, or -1; `blockAt` is set on the way.
 */
let blockAt = -1;
function findStreams(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array): number {
  blockAt = -1;
  let i = 1;
  while (i < argc) {
    if (is(frame, starts, ends, i, STREAMS)) return i;
    if (is(frame, starts, ends, i, BLOCK)) {
      blockAt = i;
      i += 2;
    } else if (is(frame, starts, ends, i, COUNT) || is(frame, starts, ends, i, CLAIM)) i += 2;
    else if (is(frame, starts, ends, i, GROUP)) i += 3;
    else if (is(frame, starts, ends, i, NOACK)) i += 1;
    else return -1;
  }
  return -1;
}

function streams(
  written: WrittenKeys,
  frame: Buffer,
  argc: number,
  starts: Int32Array,
  ends: Int32Array,
  out: KeyList,
): boolean {
  const at = findStreams(frame, argc, starts, ends);
  const rest = argc - at - 1;
  if (at < 0 || rest === 0 || rest % 2 !== 0) return false;
  const flag = written === 'all' ? 1 : 0;
  for (let i = 0; i < rest / 2; i++) out.add(at + 1 + i, flag);
  return true;
}

/** Of several STORE the last one counts. */
function sort(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array, out: KeyList): boolean {
  out.add(1, 0);
  let destination = 0;
  for (let i = 2; i < argc; i++) {
    if (is(frame, starts, ends, i, LIMIT)) i += 2;
    else if (is(frame, starts, ends, i, GET) || is(frame, starts, ends, i, BY)) i += 1;
    else if (is(frame, starts, ends, i, STORE) && i + 1 < argc) destination = ++i;
  }
  if (destination > 0) out.add(destination, 1);
  return true;
}

/**
 * Options begin after the unit: argument 5 BYMEMBER, 6 otherwise (a unit is never called "store"). Of several
 * destinations only the last is written, but like the server's own key positions this names them all.
 */
function geoRadius(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array, out: KeyList): boolean {
  out.add(1, 0);
  for (let i = 5; i + 1 < argc; i++) {
    if (is(frame, starts, ends, i, STORE) || is(frame, starts, ends, i, STOREDIST)) out.add(++i, 1);
  }
  return true;
}

function migrate(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array, out: KeyList): boolean {
  if ((starts[3] as number) < (ends[3] as number)) {
    out.add(3, 1);
    return true;
  }
  for (let i = 6; i < argc; i++) {
    if (is(frame, starts, ends, i, AUTH)) i += 1;
    else if (is(frame, starts, ends, i, AUTH2)) i += 2;
    else if (is(frame, starts, ends, i, KEYS)) {
      for (let key = i + 1; key < argc; key++) out.add(key, 1);
      return out.count > 0;
    }
  }
  return false;
}

/** XREAD and XREADGROUP: may this one wait? */
export function hasBlockOption(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array): boolean {
  findStreams(frame, argc, starts, ends);
  return blockAt >= 0;
}

/** COPY source destination … [DB index]: the argument that names the other database, or -1. */
export function copyDbArgument(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array): number {
  for (let i = 3; i + 1 < argc; i++) {
    if (is(frame, starts, ends, i, DB)) return i + 1;
  }
  return -1;
}

// ── The patterns, by name

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
