/**
 * Known keys: those that the mirror certainly holds in the same state as the authority, and their deadlines.
 *
 * Before the first clean verification a bounded set of 64-bit key hashes remembers which keys were copied or
 * overwritten whole; afterwards (`allKnown`) every key is known. A key with a TTL is known only away from its
 * deadline: within `marginMs` of it the two sides may disagree on whether it still exists, so a write that builds
 * on the value must be mirrored by copy (divergence 9). The deadlines are kept in a second bounded table; when
 * that overflows, keys outside it count as unknown.
 *
 * Both tables are set-associative (8 ways, least recently used leaves) over typed arrays: no allocation per key.
 */
const WAYS = 8;

/** The two halves of the last hash made by `hashKey`; module state so that no object is made per key. */
export let hashLow = 0;
export let hashHigh = 0;

/** Hashes (db, key bytes) under the two seeds into `hashLow`, `hashHigh` (murmur3's mixing, two lanes). */
export function hashKey(seedA: number, seedB: number, db: number, buf: Uint8Array, start: number, end: number): void {
  // the database is mixed in on its own first: merely added, it would cancel out against the key's first byte
  let a = mix(seedA ^ Math.imul(db + 1, 0x9e3779b1));
  let b = mix(seedB + Math.imul(db + 1, 0x7feb352d));
  for (let i = start; i < end; i++) {
    const byte = buf[i]!;
    a = Math.imul(a ^ byte, 0x01000193);
    a = (a << 13) | (a >>> 19);
    b = Math.imul(b + byte, 0xcc9e2d51 | 0);
    b ^= b >>> 15;
  }
  a ^= end - start;
  b += end - start;
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b | 0);
  a = Math.imul(a ^ (a >>> 13), 0xc2b2ae35 | 0);
  b = Math.imul(b ^ (b >>> 16), 0x27d4eb2f | 0);
  b = Math.imul(b ^ (b >>> 13), 0x165667b1 | 0);
  hashLow = (a ^ (a >>> 16)) >>> 0;
  // 0 marks an empty way
  hashHigh = (b ^ (b >>> 16)) >>> 0 || 1;
}

/** murmur3's finalizer: every bit of the input reaches every bit of the result. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b | 0);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35 | 0);
  return h ^ (h >>> 16);
}

/** A bounded set of 64-bit hashes; the least recently used of a bucket makes room. */
class HashSet64 {
  readonly buckets: number;
  readonly low: Uint32Array;
  readonly high: Uint32Array;

  constructor(capacity: number) {
    let buckets = 1;
    while (buckets * WAYS < capacity) buckets *= 2;
    this.buckets = buckets;
    this.low = new Uint32Array(buckets * WAYS);
    this.high = new Uint32Array(buckets * WAYS);
  }

  find(low: number, high: number): number {
    const base = (low & (this.buckets - 1)) * WAYS;
    for (let i = base; i < base + WAYS; i++) if (this.low[i] === low && this.high[i] === high) return i;
    return -1;
  }

  add(low: number, high: number): void {
    const base = (low & (this.buckets - 1)) * WAYS;
    let at = this.find(low, high);
    if (at < 0) at = base + WAYS - 1;
    for (let i = at; i > base; i--) {
      this.low[i] = this.low[i - 1]!;
      this.high[i] = this.high[i - 1]!;
    }
    this.low[base] = low;
    this.high[base] = high;
  }

  remove(low: number, high: number): void {
    const at = this.find(low, high);
    if (at >= 0) this.high[at] = this.low[at] = 0;
  }

  clear(): void {
    this.low.fill(0);
    this.high.fill(0);
  }
}

/** Deadlines (ms since 1970, authority's clock) by key hash; refuses when a bucket is full of live ones. */
class DeadlineTable extends HashSet64 {
  readonly atMs: Float64Array;
  count = 0;

  constructor(capacity: number) {
    super(capacity);
    this.atMs = new Float64Array(this.buckets * WAYS);
  }

  /** False: no room. */
  set(low: number, high: number, atMs: number, expiredBeforeMs: number): boolean {
    let at = this.find(low, high);
    if (at < 0) {
      const base = (low & (this.buckets - 1)) * WAYS;
      for (let i = base; i < base + WAYS && at < 0; i++) if (this.high[i] === 0) at = i;
      for (let i = base; i < base + WAYS && at < 0; i++) if (this.atMs[i]! < expiredBeforeMs) at = i;
      if (at < 0) return false;
      if (this.high[at] === 0) this.count++;
      this.low[at] = low;
      this.high[at] = high;
    }
    this.atMs[at] = atMs;
    return true;
  }

