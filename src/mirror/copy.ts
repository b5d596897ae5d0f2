/**
 * Copies: one key read whole on the authority and replaced on the mirror.
 *
 *   queued ─► probing ─► (budget) ─► admitted as a write (L4) ─► read ─► appended to the write lane ─► acknowledged
 *                  └─► big: chunks into a staging key first (staged-copy.ts), then admitted for the swap
 *
 * Writes before a copy are inside it, writes after it are applied on top, because it holds its slot until its state
 * is appended. At most one copy of a key is on its way to the authority; whoever else needs the key joins it. All
 * copies together share a byte budget. A copy that fails leaves its key dirty; the repair job tries again.
 *
 * How the state travels: by DUMP and RESTORE (dump-copy.ts); where these cannot be used between the two servers, and for
 * big keys, by type (staged-copy.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandLane } from '../lanes/command-lane.js';
import { Fifo } from '../ledger/fifo.js';
import { IDLE, LAUNCHED, OPERATION_BYTES, REPLIED } from '../ledger/operation.js';
import { commandHead, encodeWithKey } from '../resp/encode.js';
import { integerReply, isError } from '../resp/values.js';
import { type CopyHandler, CopyTask, type CopyWatcher } from './copy-task.js';
import { DumpCopy } from './dump-copy.js';
import type { Effect } from './effect.js';
import type { Mirror } from './mirror.js';
import { hashOfKey, PendingCopies } from './pending-copies.js';
import type { DeadlineRead } from './read-at-once.js';
import { copyStaged, StagingKeys } from './staged-copy.js';

export interface CopyOptions {
  readonly budgetBytes: number;
  readonly bigKeyBytes: number;
  /** Copies that may be under way together. */
  readonly window: number;
  /** The authority has PEXPIRETIME (≥ 7.0); else PTTL. */
  readonly hasExpireTime: boolean;
  /** DUMP and RESTORE work from the authority to the mirror. */
  readonly hasDump: boolean;
  /** The authority is 7.4 or newer: hashes may have fields with deadlines. */
  readonly hashFieldTtl: boolean;
  /** Both sides know XGROUP … ENTRIESREAD (≥ 7.0). */
  readonly entriesRead: boolean;
}

const CROWD = 16_384;

/** A forced rollback waits for nothing of that side: its keys stay dirty. */
const ABANDONED = 'the side that it would be read from was given up';

