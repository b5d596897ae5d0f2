/**
 * Warm first: while a backfill runs, a key that a client reads is copied ahead of the scan, so that what the traffic needs is
 * on the target early and `target-read` finds it there.
 *
 * Keys that are written come there with their writes. Of a read that goes to the authority every key is asked about, which is
 * one look at the table of known keys; a key that was copied is known, and is neither copied twice nor by the scan.
 * Few at a time, of a backfill with a rate at most half, and not many more than the scan itself: it must come to its end
 * whatever clients do.
 */
import { isOwnKey } from '../mirror/own-keys.js';
import type { Switchboard, Warming } from '../routing/switchboard.js';
import { CopyWindow } from './copy-window.js';

const WINDOW = 64;

export class WarmKeys implements Warming {
  private readonly window = new CopyWindow(WINDOW);
  /** Keys asked to be copied, whatever came of it. */
  asked = 0;

  /** `mayCopy`: asked for each key, whether the rate allows one more. */
  constructor(
    private readonly board: Switchboard,
    private readonly mayCopy: (asked: number) => boolean,
  ) {}

  get copiedKeys(): number {
    return this.window.copiedKeys;
  }

  touched(db: number, frame: Buffer, start: number, end: number): void {
    const { known, mirror, gateClosed, scope, databases, authority, follower } = this.board;
    if (gateClosed || mirror === null || !mirror.lane.isUp || !databases.used.has(db)) return;
    if (known.isKnown(db, frame, start, end, authority.nowMs())) return;
    if (scope !== null && !scope.has(db, frame, start, end)) return;
    if (!this.mayCopy(this.asked) || follower.isTaken(db, frame, start, end)) return;
    const key = frame.subarray(start, end);
    if (isOwnKey(key) || mirror.copies.isPending(db, key)) return;
    if (this.window.tryCopy(mirror, db, key)) this.asked++;
  }
}
