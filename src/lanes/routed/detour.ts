/**
 * A slot that cannot simply be sent to the node that serves it: it moved, it is moving, or nobody serves it.
 *
 *   draining   what was sent before is being answered; what was redirected of it gathers in `again`, in its order
 *   waiting    nothing is on its way; for a moment, because the last try found nobody who serves the slot
 *   serial     one request at a time: part of the keys is here and part there (ASK, TRYAGAIN), so that two requests sent
 *              together could be executed in the other order
 *   over       everything was sent to one node in its order; the slot needs no detour any more
 *
 * New requests of the slot queue up behind. So whatever the slot goes through, its commands are executed in the order in
 * which they were sent (divergence 17).
 */
import { Fifo } from '../../ledger/fifo.js';
import type { Request } from './requests.js';

const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 100;
/** How long after an ASK the slot goes on one by one. */
const SERIAL_MS = 100;

export class Detour {
  /** Redirected, in the order in which they were sent: they come before those that wait. */
  readonly again = new Fifo<Request>();
  readonly waiting = new Fifo<Request>();
  timer: NodeJS.Timeout | null = null;
  /** The error that the slot's commands get if this goes on for too long. */
  lastError: Buffer | null = null;
  private serialUntilMs = 0;
  private tries = 0;
  private mustWait = false;

  constructor(readonly slot: number) {}

  get length(): number {
    return this.again.length + this.waiting.length;
  }

  front(): Request | undefined {
    return this.again.front() ?? this.waiting.front();
  }

  shift(): Request {
    return this.again.length > 0 ? this.again.shift() : this.waiting.shift();
  }

  /** Keys of the slot are on their way. */
  goesSerial(nowMs: number): void {
    this.serialUntilMs = nowMs + SERIAL_MS;
  }

  isSerial(nowMs: number): boolean {
    return nowMs < this.serialUntilMs;
  }

  /** The next try only after a while. */
  wait(): void {
    this.mustWait = true;
  }

  /** How long to wait now, 0: not at all. Longer each time that nothing was achieved. */
  takeWaitMs(): number {
    if (!this.mustWait) return 0;
    this.mustWait = false;
    return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.tries++, 10));
  }

  get isWaiting(): boolean {
    return this.timer !== null;
  }
}
