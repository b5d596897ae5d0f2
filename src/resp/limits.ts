/**
 * The limits and protocol error texts of Redis 7.0's request parser (networking.c of that version), in one place,
 * and the reading of one length line (`*3`, `$12`) exactly as Redis reads it.
 *
 * The texts are what follows the `-` of the error reply. After any of them Redis closes the connection.
 */

/** PROTO_INLINE_MAX_SIZE: the longest inline command, `*…` line and `$…` line, without its line end. */
export const INLINE_MAX_BYTES = 64 * 1024;
/** proto-max-bulk-len's default. */
export const BULK_MAX_BYTES = 512 * 1024 * 1024;
/** What one command may hold at once: client-query-buffer-limit's default. Streamed commands may be larger. */
export const COMMAND_MAX_BYTES = 1024 * 1024 * 1024;
/** INT_MAX: the most arguments of one command. */
const ARGUMENTS_MAX = 0x7fffffff;
/** Before AUTH, where a password is required. */
const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_MAX_BYTES = 16384;

export const TOO_BIG_INLINE = 'ERR Protocol error: too big inline request';
export const TOO_BIG_COUNT = 'ERR Protocol error: too big mbulk count string';
export const TOO_BIG_BULK_LENGTH = 'ERR Protocol error: too big bulk count string';
const BAD_COUNT = 'ERR Protocol error: invalid multibulk length';
export const BAD_BULK_LENGTH = 'ERR Protocol error: invalid bulk length';
const UNAUTHENTICATED_COUNT = 'ERR Protocol error: unauthenticated multibulk length';
const UNAUTHENTICATED_BULK_LENGTH = 'ERR Protocol error: unauthenticated bulk length';
export const UNBALANCED_QUOTES = 'ERR Protocol error: unbalanced quotes in request';

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;

/** `got` is the byte that stood where a `$` must stand; Redis prints line ends as blanks. */
export function expectedDollar(got: number): string {
  const shown = got === CR || got === LF ? ' ' : String.fromCharCode(got);
  return `ERR Protocol error: expected '$', got '${shown}'`;
}

/** What is wrong with the count of a `*` line (NaN if it was no number); '' if nothing. A count below 1 is no error. */
export function countError(count: number, authenticated: boolean): string {
  if (!(count <= ARGUMENTS_MAX)) return BAD_COUNT;
  return count > UNAUTHENTICATED_ARGUMENTS_MAX && !authenticated ? UNAUTHENTICATED_COUNT : '';
}

/** What is wrong with a line that should be `$length`, given its first byte; '' if nothing. */
export function bulkLengthError(firstByte: number, length: number, maxBytes: number, authenticated: boolean): string {
  if (firstByte !== DOLLAR) return expectedDollar(firstByte);
  if (!(length >= 0 && length <= maxBytes)) return BAD_BULK_LENGTH;
  return length > UNAUTHENTICATED_BULK_MAX_BYTES && !authenticated ? UNAUTHENTICATED_BULK_LENGTH : '';
}

/** The command would need more memory at once than Ferry holds for one client. Redis just closes there. */
export function tooBigCommand(limitBytes: number): string {
  return `FERRY a command larger than ${limitBytes} bytes is not accepted`;
}

/**
 * The number between `start` and `end` by the rules of Redis' string2ll: no sign but `-`, no leading zero, no `-0`,
 * within 64 bits. NaN for anything else. Beyond 2^53 the result is rounded to the nearest number.
 */
export function strictInteger(buf: Buffer, start: number, end: number): number {
  const negative = start < end && buf[start] === MINUS;
  const first = negative ? start + 1 : start;
  const digits = end - first;
  if (digits < 1 || digits > 19) return Number.NaN;
  if (buf[first] === ZERO) return digits === 1 && !negative ? 0 : Number.NaN;
  let value = 0;
  for (let i = first; i < end; i++) {
    const byte = buf[i];
    if (byte < ZERO || byte > NINE) return Number.NaN;
    value = value * 10 + (byte - ZERO);
  }
  if (digits > 15) {
    const exact = BigInt(buf.toString('latin1', start, end));
    return BigInt.asIntN(64, exact) === exact ? Number(exact) : Number.NaN;
  }
  return negative ? -value : value;
}
