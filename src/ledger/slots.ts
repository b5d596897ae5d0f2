/**
 * The slot ledger: who may write, and whether a read may go to the target (rules L1–L5b).
 *
 *   unreplied[s]  authority writes sent and not replied; all of them are on the lane holder[s]
 *   open[s]       writes from admission (parked included) until the mirror acknowledged their op
 *   version[s]    counts admissions: "nobody wrote to the slot meanwhile" is an equality of two versions
 *
 * An operation is admitted on its lane only if each of its slots is free (`unreplied == 0`, or held by the same
 * lane) and nobody is parked there; otherwise it is parked in the FIFO of **all** its slots and acquires all or
 * none (L3). FLUSHALL is a barrier: it waits until nothing is unreplied or parked, and everybody later waits
 * behind it. Slot 16384 is a pseudo-slot for keyless writes (SCRIPT LOAD …), ordered among themselves.
 *
 * A replayed script may touch any key (LANE_SLOTS): it waits until everything unreplied is on its own lane, and while it
 * is unreplied the other lanes wait. Operations of its own lane go on: one connection orders them. Whoever must wait for
 * such a one, or is one that waits, stands in front like a barrier, so that nobody overtakes and nobody starves.
 *
 * Does not send, derive or reply: `Operation.launch` does. No allocation unless something is parked.
 */
import { Fifo } from './fifo.js';
import { ALL_SLOTS, IDLE, LANE_SLOTS, LAUNCHED, NO_SLOT, type Operation, PARKED, REPLIED } from './operation.js';

export const SLOTS = 16384;
/** The pseudo-slot of keyless writes. */
export const KEYLESS_SLOT = SLOTS;

export class SlotLedger {
  readonly unreplied = new Uint32Array(SLOTS + 1);
  readonly holder = new Int32Array(SLOTS + 1);
  readonly open = new Uint32Array(SLOTS + 1);
  readonly version = new Uint32Array(SLOTS + 1);
  /** Open operations that take all slots. */
  openAll = 0;
  /** Operations unreplied, parked, open now. */
  unrepliedTotal = 0;
  parkedNow = 0;
  openTotal = 0;
  /** How often an operation had to be parked, for reports and tests. */
  parkedEver = 0;
  /** Test hook: launch at once whatever the rules say. */
  admissionOff = false;

  /** When something of the slot was last answered by the authority or the mirror (performance.now()). */
  readonly touchedMs = new Float64Array(SLOTS + 1);

  private readonly parkedAt = new Uint32Array(SLOTS + 1);
  private readonly queues = new Map<number, Fifo<Operation>>();
  /** Unreplied operations that take LANE_SLOTS; all of them are on the lane `wideHolder`. */
  private wideUnreplied = 0;
  private wideHolder = 0;
  /** Unreplied operations by lane, once an operation with LANE_SLOTS was seen. */
  private byLane: Map<number, number> | null = null;
  /** The barrier in front (waiting or unreplied) and everything that came after it, in order. */
  private barrier: Operation | null = null;
  private readonly behind = new Fifo<Operation>();

  /** `clock`: the time now, by performance.now(). */
  constructor(private readonly clock: { readonly nowMs: number } = { nowMs: 0 }) {}

  /** Admits `op` on lane `op.laneId`. True: launched now. False: parked; `launch(true)` will come. */
  admit(op: Operation): boolean {
    if (op.stage !== IDLE) throw new Error(`an operation in stage ${op.stage} was admitted`);
    this.openTotal++;
    this.countOpen(op, 1);
    if (this.admissionOff && op.slot !== ALL_SLOTS) {
      this.start(op, false);
      return true;
    }
    if (this.barrier !== null) return this.wait(op, this.behind);
    if (op.slot === ALL_SLOTS || op.slot === LANE_SLOTS || (this.wideUnreplied > 0 && op.laneId !== this.wideHolder)) {
      this.barrier = op;
      if (this.parkedNow === 0 && this.mayPass(op)) {
        this.pass(op, false);
        return true;
      }
      op.stage = PARKED;
      this.parkedNow++;
      this.parkedEver++;
      return false;
    }
    if (this.mayStart(op)) {
      this.start(op, false);
      return true;
    }
    this.park(op);
    return false;
  }

