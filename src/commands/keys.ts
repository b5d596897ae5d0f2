/**
 * Which arguments of a command are keys, and which of them it may write.
 *
 * Works on argument spans and fills a list that the caller keeps: nothing is allocated unless a command
 * names more keys than any before it. "Written" is said by the command and its words, not by what it then
 * finds: BITFIELD with GET only and GETEX without an option count as writing, which is harmless. A key that
 * is read and written (INCR, LMOVE) counts as written. The same key may appear twice.
 */
import type { Command } from './command.js';
import type { WrittenKeys } from './key-patterns.js';
import { equalsName } from './names.js';

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
 * The index of the option `wanted` (or of STREAMS itself) of an XREAD or XREADGROUP, -1 if it is not there. Steps over
 * the options one by one, since a group or a consumer may be called "streams" or "block".
 */
/** The index of an option of XREAD or XREADGROUP, -1 when it is not there. */
export function findStreamOption(
  frame: Buffer,
  argc: number,
  starts: Int32Array,
  ends: Int32Array,
  wanted: Uint8Array,
): number {
  let i = 1;
  while (i < argc) {
    if (is(frame, starts, ends, i, wanted)) return i;
    if (is(frame, starts, ends, i, STREAMS)) return -1;
    if (is(frame, starts, ends, i, NOACK)) i += 1;
    else if (is(frame, starts, ends, i, GROUP)) i += 3;
    else if (is(frame, starts, ends, i, COUNT)) i += 2;
    else if (is(frame, starts, ends, i, BLOCK)) i += 2;
    else if (is(frame, starts, ends, i, CLAIM)) i += 2;
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
  const at = findStreamOption(frame, argc, starts, ends, STREAMS);
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

/** XREAD and XREADGROUP: may this one wait? With an option that Ferry does not know, any word BLOCK says so. */
export function hasBlockOption(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array): boolean {
  if (findStreamOption(frame, argc, starts, ends, BLOCK) >= 0) return true;
  if (findStreamOption(frame, argc, starts, ends, STREAMS) >= 0) return false;
  for (let i = 1; i < argc; i++) {
    if (is(frame, starts, ends, i, BLOCK)) return true;
  }
  return false;
}

/** COPY source destination … [DB index]: the argument that names the other database, or -1. */
export function copyDbArgument(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array): number {
  for (let i = 3; i + 1 < argc; i++) {
    if (is(frame, starts, ends, i, DB)) return i + 1;
  }
  return -1;
}
