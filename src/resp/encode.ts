/**
 * Values → bytes: commands for a server, replies for a client; RESP2, and RESP3 where the two differ.
 *
 * Strings are encoded as UTF-8 except where said otherwise. The constants are shared: nobody writes to them.
 */
import { copyBytes } from './copy-bytes.js';
import type { Resp } from './values.js';

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const STAR = 42;
const DIGIT_ZERO = 48;

export const OK: Buffer = Buffer.from('+OK\r\n');
export const PONG: Buffer = Buffer.from('+PONG\r\n');
export const QUEUED: Buffer = Buffer.from('+QUEUED\r\n');
export const NULL_BULK: Buffer = Buffer.from('$-1\r\n');
export const NULL_ARRAY: Buffer = Buffer.from('*-1\r\n');
export const EMPTY_ARRAY: Buffer = Buffer.from('*0\r\n');
export const ONE: Buffer = Buffer.from(':1\r\n');
export const ZERO: Buffer = Buffer.from(':0\r\n');

const RESP3_NULL: Buffer = Buffer.from('_\r\n');

/** The null that stands for a missing string. */
export function nullReply(resp: Resp): Buffer {
  return resp === 3 ? RESP3_NULL : NULL_BULK;
}

/** The null that stands for a missing list, and for an EXEC that did not run. */
export function nullArrayReply(resp: Resp): Buffer {
  return resp === 3 ? RESP3_NULL : NULL_ARRAY;
}

/** Keys and values in turn; a flat array in RESP2. */
export function mapReply(resp: Resp, items: readonly Buffer[]): Buffer {
  if (resp === 2) return arrayReply(items);
  return Buffer.concat([Buffer.from(`%${items.length / 2}\r\n`), ...items]);
}

/** A set; an array in RESP2. */
export function setReply(resp: Resp, items: readonly Buffer[]): Buffer {
  return resp === 2 ? arrayReply(items) : Buffer.concat([Buffer.from(`~${items.length}\r\n`), ...items]);
}

/** Text for people; a bulk string in RESP2. */
export function verbatimReply(resp: Resp, text: string): Buffer {
  return resp === 2 ? bulkReply(text) : Buffer.from(`=${Buffer.byteLength(text) + 4}\r\ntxt:${text}\r\n`);
}

/** A command as multibulk bytes. Numbers are written as JavaScript prints them. */
export function encodeCommand(args: readonly (Buffer | string | number)[]): Buffer {
  let size = 3 + decimalDigits(args.length);
  for (const arg of args) {
    const bytes = byteLength(arg);
    size += 5 + decimalDigits(bytes) + bytes;
  }
  const out = Buffer.allocUnsafe(size);
  let p = writeLine(out, 0, STAR, args.length);
  for (const arg of args) {
    const bytes = byteLength(arg);
    p = writeLine(out, p, DOLLAR, bytes);
    if (typeof arg === 'object') arg.copy(out, p);
    else out.write(typeof arg === 'string' ? arg : String(arg), p, bytes);
    p += bytes;
    out[p++] = CR;
    out[p++] = LF;
  }
  return out;
}

/** The beginning of a command of `argCount` arguments, these words first; for `encodeWithKey` and the like. */
export function commandHead(argCount: number, ...words: string[]): Buffer {
  const all = encodeCommand(words);
  const own = 3 + decimalDigits(words.length);
  return Buffer.concat([Buffer.from(`*${argCount}\r\n`), all.subarray(own)]);
}

/** A command whose last argument is a key, from its head: made for every key of a backfill. */
export function encodeWithKey(head: Buffer, key: Buffer): Buffer {
  const out = Buffer.allocUnsafe(head.length + bulkLength(key.length));
  out.set(head, 0);
  writeBulk(out, head.length, key, 0, key.length);
  return out;
}