  /** The authority replied, or its connection was lost: the slots are free for others. */
  replied(op: Operation): void {
    if (op.stage !== LAUNCHED) throw new Error(`an operation in stage ${op.stage} was replied`);
    op.stage = REPLIED;
    this.touch(op);
    this.unrepliedTotal--;
    if (this.byLane !== null) this.leaveLane(this.byLane, op.laneId);
    if (op.slot === LANE_SLOTS) this.wideUnreplied--;
    const slot = op.slot;
    if (slot >= 0) {
      if (--this.unreplied[slot]! === 0 && this.parkedAt[slot]! > 0) this.unpark(slot);
      const more = op.moreSlots;
      if (more !== null) {
        for (let i = 0; i < more.length; i++) {
          const s = more[i]!;
          if (--this.unreplied[s]! === 0 && this.parkedAt[s]! > 0) this.unpark(s);
        }
      }
    }
    if (this.barrier !== null) this.moveBarrier(op);
  }

  /** The mirror settled (or the phase has no mirror): the operation is over. */
  finish(op: Operation): void {
    if (op.stage !== REPLIED) throw new Error(`an operation in stage ${op.stage} was finished`);
    op.stage = IDLE;
    this.openTotal--;
    this.countOpen(op, -1);
    this.touch(op);
  }

  private touch(op: Operation): void {
    const { nowMs } = this.clock;
    if (op.slot >= 0) {
      this.touchedMs[op.slot] = nowMs;
      if (op.moreSlots !== null) for (const s of op.moreSlots) this.touchedMs[s] = nowMs;
    } else if (op.slot !== NO_SLOT) this.touchedMs.fill(nowMs);
  }

  /** A parked operation is given up (its client is gone). Nothing of it was sent. */
  withdraw(op: Operation): void {
    if (op.stage !== PARKED) throw new Error(`an operation in stage ${op.stage} was withdrawn`);
    this.parkedNow--;
    op.stage = IDLE;
    this.openTotal--;
    this.countOpen(op, -1);
    if (this.barrier === op) {
      this.barrier = null;
      this.releaseBehind();
      return;
    }
    if (this.behind.remove(op) || op.slot < 0) {
      if (this.barrier !== null) this.moveBarrier(null);
      return;
    }
    this.leave(op, op.slot);
    if (op.moreSlots !== null) for (const s of op.moreSlots) this.leave(op, s);
    this.unpark(op.slot);
    if (op.moreSlots !== null) for (const s of op.moreSlots) this.unpark(s);
    if (this.barrier !== null) this.moveBarrier(null);
  }

  /** Is anything open that may concern the slot? */
  isOpen(slot: number): boolean {
    return this.open[slot] !== 0 || this.openAll !== 0;
  }

  private countOpen(op: Operation, by: 1 | -1): void {
    if (op.slot === ALL_SLOTS || op.slot === LANE_SLOTS) {
      this.openAll += by;
      if (by > 0) for (let s = 0; s <= SLOTS; s++) this.version[s]!++;
      return;
    }
    if (op.slot === NO_SLOT) return;
    this.open[op.slot]! += by;
    if (by > 0) this.version[op.slot]!++;
    const more = op.moreSlots;
    if (more === null) return;
    for (let i = 0; i < more.length; i++) {
      this.open[more[i]!]! += by;
      if (by > 0) this.version[more[i]!]!++;
    }
  }

  private isFree(op: Operation, slot: number): boolean {
    return this.unreplied[slot] === 0 || this.holder[slot] === op.laneId;
  }

  private mayStart(op: Operation): boolean {
    const slot = op.slot;
    if (slot === NO_SLOT) return true;
    if (this.parkedAt[slot] !== 0 || !this.isFree(op, slot)) return false;
    const more = op.moreSlots;
    if (more === null) return true;
    for (let i = 0; i < more.length; i++) if (this.parkedAt[more[i]!] !== 0 || !this.isFree(op, more[i]!)) return false;
    return true;
  }

  private start(op: Operation, late: boolean): void {
    op.stage = LAUNCHED;
    this.unrepliedTotal++;
    if (this.byLane !== null) this.byLane.set(op.laneId, (this.byLane.get(op.laneId) ?? 0) + 1);
    if (op.slot === LANE_SLOTS) {
      this.wideUnreplied++;
      this.wideHolder = op.laneId;
    }
    if (op.slot >= 0) {
      this.unreplied[op.slot]!++;
      this.holder[op.slot] = op.laneId;
      const more = op.moreSlots;
      if (more !== null) {
        for (let i = 0; i < more.length; i++) {
          this.unreplied[more[i]!]!++;
          this.holder[more[i]!] = op.laneId;
        }
      }
    }
    op.launch(late);
  }

