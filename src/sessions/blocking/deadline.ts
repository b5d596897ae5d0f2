/** How long a client is ready to wait, from now on. */

/** setTimeout takes no more; whoever waits for 24 days is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Deadline {
  private readonly atMs: number;
  private timer: NodeJS.Timeout | null = null;

  /** 0, or what is no number of milliseconds: for ever. */
  constructor(timeoutMs: number) {
    this.atMs = timeoutMs > 0 ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY;
  }

  /** Calls `passed` once, when it has passed; armed already, it stays as it is. */
  arm(passed: () => void): void {
    if (this.timer !== null || this.atMs === Number.POSITIVE_INFINITY) return;
    const leftMs = Math.max(0, this.atMs - performance.now());
    this.timer = setTimeout(
      () => {
        this.timer = null;
        if (performance.now() + 1 < this.atMs) this.arm(passed);
        else passed();
      },
      Math.min(leftMs, LONGEST_TIMER_MS),
    );
  }

  disarm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
