/**
 * A latency histogram of fixed size whose `record` allocates nothing.
 *
 * Values are whole numbers from 0 to 2^32 - 1 in any one unit (Ferry uses microseconds); larger ones count as the
 * largest. Buckets are log-linear: every power of two is cut into 32 equal parts, so a percentile is at most 1/32
 * (3.1 %) above the true value, and exact below 64.
 *
 *     value   0 … 31 | 32 … 63 | 64 … 127     | 128 … 255    | …
 *     bucket  0 … 31 | 32 … 63 | 64 … 95 (2s) | 96 … 127 (4s)| …
 */
const PARTS_BITS = 5;
const PARTS = 1 << PARTS_BITS;
const BUCKETS = (32 - PARTS_BITS + 1) * PARTS;
const MAX_VALUE = 2 ** 32 - 1;

export class LatencyHistogram {
  count = 0;
  sum = 0;
  max = 0;
  private readonly buckets = new Float64Array(BUCKETS);

  record(value: number): void {
    const v = value < 0 ? 0 : value > MAX_VALUE ? MAX_VALUE : Math.floor(value);
    this.buckets[bucketOf(v)]! += 1;
    this.count += 1;
    this.sum += v;
    if (v > this.max) this.max = v;
  }

  /** The value that `percent` % of the recorded ones do not exceed; 0 when nothing was recorded. */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.buckets[bucket]!;
      if (seen >= rank) return Math.min(this.max, lastOf(bucket));
    }
    return this.max;
  }

  mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** How many values lie in buckets that end at or before `value`: the cumulative counts that Prometheus asks for. */
  countUpTo(value: number): number {
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS && lastOf(bucket) <= value; bucket++) seen += this.buckets[bucket]!;
    return seen;
  }

  add(other: LatencyHistogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.buckets[bucket]! += other.buckets[bucket]!;
    this.count += other.count;
    this.sum += other.sum;
    if (other.max > this.max) this.max = other.max;
  }

  /** Becomes what `later` recorded since it was as `earlier` is. Its maximum is the end of its last bucket. */
  setDifference(later: LatencyHistogram, earlier: LatencyHistogram): void {
    let last = -1;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = later.buckets[bucket]! - earlier.buckets[bucket]!;
      this.buckets[bucket] = count;
      if (count > 0) last = bucket;
    }
    this.count = later.count - earlier.count;
    this.sum = later.sum - earlier.sum;
    this.max = last < 0 ? 0 : Math.min(later.max, lastOf(last));
  }

  copyFrom(other: LatencyHistogram): void {
    this.buckets.set(other.buckets);
    this.count = other.count;
    this.sum = other.sum;
    this.max = other.max;
  }

  reset(): void {
    this.buckets.fill(0);
    this.count = 0;
    this.sum = 0;
    this.max = 0;
  }
}

function bucketOf(value: number): number {
  if (value < PARTS) return value;
  const shift = 31 - Math.clz32(value) - PARTS_BITS;
  return shift * PARTS + (value >>> shift);
}

/** The largest value of a bucket. */
function lastOf(bucket: number): number {
  if (bucket < 2 * PARTS) return bucket;
  const shift = (bucket >> PARTS_BITS) - 1;
  return (bucket - shift * PARTS + 1) * 2 ** shift - 1;
}
