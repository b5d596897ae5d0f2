/**
 * One ceiling for everything that is held in buffers: what clients sent and what waits for them, what waits for the
 * servers, the mirror's backlog, and copies.
 *
 *   below            nothing happens
 *   over             clients that hold more than a little are not read from, the mirror is given nothing more (keys become
 *                    dirty instead) if its backlog is a good part of it, and no further copies begin
 *   no better        after a while the client that holds most is closed, of those whom no server keeps waiting; far over it
 *                    the one that holds most, whoever it is, as Redis does over maxmemory-clients. New clients are not let in
 *
 * Nothing is counted per command: it is measured, now and then, and as soon as much came in since.
 */

/** Somebody who holds memory for a client. */
export interface Holder {
  /** Finds out the two below. */
  measure(): void;
  /** In buffers, and for what is on its way. */
  readonly heldBytes: number;
  /** The part of it that is requests on their way to a server. */
  readonly sentBytes: number;
  /** What it holds is the client's to take or to complete: waiting for a server will not make it less. */
  readonly isStuck: boolean;
  /** Not to be read from, until it is. */
  isThrottled: boolean;
  goOn(): void;
  close(reason: string): void;
}

export interface HeldElsewhere {
  /** Of connections to the servers: requests that they have not taken. Mostly the same bytes as the clients' `sentBytes`. */
  unsentBytes(): number;
  /** Parts of replies that are not whole. */
  partialBytes(): number;
  /** Given to the mirror and not acknowledged. */
  mirrorBytes(): number;
  copyBytes(): number;
}

export type Pressure = 'none' | 'throttling' | 'refusing';

const MEASURE_EVERY_MS = 100;
/** Measured at once when so much of the limit came in since the last time. */
const MEASURE_AFTER_SHARE = 1 / 16;
/** Clients are read from again below this share of the limit. */
const RELIEF_SHARE = 0.8;
/** Over this share somebody is closed at once … */
const FAR_OVER_SHARE = 1.25;
/** … and otherwise when nothing got better for so long. */
const PATIENCE_MS = 2000;
/** From this share of the limit on the mirror's backlog is given nothing more. */
const MIRROR_SHARE = 1 / 8;
/** Clients that hold less are nobody's trouble, unless there are so many that it adds up to this share. */
const LITTLE_BYTES = 64 * 1024;
const LITTLE_SHARE = 1 / 8;

export class MemoryCeiling {
  heldBytes = 0;
  pressure: Pressure = 'none';
  /** The mirror gets nothing more. */
  shedsMirror = false;
  /** Clients that were closed for it. */
  evicted = 0;
  private arrivedBytes = 0;
  private leastBytes = 0;
  private betterMs = 0;
  private timer: NodeJS.Timeout | null = null;
  private holders: () => Iterable<Holder> = () => [];
  private elsewhere: HeldElsewhere | null = null;

  constructor(
    private readonly limitBytes: () => number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  watch(holders: () => Iterable<Holder>, elsewhere: HeldElsewhere): void {
    this.holders = holders;
    this.elsewhere = elsewhere;
    this.timer ??= setInterval(() => this.measure(), MEASURE_EVERY_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  get isOver(): boolean {
    return this.pressure !== 'none';
  }

  /** So much came in. */
  arrived(bytes: number): void {
    this.arrivedBytes += bytes;
    if (this.arrivedBytes > this.limitBytes() * MEASURE_AFTER_SHARE) this.measure();
  }

  measure(): void {
    const { elsewhere } = this;
    if (elsewhere === null) return;
    this.arrivedBytes = 0;
    const limit = this.limitBytes();
    const mirrorBytes = elsewhere.mirrorBytes();
    let held = elsewhere.partialBytes() + elsewhere.copyBytes() + mirrorBytes;
    let sent = 0;
    for (const holder of this.holders()) {
      holder.measure();
      held += holder.heldBytes;
      sent += holder.sentBytes;
    }
    // what clients sent that are gone
    held += Math.max(0, elsewhere.unsentBytes() - sent - mirrorBytes);
    this.heldBytes = held;
    if (held > limit) this.over(held, limit, mirrorBytes);
    else if (this.pressure !== 'none' && held < limit * RELIEF_SHARE) this.relieved();
    else if (this.pressure === 'refusing') this.pressure = 'throttling';
  }

  private over(held: number, limit: number, mirrorBytes: number): void {
    const nowMs = this.nowMs();
    if (this.pressure === 'none') {
      this.pressure = 'throttling';
      this.leastBytes = Number.POSITIVE_INFINITY;
    }
    this.shedsMirror = mirrorBytes > limit * MIRROR_SHARE;
    this.throttle(limit);
    // better is less by a good bit, or else what trickles away would count as help for ever
    if (held < this.leastBytes * 0.95) {
      this.leastBytes = held;
      this.betterMs = nowMs;
    }
    const isFar = held > limit * FAR_OVER_SHARE;
    if (!isFar && nowMs - this.betterMs < PATIENCE_MS) return;
    this.pressure = 'refusing';
    this.betterMs = nowMs;
    this.closeLargest(held - limit, isFar);
  }

  /** Who holds more than a little waits, and goes on as soon as that is answered, taken or gone. */
  private throttle(limit: number): void {
    let count = 0;
    for (const _ of this.holders()) count++;
    const little = Math.min(LITTLE_BYTES, (limit * LITTLE_SHARE) / count);
    for (const holder of this.holders()) {
      const isThrottled = holder.heldBytes > little;
      if (holder.isThrottled === isThrottled) continue;
      holder.isThrottled = isThrottled;
      holder.goOn(); // it stops reading, or goes on
    }
  }

  /** As many of the largest as it takes to be below the limit; who holds next to nothing is never one of them. */
  private closeLargest(excess: number, isFar: boolean): void {
    const largest = [...this.holders()]
      .filter(({ isStuck }) => isFar || isStuck)
      .map((holder) => ({ holder, bytes: holder.heldBytes }))
      .filter(({ bytes }) => bytes > LITTLE_BYTES)
      .sort((a, b) => b.bytes - a.bytes);
    let freed = 0;
    for (const { holder, bytes } of largest) {
      if (freed >= excess) return;
      freed += bytes;
      this.evicted++;
      holder.close('buffers are over the memory limit, and it holds most');
    }
  }

  private relieved(): void {
    this.pressure = 'none';
    this.shedsMirror = false;
    for (const holder of this.holders()) {
      if (!holder.isThrottled) continue;
      holder.isThrottled = false;
      holder.goOn();
    }
  }
}
