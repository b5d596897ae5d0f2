/**
 * Known keys: those that the mirror certainly holds in the same state as the authority, and their deadlines.
 *
 * Before the first clean verification a bounded set of 64-bit key hashes remembers which keys were copied or
 * overwritten whole; afterwards (`allKnown`) every key is known. A key with a TTL is known only away from its
 * deadline: within `marginMs` of it the two sides may disagree on whether it still exists, so a write that builds
 * on the value must be mirrored by copy (divergence 9). The deadlines are kept in a second bounded table; when
 * that overflows, keys outside it count as unknown.
 *
 * Both tables are set-associative (8 ways, one not used lately leaves) over typed arrays: no allocation per key. Until something
 * is put into them they hold no memory, and to forget everything is to let go of it: what fills megabytes with zeros stops the
 * world, and a step between phases forgets while clients wait.
 */
const WAYS = 8;
const NO_WAYS = new Int32Array(0);
const NO_TIMES = new Float64Array(0);

/** The two halves of the last hash made by `hashKey`, signed; module state so that no object is made per key. */
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
  hashLow = a ^ (a >>> 16);
  // 0 marks an empty way
  hashHigh = b ^ (b >>> 16) || 1;
}

/** murmur3's finalizer: every bit of the input reaches every bit of the result. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b | 0);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35 | 0);
  return h ^ (h >>> 16);
}

/**
 * A bounded set of 64-bit hashes; when a bucket is full, the newcomer that was not used again for longest makes room.
 *
 * Both halves of a hash lie side by side, so that a bucket is one line of the processor's cache. Who is used changes places
 * with the one in front of it, which costs two writes where an exact order of use would cost a whole bucket. Newcomers
 * begin in the middle: what only passes through, as the keys of a backfill do, pushes out its like.
 */
class HashSet64 {
  readonly buckets: number;
  /** [low, high] of each way; high 0: empty. Has no length before `open`. */
  ways: Int32Array = NO_WAYS;

  constructor(capacity: number) {
    let buckets = 1;
    while (buckets * WAYS < capacity) buckets *= 2;
    this.buckets = buckets;
  }

  /** Before anything is put into it. */
  open(): void {
    if (this.ways.length === 0) this.ways = new Int32Array(this.buckets * WAYS * 2);
  }

  /** The index of the hash in `ways`, -1 when it is not there. */
  find(low: number, high: number): number {
    const { ways } = this;
    if (ways.length === 0) return -1;
    const base = this.baseOf(low);
    for (let i = base; i < base + 2 * WAYS; i += 2) if (ways[i] === low && ways[i + 1] === high) return i;
    return -1;
  }

  baseOf(low: number): number {
    return (low & (this.buckets - 1)) * WAYS * 2;
  }

  add(low: number, high: number): void {
    this.open();
    const { ways } = this;
    const base = this.baseOf(low);
    const end = base + 2 * WAYS;
    let at = base;
    while (at < end && ways[at + 1] !== 0 && (ways[at] !== low || ways[at + 1] !== high)) at += 2;
    if (at === end) {
      const middle = base + WAYS;
      for (let i = end - 1; i > middle + 1; i--) ways[i] = ways[i - 2]!;
      at = middle;
    } else if (at > base) {
      ways[at] = ways[at - 2]!;
      ways[at + 1] = ways[at - 1]!;
      at -= 2;
    }
    ways[at] = low;
    ways[at + 1] = high;
  }

  remove(low: number, high: number): void {
    const { ways } = this;
    const at = this.find(low, high);
    if (at < 0) return;
    // the ways in use have no gap
    let last = this.baseOf(low) + 2 * WAYS - 2;
    while (ways[last + 1] === 0) last -= 2;
    ways[at] = ways[last]!;
    ways[at + 1] = ways[last + 1]!;
    ways[last] = ways[last + 1] = 0;
  }

  clear(): void {
    this.ways = NO_WAYS;
  }
}

/** Deadlines (ms since 1970, authority's clock) by key hash; refuses when a bucket is full of live ones. */
class DeadlineTable {
  count = 0;
  private readonly keys: HashSet64;
  private atMs: Float64Array = NO_TIMES;

  constructor(capacity: number) {
    this.keys = new HashSet64(capacity);
  }

  /** The key's deadline, 0 when none is noted. */
  of(low: number, high: number): number {
    const at = this.count === 0 ? -1 : this.keys.find(low, high);
    return at < 0 ? 0 : this.atMs[at >> 1]!;
  }

  /** False: no room. */
  set(low: number, high: number, atMs: number, expiredBeforeMs: number): boolean {
    this.keys.open();
    if (this.atMs.length === 0) this.atMs = new Float64Array(this.keys.buckets * WAYS);
    const { ways } = this.keys;
    let at = this.keys.find(low, high);
    if (at < 0) {
      const base = this.keys.baseOf(low);
      for (let i = base; i < base + 2 * WAYS && at < 0; i += 2) if (ways[i + 1] === 0) at = i;
      for (let i = base; i < base + 2 * WAYS && at < 0; i += 2) if (this.atMs[i >> 1]! < expiredBeforeMs) at = i;
      if (at < 0) return false;
      if (ways[at + 1] === 0) this.count++;
      ways[at] = low;
      ways[at + 1] = high;
    }
    this.atMs[at >> 1] = atMs;
    return true;
  }

  remove(low: number, high: number): void {
    const at = this.count === 0 ? -1 : this.keys.find(low, high);
    if (at < 0) return;
    this.keys.ways[at] = this.keys.ways[at + 1] = 0;
    this.count--;
  }

  clear(): void {
    this.keys.clear();
    this.atMs = NO_TIMES;
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
    this.askedDeadlineMs = this.deadlines.of(hashLow, hashHigh);
    if (this.askedDeadlineMs !== 0) {
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
    } else if (deadlineMs === 0) this.deadlines.remove(hashLow, hashHigh);
    if (!this.allKnown || this.deadlinesOverflowed) this.keys.add(hashLow, hashHigh);
  }

  /** The key's deadline, ms since 1970 on the authority's clock; 0 when none is noted. */
  deadlineOf(db: number, buf: Uint8Array, start: number, end: number): number {
    hashKey(this.seedA, this.seedB, db, buf, start, end);
    return this.deadlines.of(hashLow, hashHigh);
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
    this.deadlines.remove(hashLow, hashHigh);
  }

  /** Nothing is known any more (a new mirror process, a step back to source-only). */
  forget(): void {
    this.allKnown = false;
    this.deadlinesOverflowed = false;
    this.keys.clear();
    this.deadlines.clear();
  }
}
