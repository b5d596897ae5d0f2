/**
 * Counters that cost one addition: rows and columns known from the start, numbers in one typed array.
 */

/** Counts by (row, column), e.g. by command id and side. Rows may be added while it runs; columns are fixed. */
export class CounterGrid {
  readonly columns: number;
  private values: Float64Array;

  constructor(rows: number, columns: number) {
    this.columns = columns;
    this.values = new Float64Array(Math.max(1, rows) * columns);
  }

  add(row: number, column: number, amount = 1): void {
    const at = row * this.columns + column;
    if (at >= this.values.length) this.grow(at);
    this.values[at]! += amount;
  }

  get(row: number, column: number): number {
    return this.values[row * this.columns + column] ?? 0;
  }

  total(): number {
    let sum = 0;
    for (const value of this.values) sum += value;
    return sum;
  }

  private grow(at: number): void {
    const larger = new Float64Array(Math.max(at + 1, this.values.length * 2));
    larger.set(this.values);
    this.values = larger;
  }
}

/**
 * Events per second, from samples of a running total: nothing is counted per event. The rate is the mean over the
 * samples of the last `windowMs`; a total that went back (a reset) starts anew.
 */
export class RateMeter {
  private readonly windowMs: number;
  private samples: { atMs: number; total: number }[] = [];

  constructor(windowMs = 5000) {
    this.windowMs = windowMs;
  }

  sample(total: number, nowMs: number): void {
    const last = this.samples.at(-1);
    if (last !== undefined && total < last.total) this.samples = [];
    this.samples.push({ atMs: nowMs, total });
    // the newest sample that is older than the window stays, as the window's start
    while (this.samples.length > 2 && this.samples[1]!.atMs <= nowMs - this.windowMs) this.samples.shift();
  }

  perSecond(): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last.total - first.total) * 1000) / (last.atMs - first.atMs);
  }
}