/** `encodeWithKey` of every head with the first key, then with the next; `ends[i]` is set to where command i ends. */
export function encodeForKeys(heads: readonly Buffer[], keys: readonly Buffer[], ends: Int32Array): Buffer {
  let size = 0;
  for (const head of heads) size += head.length * keys.length;
  for (const key of keys) size += heads.length * bulkLength(key.length);
  const out = Buffer.allocUnsafe(size);
  let p = 0;
  let i = 0;
  for (const key of keys) {
    for (const head of heads) {
      out.set(head, p);
      p = writeBulk(out, p + head.length, key, 0, key.length);
      ends[i++] = p;
    }
  }
  return out;
}

/** `RESTORE key deadline payload REPLACE ABSTTL` from its head and its tail; the payload is `buf` from `start` to `end`. */
export function encodeRestore(
  head: Buffer,
  key: Buffer,
  deadlineMs: number,
  buf: Buffer,
  start: number,
  end: number,
  tail: Buffer,
): Buffer {
  const digits = decimalDigits(deadlineMs);
  const size = head.length + bulkLength(key.length) + bulkLength(digits) + bulkLength(end - start) + tail.length;
  const out = Buffer.allocUnsafe(size);
  out.set(head, 0);
  let p = writeBulk(out, head.length, key, 0, key.length);
  p = writeLine(out, p, DOLLAR, digits);
  p = writeDecimal(out, p, deadlineMs, digits);
  p = writeBulk(out, p, buf, start, end);
  out.set(tail, p);
  return out;
}

/**
 * `-text` as Redis sends errors: line ends within become blanks. `text` has one character per byte (latin1), as the
 * scanner's error texts and ArgReader.text() do, so a client's own bytes come back to it unchanged.
 */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${text.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1');
}

export function bulkReply(value: Buffer | string): Buffer {
  const bytes = byteLength(value);
  const out = Buffer.allocUnsafe(5 + decimalDigits(bytes) + bytes);
  let p = writeLine(out, 0, DOLLAR, bytes);
  if (typeof value === 'string') out.write(value, p, bytes);
  else value.copy(out, p);
  p += bytes;
  out[p++] = CR;
  out[p] = LF;
  return out;
}

export function integerReplyBytes(n: number | bigint): Buffer {
  if (n === 1) return ONE;
  if (n === 0) return ZERO;
  return Buffer.from(`:${n}\r\n`, 'latin1');
}

/** An array of replies that are encoded already. */
export function arrayReply(items: readonly Buffer[]): Buffer {
  if (items.length === 0) return EMPTY_ARRAY;
  const head = Buffer.allocUnsafe(3 + decimalDigits(items.length));
  writeLine(head, 0, STAR, items.length);
  return Buffer.concat([head, ...items]);
}

/** How many digits the non-negative integer `n` has. */
export function decimalDigits(n: number): number {
  let digits = 1;
  for (let rest = n; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

function byteLength(arg: Buffer | string | number): number {
  return typeof arg === 'object' ? arg.length : Buffer.byteLength(typeof arg === 'string' ? arg : String(arg));
}

function bulkLength(bytes: number): number {
  return 5 + decimalDigits(bytes) + bytes;
}

/** Writes `$3\r\nkey\r\n`; returns the offset behind it. */
function writeBulk(out: Buffer, at: number, buf: Buffer, start: number, end: number): number {
  const p = copyBytes(out, writeLine(out, at, DOLLAR, end - start), buf, start, end);
  out[p] = CR;
  out[p + 1] = LF;
  return p + 2;
}

/** Writes `*3\r\n`, `$12\r\n`; returns the offset behind it. */
function writeLine(out: Buffer, at: number, type: number, n: number): number {
  out[at] = type;
  return writeDecimal(out, at + 1, n, decimalDigits(n));
}

/** Writes `12\r\n`; returns the offset behind it. */
function writeDecimal(out: Buffer, at: number, n: number, digits: number): number {
  const end = at + digits;
  let rest = n;
  for (let p = end - 1; p >= at; p--) {
    out[p] = DIGIT_ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  out[end] = CR;
  out[end + 1] = LF;
  return end + 2;
}
