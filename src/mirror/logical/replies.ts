/**
 * Server replies as the shapes that a command's documentation promises.
 *
 * - A server error is thrown as it is: it is the server's answer ("WRONGTYPE …" because the key was replaced
 *   meanwhile), and the caller of a reader or of a comparison decides what it means.
 * - Any other shape than the promised one throws UnexpectedReply: it is never guessed.
 * - Byte strings stay bytes. Integers may exceed 2^53 (entries-added, a delivery count): `integerText` is exact.
 */
import type { Reply } from '../../resp/values.js';

/** A command and its arguments, name first. */
export type Args = (Buffer | string | number)[];

export class UnexpectedReply extends Error {
  constructor(expected: string, reply: Reply | undefined) {
    super(`the server's reply should be ${expected} but is ${kindOf(reply)}`);
    this.name = 'UnexpectedReply';
  }
}

export function bytes(reply: Reply | undefined): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw faultOr('a string', reply);
}

export function list(reply: Reply | undefined): Reply[] {
  if (Array.isArray(reply)) return reply;
  throw faultOr('an array', reply);
}

/** Bytes of its own, for what is kept until later replies: a reply's own bytes are a view of a read buffer. */
export function keptBytes(reply: Reply | undefined): Buffer {
  return Buffer.from(bytes(reply));
}

/** An array of strings: HGETALL, LRANGE, SMEMBERS … */
export function byteList(reply: Reply | undefined): Buffer[] {
  const items = list(reply);
  for (const item of items) if (!Buffer.isBuffer(item)) throw faultOr('an array of strings', item);
  return items as Buffer[];
}

export function integer(reply: Reply | undefined): number {
  const value = Number(integerText(reply));
  if (!Number.isInteger(value)) throw new UnexpectedReply('an integer', reply);
  return value;
}

/** An integer reply as decimal digits, exact beyond 2^53. */
export function integerText(reply: Reply | undefined): string {
  if (typeof reply === 'number' || typeof reply === 'bigint') return String(reply);
  if (Buffer.isBuffer(reply) && reply.length > 0) return reply.toString('latin1');
  throw faultOr('an integer', reply);
}

/** ["name", value, "name", value, …] as XINFO answers in RESP2; unknown names are kept, so newer servers do no harm. */
export function namedFields(reply: Reply | undefined): Map<string, Reply> {
  const flat = list(reply);
  const fields = new Map<string, Reply>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(bytes(flat[i]).toString('latin1'), flat[i + 1] as Reply);
  return fields;
}

/** TIME's reply in milliseconds of the server's clock. */
export function timeMs(reply: Reply | undefined): number {
  const [seconds, microseconds] = byteList(reply);
  return integer(seconds) * 1000 + Math.floor(integer(microseconds) / 1000);
}

/** The bytes that these strings occupy, for the size of the next piece. */
export function totalBytes(items: readonly Buffer[]): number {
  let total = 0;
  for (const item of items) total += item.length;
  return total;
}

/** Bytes for a person: printable ASCII as it is, the rest as \xNN, cut after `limit` bytes. */
export function printable(value: Buffer, limit = 64): string {
  let text = '';
  for (const byte of value.subarray(0, limit)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return value.length > limit ? `"${text}"… (${value.length} bytes)` : `"${text}"`;
}

function faultOr(expected: string, reply: Reply | undefined): Error {
  return reply instanceof Error ? reply : new UnexpectedReply(expected, reply);
}

function kindOf(reply: Reply | undefined): string {
  if (reply === undefined) return 'absent';
  if (reply === null) return 'nil';
  if (Array.isArray(reply)) return 'an array';
  if (reply instanceof Error) return `the error "${reply.message}"`;
  return Buffer.isBuffer(reply) ? 'a string' : 'an integer';
}
