/**
 * Latencies by the microsecond, in memory of a fixed size: a long run costs as much as a short one, and what is asked in the
 * middle of it costs next to nothing, so that the answer does not disturb what is measured next. What took longer than a
 * second counts as the longest.
 */
const LONGEST_MICROS = 1_000_000;

export class Latencies {
  count = 0;
  maxMs = 0;
  /** Nothing was counted behind it. */
  private last = 0;
  private readonly counts = new Uint32Array(LONGEST_MICROS + 1);

  record(ms: number): void {
    if (ms > this.maxMs) this.maxMs = ms;
    const micros = Math.min(LONGEST_MICROS, Math.max(0, Math.floor(ms * 1000)));
    if (micros > this.last) this.last = micros;
    this.counts[micros]!++;
    this.count++;
  }

  /** ms, within its microsecond as if they lay evenly in it; 0 when nothing was recorded. */
  percentile(percent: number): number {
    const rank = (percent / 100) * this.count;
    let seen = 0;
    for (let micros = 0; micros <= Math.min(this.last, LONGEST_MICROS - 1); micros++) {
      const here = this.counts[micros]!;
      if (here > 0 && seen + here >= rank) return (micros + (rank - seen) / here) / 1000;
      seen += here;
    }
    return this.maxMs;
  }

  reset(): void {
    this.counts.fill(0, 0, this.last + 1);
    this.last = 0;
    this.count = 0;
    this.maxMs = 0;
  }
}
