/**
 * Whether a node is asked at all: one breaker for all connections to it.
 *
 *   closed      connections are made as they are wanted
 *   open        no connection could be made for a while. Work that is new or waits fails at once instead of queueing,
 *               and one lane alone, the probe, goes on trying, at its own backoff
 *   half-open   the probe is connecting. One that succeeds closes the breaker and wakes every lane that waits
 *
 * What counts is that no connection could be made (or its handshake found no server that serves). One that is lost counts
 * from its next attempt on, so a server that restarts within `OPEN_AFTER_MS` is waited for. A refused login is an answer.
 */

/** What the breaker knows of a lane. */
export interface Tried {
  /** The node can be reached again: connect now. */
  tryNow(): void;
}

/** So long no attempt may have succeeded, counted from the beginning of the first that failed … */
const OPEN_AFTER_MS = 2000;
/** … and so many must have failed: one connection that is slow to be refused says little. */
const OPEN_AFTER_FAILURES = 3;

export class Breaker {
  isOpen = false;
  /** How often it opened. */
  opened = 0;
  private failures = 0;
  private failingSinceMs = 0;
  private probe: Tried | null = null;
  private readonly waiting = new Set<Tried>();

  /** May `lane` try to connect now? If not, it is told when it may. */
  mayTry(lane: Tried): boolean {
    if (!this.isOpen) return true;
    this.probe ??= lane;
    if (this.probe === lane) return true;
    this.waiting.add(lane);
    return false;
  }

  /** An attempt that began at `beganMs` failed at `nowMs`. */
  failed(beganMs: number, nowMs: number): void {
    if (this.failures++ === 0) this.failingSinceMs = beganMs;
    if (this.isOpen || this.failures < OPEN_AFTER_FAILURES || nowMs - this.failingSinceMs < OPEN_AFTER_MS) return;
    this.isOpen = true;
    this.opened++;
  }

  succeeded(): void {
    this.failures = 0;
    this.probe = null;
    this.isOpen = false;
    if (this.waiting.size === 0) return;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const lane of waiting) lane.tryNow();
  }

  /** The lane is not wanted any more; another one becomes the probe at its next attempt. */
  forget(lane: Tried): void {
    this.waiting.delete(lane);
    if (this.probe === lane) this.probe = null;
  }
}
