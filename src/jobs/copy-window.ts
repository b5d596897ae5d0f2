/** Asks for copies with at most `window` of them under way, and counts how they went. Used by backfill, repair, verify. */
import type { CopyWatcher } from '../mirror/copy-task.js';
import type { Mirror } from '../mirror/mirror.js';

export class CopyWindow implements CopyWatcher {
  copiedKeys = 0;
  failedKeys = 0;
  private underWay = 0;
  private waiter: (() => void) | null = null;

  /** `window`: asked for each copy when it may change. */
  constructor(private readonly window: number | (() => number)) {}

  /** Resolves when there is room; the copy itself goes on. */
  async copy(mirror: Mirror, db: number, key: Buffer): Promise<void> {
    while (!this.tryCopy(mirror, db, key)) await this.change();
  }

  /** False: there is no room. */
  tryCopy(mirror: Mirror, db: number, key: Buffer): boolean {
    const { window } = this;
    if (this.underWay >= (typeof window === 'number' ? window : window())) return false;
    this.underWay++;
    mirror.copies.request(db, key, null, this);
    return true;
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    while (this.underWay > 0) await this.change();
  }

  copied(): void {
    this.copiedKeys++;
    this.ended();
  }

  copyFailed(): void {
    this.failedKeys++;
    this.ended();
  }

  private ended(): void {
    this.underWay--;
    const waiter = this.waiter;
    this.waiter = null;
    waiter?.();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.waiter;
      this.waiter = () => {
        before?.();
        resolve();
      };
    });
  }
}
