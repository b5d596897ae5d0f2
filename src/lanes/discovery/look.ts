/**
 * One look at a time, now and then and on demand: whatever is asked for while a look is under way makes one more follow
 * it, and looks on demand keep a distance, so that a thousand lost connections ask once.
 */
const APART_MS = 25;

export class Looking {
  private isLooking = false;
  private again = false;
  private closed = false;
  private lastMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  private readonly interval: NodeJS.Timeout;

  constructor(
    /** Never rejects. */
    private readonly look: () => Promise<void>,
    everyMs: number,
  ) {
    this.interval = setInterval(() => this.soon(), everyMs);
    this.interval.unref();
  }

  soon(): void {
    if (this.closed || this.timer !== null) return;
    if (this.isLooking) {
      this.again = true;
      return;
    }
    this.timer = setTimeout(() => this.run(), Math.max(0, this.lastMs + APART_MS - performance.now()));
  }

  private run(): void {
    this.timer = null;
    this.isLooking = true;
    this.again = false;
    void this.look().finally(() => {
      this.isLooking = false;
      this.lastMs = performance.now();
      if (this.again) this.soon();
    });
  }

  close(): void {
    this.closed = true;
    clearInterval(this.interval);
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
