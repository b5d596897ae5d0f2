/**
 * A slot that cannot simply be sent to the node that serves it: it moved, it is moving, or nobody serves it.
 *
 *   draining   what was sent before is being answered; what was redirected of it gathers in `again`, in its order
 *   waiting    nothing is on its way; for a moment, because the last try found nobody who serves the slot
 *   alone      one request is on its way: the first after a redirection, since the node that it was sent to may not know
 *              of it yet and learn of it between two requests. If it is redirected too it comes first again
 *   serial     one request at a time: part of the keys is here and part there (ASK, TRYAGAIN), so that two requests sent
 *              together could be executed in the other order
 *   over       everything was sent to one node in its order; the slot needs no detour any more
 *
 * New requests of the slot queue up behind. So whatever the slot goes through, its commands are executed in the order in
 * which they were sent (divergence 17), but for one case that only hindsight shows: of two that were sent together the
 * first was refused and the second executed (TRYAGAIN is said of some keys of a slot only). Then the first is
 * `isOvertaken`, and sending it again may undo what came after it.
 */
import { Fifo } from '../../ledger/fifo.js';
import { ASK } from '../../topology/redirection.js';
import type { Request } from './requests.js';

const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 100;
/** How long after an ASK the slot goes on one by one. */
const SERIAL_MS = 100;

export class Detour {
  readonly waiting = new Fifo<Request>();
  timer: NodeJS.Timeout | null = null;
  /** The error that the slot's commands get if this goes on for too long. */
  lastError: Buffer | null = null;
  /** Redirected, in the order in which they were sent: they come before those that wait. */
  private readonly again = new Fifo<Request>();
  /** How many were taken from `again`, and how many that ever stood there were overtaken. */
  private taken = 0;
  private overtaken = 0;
  /** What was sent last, with nothing beside it, and was redirected. */
  private returned: Request | null = null;
  private alone: Request | null = null;
  private needsProof = false;
  private serialUntilMs = 0;
  private tries = 0;
  private mustWait = false;

  constructor(readonly slot: number) {}

  get length(): number {
    return this.again.length + this.waiting.length + (this.returned === null ? 0 : 1);
  }

  front(): Request | undefined {
    return this.returned ?? this.again.front() ?? this.waiting.front();
  }

  shift(): Request {
    const { returned } = this;
    this.returned = null;
    if (returned !== null) return returned;
    if (this.again.length === 0) return this.waiting.shift();
    this.taken++;
    return this.again.shift();
  }

  /** It was redirected, or never sent. */
  keep(request: Request): void {
    if (request === this.alone) this.returned = request;
    else this.again.push(request);
  }

  /** Is it the one that was sent with nothing beside it? */
  isNext(request: Request): boolean {
    return request === this.alone;
  }

  /** Was nothing redirected that comes first? */
  get hasNoneAgain(): boolean {
    return this.again.length === 0 && this.returned === null;
  }

  /** A request of the slot was executed that was sent behind all that were redirected so far. */
  executed(): void {
    if (this.alone === null) this.overtaken = this.taken + this.again.length;
  }

  /** Was something of the slot executed that was sent after the front one? The keys of an ASK are on no other node. */
  get isFrontOvertaken(): boolean {
    return this.returned === null && this.taken < this.overtaken && this.again.front()?.redirection !== ASK;
  }

  /** It is sent, and nothing else of the slot is on its way. */
  goesAlone(request: Request): void {
    this.alone = request;
    this.needsProof = false;
  }

  /** Nothing of the slot is on its way any more. */
  drained(): void {
    this.alone = null;
  }

  /** A node redirected: whether the next one knows its slots, the first request shows. */
  redirected(): void {
    this.needsProof = true;
  }

  /** Keys of the slot are on their way. */
  goesSerial(nowMs: number): void {
    this.serialUntilMs = nowMs + SERIAL_MS;
  }

  isOneByOne(nowMs: number): boolean {
    return this.needsProof || nowMs < this.serialUntilMs;
  }

  /** The next try only after a while. */
  wait(): void {
    this.mustWait = true;
  }

  /**
   * How long to wait now, 0: not at all. Longer each time that nothing was achieved: neither on this detour nor on earlier
   * ones of `first`, the request that is sent next.
   */
  takeWaitMs(first: Request): number {
    if (!this.mustWait) return 0;
    this.mustWait = false;
    const tries = Math.max(this.tries++, first.redirections - 2);
    return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries, 10));
  }

  get isWaiting(): boolean {
    return this.timer !== null;
  }
}
