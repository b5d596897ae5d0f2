/**
 * The write-intent bitmap: which slots may differ between the two sides if Ferry dies now (architecture 3.6).
 *
 *   write on a clean slot ─► its bit is set in memory ─► one commit to disk for everybody who waits ─► the lanes go on
 *   slot open, dirty or touched a moment ago: the bit stays; else `settle` takes it away, and the disk learns of it later
 *
 * `durable[s] != 0` means that the bit of slot s is on disk. A write whose slot is not durable holds back the connection
 * that it is sent on until its commit is over (divergence 13: a bit that is set after the send leaves no trace of a write
 * that was acknowledged before a crash). Nothing else waits: what is sent over other connections, and writes on slots
 * that have their bit, which is all of them while a slot is in use.
 *
 * A bit too many costs a copy after a crash, a bit too few a silent difference. So when the bitmap cannot be written it
 * is taken away, which the next start reads as "every slot" (intent-file.ts).
 */
import { ALL_SLOTS, LANE_SLOTS, type Operation } from './operation.js';
import { SLOTS } from './slots.js';

/** A connection that waits for a commit. */
export interface Held {
  committed(): void;
}

/** One write of the bitmap to disk, and who waits for it. */
export class IntentCommit {
  isDone = false;
  readonly held: Held[] = [];
  readonly slots: number[] = [];

  /** `number`: they end in the order of their numbers. */
  constructor(readonly number: number) {}
}

/** Where the bitmap is kept. */
export interface IntentStore {
  /** Resolves when the bits are on disk. One call at a time; `bits` does not change meanwhile. */
  write(bits: Buffer): Promise<void>;
  /** The bits on disk are not to be believed any more. */
  discard(): Promise<void>;
}

/** What has to keep its bit, whenever `settle` asks. */
export interface IntentReasons {
  isOpen(slot: number): boolean;
  /** When something of the slot was last answered (performance.now()). */
  readonly touchedMs: Float64Array;
  /** Sets `marks[s]` for each slot that is dirty, or has a dirty key. */
  markDirtySlots(marks: Uint8Array): void;
  /** Lost connections that are not known to be dead: nothing is over. */
  readonly isUnfenced: boolean;
}

/** Where a bit is on its way to the disk; a later commit has a higher number. */
const IN_NONE = 0;
const IN_RUNNING = 1;
const IN_NEXT = 2;

export const BITMAP_BYTES = SLOTS / 8;

export class WriteIntent {
  /** Not 0: the slot's bit is on disk, or nobody needs it. */
  readonly durable = new Uint8Array(SLOTS).fill(1);
  /** Called when the bitmap could not be written; once until it can be again. */
  onFailure: (error: Error) => void = () => {};
  private isOn = false;
  private hasFailed = false;
  private missing = 0;
  private readonly bits = Buffer.alloc(BITMAP_BYTES);
  private readonly snapshot = Buffer.alloc(BITMAP_BYTES);
  private readonly marks = new Uint8Array(SLOTS);
  /** Which commit a set bit is in that is not on disk yet. */
  private readonly asked = new Uint8Array(SLOTS);
  /** Gathers; begins when the one that runs is over. */
  private next = new IntentCommit(1);
  private isDue = false;
  private running: Promise<void> | null = null;
  private runningCommit: IntentCommit | null = null;

  constructor(private readonly store: IntentStore) {}

  /** Slots whose bit is set. */
  get size(): number {
    return this.isOn ? SLOTS - this.missing : 0;
  }

  /** From here on writes need bits. `marked`: slots that begin with theirs, on disk already or to be put there. */
  enable(marked: Uint8Array | null): void {
    this.isOn = true;
    this.bits.fill(0);
    this.durable.fill(0);
    this.asked.fill(IN_NONE);
    this.missing = SLOTS;
    this.isDue = true; // the disk may hold bits of before
    if (marked !== null) for (let slot = 0; slot < SLOTS; slot++) if (marked[slot] !== 0) this.want(slot);
    this.begin();
  }

