/**
 * Reads one whole reply of either protocol version as the RESP2 value that says the same.
 *
 * Maps become flat lists of key and value, sets and pushes arrays, doubles and verbatim strings their text, booleans 1
 * and 0, big numbers bigints; attributes are left out. So whoever derives something from a reply reads one shape,
 * except where the two versions nest differently (XREAD's streams). Bulk strings are views of `buf`.
 * https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md
 */
import { strictInteger } from './limits.js';
import { ReplyError, ReplyScanner } from './reply.js';
import { type Reply, ReplyFault } from './values.js';

const CR = 13;
const DEPTH_MAX = 2048;
/** The type of a verbatim string and its colon: `txt:`. */
const VERBATIM_PREFIX_BYTES = 4;

const walker = new ReplyScanner();
let at = 0;

/** @throws ReplyError if the bytes are not one whole reply, have a big number of no digits, or nest deeper than 2,048 levels. */
export function decodeAnyReply(buf: Buffer, start: number, end: number): Reply {
  walker.reset();
  if (walker.scan(buf, start, end) !== end || !walker.complete) {
    throw new ReplyError(`${end - start} bytes are not one whole reply`);
  }
  at = start;
  return decode(buf, 0);
}

function decode(buf: Buffer, depth: number): Reply {
  if (depth > DEPTH_MAX) throw new ReplyError('a reply is nested too deeply to be decoded');
  const type = String.fromCharCode(buf[at]!);
  const lineStart = at + 1;
  const lineEnd = buf.indexOf(CR, lineStart);
  at = lineEnd + 2;
  switch (type) {
    case '+':
    case ',':
      return buf.subarray(lineStart, lineEnd);
    case '-':
      return new ReplyFault(buf.toString('utf8', lineStart, lineEnd));
    case ':':
    case '(':
      return integer(buf.toString('latin1', lineStart, lineEnd));
    case '#':
      return buf[lineStart] === 0x74 ? 1 : 0;
    case '_':
      return null;
    case '|':
      elements(buf, 2 * strictInteger(buf, lineStart, lineEnd), depth);
      return decode(buf, depth + 1);
  }
  const length = strictInteger(buf, lineStart, lineEnd);
  if (length < 0) return null;
  switch (type) {
    case '%':
      return elements(buf, 2 * length, depth);
    case '*':
    case '~':
    case '>':
      return elements(buf, length, depth);
    default: {
      const text = buf.subarray(at, at + length);
      at += length + 2;
      if (type === '!') return new ReplyFault(text.toString('utf8'));
      return type === '=' ? text.subarray(VERBATIM_PREFIX_BYTES) : text;
    }
  }
}

function elements(buf: Buffer, count: number, depth: number): Reply[] {
  const list: Reply[] = [];
  for (let i = 0; i < count; i++) list.push(decode(buf, depth + 1));
  return list;
}

/** Nobody has looked at a big number's digits before. */
function integer(digits: string): number | bigint {
  if (!/^[+-]?\d+$/.test(digits)) throw new ReplyError('a big number has something else than digits');
  const rounded = Number(digits);
  return Number.isSafeInteger(rounded) ? rounded : BigInt(digits);
}