export class CopyEngine implements CopyHandler {
  /** Tasks that are not taken yet: a write on their key joins them. */
  readonly pending = new PendingCopies();
  /** Tasks not over, taken ones included. */
  active = 0;
  /** Staging keys that may exist on the mirror. */
  readonly staging: StagingKeys;
  /** RESTORE was refused, or the options said so: every copy is logical from now on. */
  logical: boolean;
  private inFlightBytes = 0;
  private readonly dump: DumpCopy;
  private readonly sizeHead: Buffer;
  private readonly waiting = new Fifo<CopyTask>();
  private readonly hungry = new Fifo<CopyTask>();
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    readonly mirror: Mirror,
    readonly options: CopyOptions,
  ) {
    this.logical = !options.hasDump;
    this.staging = StagingKeys.on(mirror.context.mirror);
    this.dump = new DumpCopy(this);
    this.sizeHead = commandHead(3, mirror.context.authority.wireName('MEMORY'), 'USAGE');
  }

  isPending(db: number, key: Buffer): boolean {
    return this.pending.find(db, key) !== null;
  }

  /** So many wait that a key which needs one is better remembered as dirty, which costs its name only. */
  get isCrowded(): boolean {
    return this.waiting.length > CROWD;
  }

  /** What those under way hold. */
  get heldBytes(): number {
    return this.inFlightBytes + this.active * OPERATION_BYTES;
  }

  /** Asks for a copy of the key. `effect` settles with it (its `waits` already counts it). True: joined one. */
  request(db: number, key: Buffer, effect: Effect | null, watcher: CopyWatcher | null = null): boolean {
    let task = this.pending.find(db, key);
    const joined = task !== null;
    if (task === null) {
      const own = Buffer.from(key);
      const { authority, mirror } = this.mirror.context;
      task = new CopyTask(this, db, own, hashOfKey(db, own), authority, mirror);
      this.pending.add(task);
      this.active++;
      this.waiting.push(task);
      this.pump();
    } else if (effect !== null) task.changed = true;
    if (effect !== null) task.waiters.push(effect);
    if (watcher !== null) task.watchers.push(watcher);
    return joined;
  }

  lane(db: number): CommandLane {
    return this.mirror.context.authority.jobLane('copy', db);
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  // ── from the queue to the authority

  private pump(): void {
    if (this.closed) return;
    while (this.waiting.length > 0 && this.active - this.waiting.length < this.options.window)
      this.probe(this.waiting.shift());
    while (this.hungry.length > 0 && this.hasRoom(this.hungry.front()!)) this.begin(this.hungry.shift());
    if (this.hungry.length > 0 && this.timer === null) {
      this.timer = setTimeout(() => {
        this.timer = null;
        this.pump();
      }, 5);
    }
  }

  private hasRoom(task: CopyTask): boolean {
    const { lane, context } = this.mirror;
    if (this.inFlightBytes === 0) return true;
    return (
      this.inFlightBytes + task.sizeBytes <= this.options.budgetBytes &&
      lane.backlogBytes < context.backlogLimitBytes / 2
    );
  }

  /** Asks for the key's size, so that the budget can be kept and a big key be copied in chunks. */
  private probe(task: CopyTask): void {
    const { authority, mirror } = this.mirror.context;
    if (mirror.isTaken(task.db, task.key)) {
      task.sizeBytes = 0; // nothing of it counts as being under way
      // whoever asked for it must not hear of its end before it was told that there is one
      queueMicrotask(() => this.failedBeforeSwap(task, "its name there would be that of another database's key"));
      return;
    }
    if (authority.isAbandoned) {
      queueMicrotask(() => this.failedBeforeSwap(task, ABANDONED));
      return;
    }
    const frame = encodeWithKey(this.sizeHead, task.sourceKey);
    this.lane(task.db).send(
      {
        streams: false,
        onReply: (buf, start, end) => {
          const bytes = integerReply(buf, start, end);
          if (!Number.isNaN(bytes)) task.sizeBytes = bytes;
          else if (!isError(buf, start)) task.sizeBytes = 0; // a missing key
          this.hungry.push(task);
          this.pump();
        },
        onPiece() {},
        onLost: () => {
          if (this.closed) return;
          setTimeout(() => this.probe(task), 20);
        },
      },
      frame,
      0,
      frame.length,
      task.sourceSlot,
    );
  }

  private begin(task: CopyTask): void {
    this.inFlightBytes += task.sizeBytes;
    if (this.mirror.context.authority.isAbandoned) queueMicrotask(() => this.failedBeforeSwap(task, ABANDONED));
    else if (task.sizeBytes > this.options.bigKeyBytes) {
      this.mirror.context.counters.chunkedCopies++;
      void copyStaged(this, task, true);
    } else if (this.logical) void copyStaged(this, task, false);
    else this.admit(task);
  }

  admit(task: CopyTask): void {
    task.laneId = this.lane(task.db).id;
    this.mirror.context.ledger.admit(task);
  }

  /**
   * The dirty mark that this copy, sent now, may clear. While a lost connection of ours is not known to be dead its
   * buffered writes may still run after the copy: then it clears none, and the repair job comes again.
   */
  markToClear(task: CopyTask): number {
    const { dirty, authority, mirror } = this.mirror.context;
    const mayBeWritten = authority.fencing + mirror.fencing > 0 || dirty.isQuarantined(task.db, task.key);
    return mayBeWritten ? -1 : dirty.generationOf(task.db, task.key);
  }

  get expireTimeName(): string {
    const { authority } = this.mirror.context;
    return this.options.hasExpireTime ? authority.wireName('PEXPIRETIME') : authority.wireName('PTTL');
  }

  deadlineRead(task: CopyTask): DeadlineRead {
    return { args: [this.expireTimeName, task.sourceKey], countsDown: !this.options.hasExpireTime };
  }

  /** PEXPIRETIME's or PTTL's answer as a deadline on the authority's clock: 0 none, -2 no such key. */
  deadlineFrom(answer: number, slot: number): number {
    if (answer === -1) return 0;
    if (answer < 0) return -2;
    return this.options.hasExpireTime ? answer : Math.round(this.mirror.clock.nowMs(slot)) + answer;
  }

  noteKnown(task: CopyTask, deadlineMs: number): void {
    const { known } = this.mirror.context;
    known.add(task.db, task.key, 0, task.key.length, Math.max(0, deadlineMs), this.mirror.clock.nowMs(task.sourceSlot));
  }

  readKey(task: CopyTask): void {
    if (this.mirror.context.authority.isAbandoned) queueMicrotask(() => this.sourceLost(task));
    else this.dump.send(task);
  }

  dumped(task: CopyTask, buf: Buffer, start: number, end: number): void {
    this.dump.answered(task, buf, start, end);
  }

  /** From here on a write on the key comes after the copy, and needs no joining. */
  taken(task: CopyTask): void {
    this.pending.remove(task);
  }

  /** A staged copy was admitted, and must be read again: the slot is free for others. */
  release(task: CopyTask): void {
    const { ledger } = this.mirror.context;
    ledger.replied(task);
    ledger.finish(task);
  }

  /** A staged copy failed before its last command was appended. */
  failedBeforeSwap(task: CopyTask, failure: string): void {
    this.taken(task);
    if (task.stage === LAUNCHED) this.mirror.context.ledger.replied(task);
    this.over(task, failure);
  }

  /** Resolves when the write lane's backlog leaves room for more of a big copy; false after `limitMs` without. */
  async roomOnMirror(limitMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { lane, context } = this.mirror;
    const untilMs = performance.now() + limitMs;
    while (lane.isUp && lane.backlogBytes > Math.min(context.backlogLimitBytes / 2, 8 * 1024 * 1024)) {
      if (performance.now() > untilMs) return false;
      await sleep(2);
    }
    return true;
  }

  /** The job lane went before the answer: a copy is a read, so it is simply taken again. */
  sourceLost(task: CopyTask): void {
    const { ledger, authority } = this.mirror.context;
    ledger.replied(task);
    if (authority.isAbandoned) {
      this.taken(task);
      this.over(task, ABANDONED);
      return;
    }
    ledger.finish(task);
    if (this.closed) return;
    setTimeout(() => this.admit(task), 20);
  }

  // ── the mirror's answer

  acknowledged(task: CopyTask): void {
    const { dirty } = this.mirror.context;
    dirty.clear(task.db, task.key, task.mark); // a newer mark stays, and the repair job comes again
    this.over(task, null);
  }

  refused(task: CopyTask, error: string | null): void {
    if (error !== null) {
      this.mirror.context.counters.mirrorErrors++;
      if (/DUMP payload|Bad data format|unknown command|NOPERM/i.test(error)) this.logical = true;
    }
    this.over(task, error ?? 'the mirror connection was lost');
  }

  /** The end of a task, once, on every path. `failure`: the key stays or becomes dirty. */
  over(task: CopyTask, failure: string | null): void {
    if (failure !== null) this.mirror.markKeyDirty(task.db, task.key);
    if (task.stage === REPLIED) this.mirror.context.ledger.finish(task);
    else if (task.stage !== IDLE) throw new Error(`a copy ended in stage ${task.stage}`);
    this.active--;
    this.inFlightBytes -= task.sizeBytes;
    for (const effect of task.waiters) effect.partSettled();
    for (const watcher of task.watchers) {
      if (failure === null) watcher.copied();
      else watcher.copyFailed();
    }
    this.pump();
  }
}