  /** Without a mirror nothing can differ that was equal. */
  disable(): void {
    this.isOn = false;
    this.durable.fill(1);
    this.missing = 0;
    this.bits.fill(0);
    this.isDue = true;
    this.begin();
  }

  /** Null: its slots have their bits on disk. Else the commit before which it must not leave. */
  commitFor(op: Operation): IntentCommit | null {
    const { slot } = op;
    if (slot >= 0) {
      if (slot >= SLOTS) return null;
      let last = this.durable[slot] === 0 ? this.want(slot) : IN_NONE;
      const more = op.moreSlots;
      if (more !== null) {
        for (let i = 0; i < more.length; i++) {
          if (this.durable[more[i]!] === 0) last = Math.max(last, this.want(more[i]!));
        }
      }
      return this.commitAt(last);
    }
    if ((slot !== ALL_SLOTS && slot !== LANE_SLOTS) || !this.isOn || this.missing === 0) return null;
    let last = IN_NONE;
    for (let s = 0; s < SLOTS; s++) if (this.durable[s] === 0) last = Math.max(last, this.want(s));
    return this.commitAt(last);
  }

  /** Takes away the bits that nobody needs, and sets those of what became dirty. Call it now and then. */
  settle(reasons: IntentReasons, idleMs: number): void {
    if (!this.isOn) return;
    const { marks, durable } = this;
    marks.fill(0);
    reasons.markDirtySlots(marks);
    const before = performance.now() - idleMs;
    const { isUnfenced, touchedMs } = reasons;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (marks[slot] !== 0) {
        if (durable[slot] === 0) this.want(slot);
      } else if (durable[slot] !== 0 && !isUnfenced && !reasons.isOpen(slot)) {
        if (touchedMs[slot]! >= before) continue;
        durable[slot] = 0;
        this.missing++;
        this.bits[slot >> 3]! &= ~(1 << (slot & 7));
        this.isDue = true;
      }
    }
    this.begin();
  }

  /** Resolves when everything that is set now is on disk. */
  async committed(): Promise<void> {
    while (this.isDue || this.running !== null) {
      this.begin();
      await this.running;
    }
  }

  /** Which commit has its bit. */
  private want(slot: number): number {
    if (this.asked[slot] !== IN_NONE) return this.asked[slot]!;
    this.bits[slot >> 3]! |= 1 << (slot & 7);
    this.asked[slot] = IN_NEXT;
    this.next.slots.push(slot);
    this.isDue = true;
    // everybody of this turn shares one commit
    if (this.running === null) queueMicrotask(() => this.begin());
    return IN_NEXT;
  }

  private commitAt(place: number): IntentCommit | null {
    return place === IN_NONE ? null : place === IN_NEXT ? this.next : this.runningCommit;
  }

  private begin(): void {
    if (!this.isDue || this.running !== null) return;
    this.isDue = false;
    const commit = this.next;
    this.next = new IntentCommit(commit.number + 1);
    for (const slot of commit.slots) this.asked[slot] = IN_RUNNING;
    this.bits.copy(this.snapshot);
    this.runningCommit = commit;
    this.running = this.write(commit).finally(() => {
      this.running = null;
      this.runningCommit = null;
      this.begin();
    });
  }

  private async write(commit: IntentCommit): Promise<void> {
    let failure: Error | null = null;
    try {
      await this.store.write(this.snapshot);
    } catch (error) {
      failure = error as Error;
    }
    if (failure !== null) await this.failed(failure);
    else this.hasFailed = false;
    for (const slot of commit.slots) {
      this.asked[slot] = IN_NONE;
      if (!this.isOn || this.durable[slot] !== 0) continue;
      this.durable[slot] = 1;
      this.missing--;
    }
    commit.isDone = true;
    for (const held of commit.held) held.committed();
  }

  /** No file says "every slot", and so does the memory; `settle` tries again. Where not even that can be had … */
  private async failed(error: Error): Promise<void> {
    // … the next start verifies everything anyway, before it trusts the target
    await this.store.discard().catch(() => {});
    if (!this.hasFailed) this.onFailure(error);
    this.hasFailed = true;
    this.bits.fill(0xff);
    this.durable.fill(1);
    this.missing = 0;
  }
}
