/**
 * Key → slot, as Redis Cluster does it: CRC16 (XMODEM: polynomial 0x1021, start 0) of the key, or of its
 * hash tag, mod 16384. The slot is also the unit of the ledger on any topology.
 *
 * A hash tag is what stands between the first '{' and the first '}' after it, if that is not empty.
 */

export const SLOT_COUNT = 16384;

const POLYNOMIAL = 0x1021;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What one byte does to the checksum, and what it does when one, two or three zero bytes follow. */
const TABLE = new Uint16Array(256);
const THEN_1_ZERO = new Uint16Array(256);
const THEN_2_ZEROS = new Uint16Array(256);
const THEN_3_ZEROS = new Uint16Array(256);
fillTables();

function fillTables(): void {
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    }
    TABLE[byte] = crc & 0xffff;
  }
  const withZero = (crc: number): number => ((crc << 8) & 0xffff) ^ (TABLE[crc >>> 8] as number);
  for (let byte = 0; byte < 256; byte++) {
    THEN_1_ZERO[byte] = withZero(TABLE[byte] as number);
    THEN_2_ZEROS[byte] = withZero(THEN_1_ZERO[byte] as number);
    THEN_3_ZEROS[byte] = withZero(THEN_2_ZEROS[byte] as number);
  }
}

/** `before`: the checksum of what stands in front of it. */
export function crc16(buf: Uint8Array, start: number, end: number, before = 0): number {
  let crc = before;
  let i = start;
  for (const foursEnd = end - 3; i < foursEnd; i += 4) {
    crc =
      (THEN_3_ZEROS[(crc >>> 8) ^ (buf[i] as number)] as number) ^
      (THEN_2_ZEROS[(crc & 0xff) ^ (buf[i + 1] as number)] as number) ^
      (THEN_1_ZERO[buf[i + 2] as number] as number) ^
      (TABLE[buf[i + 3] as number] as number);
  }
  for (; i < end; i++) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >>> 8) ^ (buf[i] as number)] as number);
  return crc;
}

/**
 * The slot of the key in buf[start, end). Once per command and key, hence four bytes at a time: the first two replace all
 * of a 16-bit checksum, so that the table look-ups of the four do not wait for each other.
 */
export function keySlot(buf: Uint8Array, start: number, end: number): number {
  let crc = 0;
  let i = start;
  for (const foursEnd = end - 3; i < foursEnd; i += 4) {
    const a = buf[i] as number;
    const b = buf[i + 1] as number;
    const c = buf[i + 2] as number;
    const d = buf[i + 3] as number;
    if (a === OPEN || b === OPEN || c === OPEN || d === OPEN) return taggedSlot(buf, start, end, i);
    crc =
      (THEN_3_ZEROS[(crc >>> 8) ^ a] as number) ^
      (THEN_2_ZEROS[(crc & 0xff) ^ b] as number) ^
      (THEN_1_ZERO[c] as number) ^
      (TABLE[d] as number);
  }
  for (; i < end; i++) {
    const byte = buf[i] as number;
    if (byte === OPEN) return taggedSlot(buf, start, end, i);
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >>> 8) ^ byte] as number);
  }
  return crc & (SLOT_COUNT - 1);
}

/** The slot of a key whose first '{' is at `from` or soon after; "{}" is no tag, and only the first '{' could begin one. */
function taggedSlot(buf: Uint8Array, start: number, end: number, from: number): number {
  let open = from;
  while (buf[open] !== OPEN) open++;
  let close = open + 1;
  while (close < end && buf[close] !== CLOSE) close++;
  const hasTag = close < end && close > open + 1;
  return (hasTag ? crc16(buf, open + 1, close) : crc16(buf, start, end)) & (SLOT_COUNT - 1);
}

/**
 * The slot of a key of which buf[start, end) is the rest, behind something that has no braces and whose checksum is
 * `before`.
 */
export function keySlotBehind(before: number, buf: Uint8Array, start: number, end: number): number {
  let open = start;
  while (open < end && buf[open] !== OPEN) open++;
  let close = open + 1;
  while (close < end && buf[close] !== CLOSE) close++;
  const hasTag = close < end && close > open + 1;
  return (hasTag ? crc16(buf, open + 1, close) : crc16(buf, start, end, before)) & (SLOT_COUNT - 1);
}

const tags: (string | undefined)[] = new Array<string | undefined>(SLOT_COUNT).fill(undefined);
let nextCandidate = 0;

/**
 * A short text that, as a hash tag, falls into `slot`: `{${tagForSlot(s)}}anything` is a key of slot s.
 * The same text for the same slot in every process. Found by counting upwards, as far as needed so far.
 */
export function tagForSlot(slot: number): string {
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOT_COUNT) throw new RangeError(`no such slot: ${slot}`);
  let tag = tags[slot];
  while (tag === undefined) {
    const candidate = (nextCandidate++).toString(36);
    const bytes = Buffer.from(candidate, 'latin1');
    const found = crc16(bytes, 0, bytes.length) & (SLOT_COUNT - 1);
    tags[found] ??= candidate;
    tag = tags[slot];
  }
  return tag;
}
