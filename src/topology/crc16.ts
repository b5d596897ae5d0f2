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

/**
 * TABLES[256 k + byte]: what a byte does to the checksum when k bytes follow it. With 8 of them, 8 bytes are one step whose
 * look-ups do not wait for each other.
 */
const STEP = 8;
const TABLES = new Uint16Array(256 * STEP);
fillTables();

function fillTables(): void {
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    }
    TABLES[byte] = crc;
  }
  for (let i = 256; i < TABLES.length; i++) {
    const crc = TABLES[i - 256] as number;
    TABLES[i] = (crc << 8) ^ (TABLES[crc >>> 8] as number);
  }
}

/** `before`: the checksum of what stands in front of it. */
export function crc16(buf: Uint8Array, start: number, end: number, before = 0): number {
  let crc = before;
  let i = start;
  for (const last = end - STEP; i <= last; i += STEP) {
    crc =
      (TABLES[1792 + ((crc >>> 8) ^ (buf[i] as number))] as number) ^
      (TABLES[1536 + ((crc & 0xff) ^ (buf[i + 1] as number))] as number) ^
      (TABLES[1280 + (buf[i + 2] as number)] as number) ^
      (TABLES[1024 + (buf[i + 3] as number)] as number) ^
      (TABLES[768 + (buf[i + 4] as number)] as number) ^
      (TABLES[512 + (buf[i + 5] as number)] as number) ^
      (TABLES[256 + (buf[i + 6] as number)] as number) ^
      (TABLES[buf[i + 7] as number] as number);
  }
  for (; i < end; i++) crc = next(crc, buf[i] as number);
  return crc;
}

function next(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ (TABLES[(crc >>> 8) ^ byte] as number);
}

/**
 * The slot of the key in buf[start, end). Once per command and key, hence 8 bytes at a time (ns for 16, 32 and 64 bytes: 17,
 * 28 and 50; two at a time 23, 41 and 80). It is crc16 with an eye on '{', which in its loop costs less than a look before.
 */
export function keySlot(buf: Uint8Array, start: number, end: number): number {
  let crc = 0;
  let i = start;
  for (const last = end - STEP; i <= last; i += STEP) {
    const a = buf[i] as number;
    const b = buf[i + 1] as number;
    const c = buf[i + 2] as number;
    const d = buf[i + 3] as number;
    const e = buf[i + 4] as number;
    const f = buf[i + 5] as number;
    const g = buf[i + 6] as number;
    const h = buf[i + 7] as number;
    const opens =
      a === OPEN || b === OPEN || c === OPEN || d === OPEN || e === OPEN || f === OPEN || g === OPEN || h === OPEN;
    if (opens) return taggedSlot(buf, start, end, i);
    crc =
      (TABLES[1792 + ((crc >>> 8) ^ a)] as number) ^
      (TABLES[1536 + ((crc & 0xff) ^ b)] as number) ^
      (TABLES[1280 + c] as number) ^
      (TABLES[1024 + d] as number) ^
      (TABLES[768 + e] as number) ^
      (TABLES[512 + f] as number) ^
      (TABLES[256 + g] as number) ^
      (TABLES[h] as number);
  }
  for (; i < end; i++) {
    const byte = buf[i] as number;
    if (byte === OPEN) return taggedSlot(buf, start, end, i);
    crc = next(crc, byte);
  }
  return crc & (SLOT_COUNT - 1);
}

/**
 * The slot of a key whose first '{' is at `from` or behind it; "{}" is no tag, and only the first '{' could have begun one.
 * Without a '}' behind it, it is none either.
 */
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
