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
  /** How soon after the last look the next one is wanted, and when that is (performance.now()). */
  private apartMs = Number.POSITIVE_INFINITY;
  private dueMs = 0;
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

  /** At least `apartMs` after the last look. */
  soon(apartMs = APART_MS): void {
    if (this.closed) return;
    this.apartMs = Math.min(this.apartMs, apartMs);
    if (this.isLooking) {
      this.again = true;
      return;
    }
    const dueMs = this.lastMs + this.apartMs;
    if (this.timer !== null && dueMs >= this.dueMs) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.dueMs = dueMs;
    this.timer = setTimeout(() => this.run(), Math.max(0, dueMs - performance.now()));
  }

  private run(): void {
    this.timer = null;
    this.isLooking = true;
    this.again = false;
    this.apartMs = Number.POSITIVE_INFINITY;
    void this.look().finally(() => {
      this.isLooking = false;
      this.lastMs = performance.now();
      if (this.again) this.soon(this.apartMs);
    });
  }

  close(): void {
    this.closed = true;
    clearInterval(this.interval);
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
