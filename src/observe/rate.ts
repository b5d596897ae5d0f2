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