  private wait(op: Operation, queue: Fifo<Operation>): false {
    op.stage = PARKED;
    this.parkedNow++;
    this.parkedEver++;
    queue.push(op);
    return false;
  }

  private park(op: Operation): void {
    op.stage = PARKED;
    this.parkedNow++;
    this.parkedEver++;
    this.enter(op, op.slot);
    if (op.moreSlots !== null) for (const s of op.moreSlots) this.enter(op, s);
  }

  private enter(op: Operation, slot: number): void {
    let queue = this.queues.get(slot);
    if (queue === undefined) this.queues.set(slot, (queue = new Fifo<Operation>()));
    queue.push(op);
    this.parkedAt[slot]!++;
  }

  private leave(op: Operation, slot: number): void {
    const queue = this.queues.get(slot);
    if (queue === undefined) return;
    if (queue.front() === op) queue.shift();
    else queue.remove(op);
    this.parkedAt[slot]!--;
    if (queue.length === 0) this.queues.delete(slot);
  }

  /** Launches from the front of the slot's queue as long as the front has all of its slots. */
  private unpark(slot: number): void {
    for (;;) {
      const op = this.queues.get(slot)?.front();
      if (op === undefined || !this.isFree(op, slot) || !this.frontEverywhere(op)) return;
      this.leave(op, op.slot);
      if (op.moreSlots !== null) for (const s of op.moreSlots) this.leave(op, s);
      this.parkedNow--;
      this.start(op, true);
    }
  }

  private frontEverywhere(op: Operation): boolean {
    if (this.queues.get(op.slot)?.front() !== op || !this.isFree(op, op.slot)) return false;
    if (op.moreSlots !== null) {
      for (const s of op.moreSlots) if (this.queues.get(s)?.front() !== op || !this.isFree(op, s)) return false;
    }
    return true;
  }

  private moveBarrier(done: Operation | null): void {
    const barrier = this.barrier!;
    if (barrier === done) {
      this.barrier = null;
      this.releaseBehind();
    } else if (barrier.stage === PARKED && this.parkedNow - this.behind.length === 1 && this.mayPass(barrier)) {
      this.parkedNow--;
      this.pass(barrier, true);
    }
  }

  private leaveLane(byLane: Map<number, number>, laneId: number): void {
    const left = (byLane.get(laneId) ?? 0) - 1;
    if (left > 0) byLane.set(laneId, left);
    else byLane.delete(laneId);
  }

  /** Nobody is parked in front of it: may the operation that stands as the barrier be launched? */
  private mayPass(op: Operation): boolean {
    if (op.slot === ALL_SLOTS) return this.unrepliedTotal === 0;
    if (op.slot !== LANE_SLOTS) return this.wideUnreplied === 0;
    if (this.byLane === null) {
      // from here on the lanes are told apart; what is unreplied now is of lanes that nobody counted
      if (this.unrepliedTotal > 0) return false;
      this.byLane = new Map();
    }
    return this.unrepliedTotal === (this.byLane.get(op.laneId) ?? 0);
  }

  /** Launches it, or lets it wait for its slots like any other; a FLUSHALL goes on holding back what comes behind it. */
  private pass(op: Operation, late: boolean): void {
    if (op.slot === ALL_SLOTS) {
      this.start(op, late);
      return;
    }
    this.barrier = null;
    if (op.slot === LANE_SLOTS || this.mayStart(op)) this.start(op, late);
    else {
      this.park(op);
      this.parkedEver--;
    }
    this.releaseBehind();
  }

  /** Admits again, in order, what waited behind the barrier; the next barrier among them stops it. */
  private releaseBehind(): void {
    while (this.behind.length > 0 && this.barrier === null) {
      const op = this.behind.shift();
      this.parkedNow--;
      if (
        op.slot === ALL_SLOTS ||
        op.slot === LANE_SLOTS ||
        (this.wideUnreplied > 0 && op.laneId !== this.wideHolder)
      ) {
        this.barrier = op;
        this.parkedNow++;
        this.moveBarrier(null);
      } else if (this.mayStart(op)) this.start(op, true);
      else {
        this.park(op);
        this.parkedEver--;
      }
    }
  }
}