  override remove(low: number, high: number): void {
    const at = this.find(low, high);
    if (at < 0) return;
    this.high[at] = this.low[at] = 0;
    this.count--;
  }

  override clear(): void {
    super.clear();
    this.count = 0;
  }
}

export class KnownKeys {
  /** Backfilled and verified clean: every key is known unless dirty or near its deadline. */
  allKnown = false;
  /** A deadline did not fit; with allKnown, keys outside the tables count as unknown. */
  deadlinesOverflowed = false;
  /** How far from its deadline a key with a TTL must be to count as known. */
  marginMs = 1000;
  /** The deadline of the key that `isKnown` was last asked about, 0 when none is noted. */
  askedDeadlineMs = 0;

  private readonly keys: HashSet64;
  private readonly deadlines: DeadlineTable;

  constructor(
    capacity: number,
    deadlineCapacity: number,
    private readonly seedA: number,
    private readonly seedB: number,
  ) {
    this.keys = new HashSet64(capacity);
    this.deadlines = new DeadlineTable(deadlineCapacity);
  }

  /** May a write that builds on the value be replayed? (Dirty keys are the caller's to exclude.) */
  isKnown(db: number, buf: Uint8Array, start: number, end: number, nowMs: number): boolean {
    hashKey(this.seedA, this.seedB, db, buf, start, end);
    const at = this.deadlines.count === 0 ? -1 : this.deadlines.find(hashLow, hashHigh);
    this.askedDeadlineMs = 0;
    if (at >= 0) {
      this.askedDeadlineMs = this.deadlines.atMs[at]!;
      const left = this.askedDeadlineMs - nowMs;
      if (left < this.marginMs && left > -this.marginMs) return false;
      if (left <= -this.marginMs) this.deadlines.remove(hashLow, hashHigh); // gone on both sides
      return true; // a deadline is only remembered for a key that was mirrored
    }
    if (this.allKnown && !this.deadlinesOverflowed) return true;
    return this.keys.find(hashLow, hashHigh) >= 0;
  }

  /** The mirror will hold the key as the authority does. `deadlineMs`: 0 none, < 0 unchanged. */
  add(db: number, buf: Uint8Array, start: number, end: number, deadlineMs: number, nowMs: number): void {
    hashKey(this.seedA, this.seedB, db, buf, start, end);
    if (deadlineMs > 0) {
      if (!this.deadlines.set(hashLow, hashHigh, deadlineMs, nowMs - this.marginMs)) {
        this.deadlinesOverflowed = true;
        this.keys.remove(hashLow, hashHigh);
        return;
      }
    } else if (deadlineMs === 0 && this.deadlines.count > 0) this.deadlines.remove(hashLow, hashHigh);
    if (!this.allKnown || this.deadlinesOverflowed) this.keys.add(hashLow, hashHigh);
  }

  /** The key's deadline, ms since 1970 on the authority's clock; 0 when none is noted. */
  deadlineOf(db: number, buf: Uint8Array, start: number, end: number): number {
    hashKey(this.seedA, this.seedB, db, buf, start, end);
    const at = this.deadlines.count === 0 ? -1 : this.deadlines.find(hashLow, hashHigh);
    return at < 0 ? 0 : this.deadlines.atMs[at]!;
  }

  /** Notes a deadline without claiming that the key is known (verification has seen it). */
  noteDeadline(db: number, buf: Uint8Array, start: number, end: number, deadlineMs: number, nowMs: number): void {
    hashKey(this.seedA, this.seedB, db, buf, start, end);
    if (this.deadlines.set(hashLow, hashHigh, deadlineMs, nowMs - this.marginMs)) return;
    this.deadlinesOverflowed = true;
    this.keys.remove(hashLow, hashHigh);
  }

  remove(db: number, buf: Uint8Array, start: number, end: number): void {
    hashKey(this.seedA, this.seedB, db, buf, start, end);
    this.keys.remove(hashLow, hashHigh);
    if (this.deadlines.count > 0) this.deadlines.remove(hashLow, hashHigh);
  }

  /** Nothing is known any more (a new mirror process, a step back to source-only). */
  forget(): void {
    this.allKnown = false;
    this.deadlinesOverflowed = false;
    this.keys.clear();
    this.deadlines.clear();
  }
}
