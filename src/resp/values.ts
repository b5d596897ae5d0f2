/**
 * Reads one whole reply, `buf[start, end)`, that the scanner found and that is held in one piece.
 *
 * The questions (isError, isNull, integerReply) look at the bytes and decode nothing. decodeReply decodes RESP2 with
 * redis-parser; bulk and simple strings become buffers that are views of `buf`, integers become numbers, or bigints
 * where a number would be inexact.
 */
import RedisParser from 'redis-parser';
import { strictInteger } from './limits.js';
import { ReplyError, ReplyScanner } from './reply.js';

const CR = 13;
const EXCLAMATION = 33;
const DOLLAR = 36;
const PERCENT = 37;
const STAR = 42;
const MINUS = 45;
const COLON = 58;
const GREATER = 62;
const UNDERSCORE = 95;
const TILDE = 126;

/** An error reply of a server, as data. The message is the text behind `-`, its code word included. */
export class ReplyFault extends Error {
  override readonly name = 'ReplyFault';
}

/** Which protocol version a connection speaks. */
export type Resp = 2 | 3;

export type Reply = Buffer | number | bigint | null | ReplyFault | Reply[];

export function isError(buf: Buffer, start: number): boolean {
  return buf[start] === MINUS || buf[start] === EXCLAMATION;
}

/** `$-1`, `*-1` or RESP3's `_`. */
export function isNull(buf: Buffer, start: number): boolean {
  const type = buf[start];
  return type === UNDERSCORE || ((type === DOLLAR || type === STAR) && buf[start + 1] === MINUS);
}

/** The value of an integer reply, rounded beyond 2^53; NaN for any other reply. */
export function integerReply(buf: Buffer, start: number, end: number): number {
  if (buf[start] !== COLON) return Number.NaN;
  return strictInteger(buf, start + 1, end - 2);
}

/**
 * @throws ReplyError if the bytes are not one whole RESP2 reply, or one nested so deeply (thousands of levels) that
 * it cannot be decoded.
 */
export function decodeReply(buf: Buffer, start: number, end: number): Reply {
  checkWhole(buf, start, end);
  // redis-parser makes errors with a stack trace each; as whole replies they are frequent enough to take the short way.
  if (buf[start] === MINUS) return new ReplyFault(buf.toString('utf8', start + 1, end - 2));
  try {
    parser.execute(buf.subarray(start, end));
    return toReply(parsed);
  } catch (error) {
    parser.reset();
    throw error instanceof ReplyError ? error : new ReplyError(`a reply cannot be decoded: ${String(error)}`);
  } finally {
    parsed = undefined;
  }
}

/**
 * The elements of an array, set, push or (as key, value, key, value) map reply: writes the offsets start, end of each
 * into `out` from index 0 and returns their number, -1 for a null array. `out` may be longer than that afterwards.
 *
 * @throws ReplyError if the bytes are no such reply or do not end at `end`.
 */
export function elementSpans(buf: Buffer, start: number, end: number, out: number[]): number {
  const type = buf[start];
  if (type !== STAR && type !== TILDE && type !== GREATER && type !== PERCENT) {
    throw new ReplyError('an array reply was expected');
  }
  let p = start + 1;
  while (p < end && buf[p] !== CR) p++;
  const announced = strictInteger(buf, start + 1, p);
  p += 2;
  if (announced === -1 && type === STAR && p === end) return -1;
  const count = type === PERCENT ? 2 * announced : announced;
  if (!(count >= 0)) throw new ReplyError('an array reply was expected');
  walker.reset();
  for (let i = 0; i < count; i++) {
    out[2 * i] = p;
    p = walker.scan(buf, p, end);
    if (!walker.complete) throw new ReplyError(`an array reply ends within element ${i} of ${count}`);
    out[2 * i + 1] = p;
  }
  if (p !== end) throw new ReplyError(`${end - p} bytes behind an array reply of ${count} elements`);
  return count;
}

const walker = new ReplyScanner();

function checkWhole(buf: Buffer, start: number, end: number): void {
  walker.reset();
  if (walker.scan(buf, start, end) !== end || !walker.complete) {
    throw new ReplyError(`${end - start} bytes are not one whole reply`);
  }
}

/** What redis-parser called back with; it is used synchronously, one whole reply at a time. */
let parsed: unknown;

const parser = new RedisParser({
  returnBuffers: true,
  stringNumbers: true,
  returnReply(reply: unknown) {
    parsed = reply;
  },
  returnError(error: unknown) {
    parsed = error;
  },
  returnFatalError(error: Error) {
    throw new ReplyError(error.message);
  },
});

/** With `returnBuffers`, the only strings that redis-parser makes are the digits of integers. */
function toReply(value: unknown): Reply {
  if (value === null || Buffer.isBuffer(value)) return value;
  if (typeof value === 'string') return toInteger(value);
  if (value instanceof Error) return new ReplyFault(value.message);
  if (Array.isArray(value)) return value.map(toReply);
  throw new ReplyError(`a reply was decoded as ${typeof value}`);
}

function toInteger(digits: string): number | bigint {
  const rounded = Number(digits);
  return Number.isSafeInteger(rounded) ? rounded : BigInt(digits);
}
