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
 * Plain form: MULTI; DUMP K; PEXPIRETIME K; EXEC → RESTORE K abs payload REPLACE ABSTTL, or DEL K. Where DUMP or
 * RESTORE cannot be used between the two servers the copy is logical (staged-copy.ts).
 */
import { LaneLost } from '../lanes/call.js';
import type { Lane, LaneEntry } from '../lanes/lane.js';
import { Fifo } from '../ledger/fifo.js';
import { IDLE, LAUNCHED, Operation, REPLIED } from '../ledger/operation.js';
import { encodeCommand } from '../resp/encode.js';
import { elementSpans, integerReply, isError, isNull, type Reply, ReplyFault } from '../resp/values.js';
import { keySlot } from '../topology/crc16.js';
import type { Effect } from './effect.js';
import type { Mirror } from './mirror.js';
import { type DeadlineRead, isQueueingRefused, readWithoutQueueing } from './read-at-once.js';
import { copyStaged, StagingKeys } from './staged-copy.js';
import type { MirrorAck } from './write-lane.js';

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

/** Who asked for a copy and wants to know how it went. */
export interface CopyWatcher {
  copied(bytes: number): void;
  copyFailed(reason: string): void;
}

const IGNORED: LaneEntry = { streams: false, onReply() {}, onPiece() {}, onLost() {} };
const MULTI = encodeCommand(['MULTI']);
const EXEC = encodeCommand(['EXEC']);
/** A key whose size nobody would tell counts as this much. */
const UNKNOWN_SIZE_BYTES = 64 * 1024;

export class CopyTask extends Operation implements LaneEntry, MirrorAck {
  readonly streams = false;
  /** Effects that settle with this copy. */
  readonly waiters: Effect[] = [];
  readonly watchers: CopyWatcher[] = [];
  /** A write joined since the reading began: what was read may be old. */
  changed = false;
  /** The generation of the key's dirty mark when the copy was sent. */
  mark = 0;
  sizeBytes = UNKNOWN_SIZE_BYTES;
  /** The next task whose key has the same hash. */
  sameHash: CopyTask | null = null;
  /** Resolves when admitted, for the asynchronous forms. */
  onLaunch: (() => void) | null = null;
  /** Bytes appended for it to the write lane. */
  sizeBytesSent = 0;

  constructor(
    readonly engine: CopyEngine,
    readonly db: number,
    readonly key: Buffer,
    readonly hash: number,
  ) {
    super();
    this.slot = keySlot(key, 0, key.length);
  }

  launch(): void {
    if (this.onLaunch !== null) {
      const go = this.onLaunch;
      this.onLaunch = null;
      go();
    } else this.engine.sendDump(this);
  }

  onReply(buf: Buffer, start: number, end: number): void {
    this.engine.dumped(this, buf, start, end);
  }

  onPiece(): void {}

  onLost(): void {
    this.engine.sourceLost(this);
  }

  acknowledged(): void {
    this.engine.acknowledged(this);
  }

  failed(error: string | null): void {
    this.engine.refused(this, error);
  }
}

export class CopyEngine {
  /** Tasks that are not taken yet: a write on their key joins them. */
  private readonly tasks = new Map<number, CopyTask>();
  /** How many keys have a task that is not taken yet. */
  pending = 0;
  /** Tasks not over, taken ones included. */
  active = 0;
  copies = 0;
  /** Staging keys that may exist on the mirror. */
  readonly staging = new StagingKeys();
  /** RESTORE was refused, or the options said so: every copy is logical from now on. */
  logical: boolean;
  private inFlightBytes = 0;
  private readonly waiting = new Fifo<CopyTask>();
  private readonly hungry = new Fifo<CopyTask>();
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    readonly mirror: Mirror,
    readonly options: CopyOptions,
  ) {
    this.logical = !options.hasDump;
  }

  isPending(db: number, key: Buffer): boolean {
    return this.pending > 0 && this.find(db, key) !== null;
  }

  /** Asks for a copy of the key. `effect` settles with it (its `waits` already counts it). True: joined one. */
  request(db: number, key: Buffer, effect: Effect | null, watcher: CopyWatcher | null = null): boolean {
    let task = this.pending > 0 ? this.find(db, key) : null;
    const joined = task !== null;
    if (task === null) {
      task = new CopyTask(this, db, Buffer.from(key), hashOf(db, key));
      const other = this.tasks.get(task.hash);
      if (other !== undefined) task.sameHash = other;
      this.tasks.set(task.hash, task);
      this.pending++;
      this.active++;
      this.waiting.push(task);
      this.pump();
    } else if (effect !== null) task.changed = true;
    if (effect !== null) task.waiters.push(effect);
    if (watcher !== null) task.watchers.push(watcher);
    return joined;
  }

  /** Everything under way was overtaken by a FLUSHALL. */
  changedAll(): void {
    for (let task of this.tasks.values()) {
      for (;;) {
        task.changed = true;
        if (task.sameHash === null) break;
        task = task.sameHash;
      }
    }
  }

  lane(db: number): Lane {
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
    const authority = this.mirror.context.authority;
    const frame = encodeCommand([authority.wireName('MEMORY'), 'USAGE', task.key]);
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
    );
  }

  private begin(task: CopyTask): void {
    this.inFlightBytes += task.sizeBytes;
    this.copies++;
    if (task.sizeBytes > this.options.bigKeyBytes) {
      this.mirror.context.counters.chunkedCopies++;
      void copyStaged(this, task, true);
    } else if (this.logical) void copyStaged(this, task, false);
    else this.admit(task);
  }

  admit(task: CopyTask): void {
    task.laneId = this.lane(task.db).id;
    this.mirror.context.ledger.admit(task);
  }

  sendDump(task: CopyTask): void {
    const { authority } = this.mirror.context;
    task.mark = this.markToClear(task);
    const lane = this.lane(task.db);
    const dump = encodeCommand([authority.wireName('DUMP'), task.key]);
    const ttl = encodeCommand([this.expireTimeName, task.key]);
    lane.send(IGNORED, MULTI, 0, MULTI.length);
    lane.send(IGNORED, dump, 0, dump.length);
    lane.send(IGNORED, ttl, 0, ttl.length);
    lane.send(task, EXEC, 0, EXEC.length);
  }

  /**
   * The dirty mark that this copy, sent now, may clear. While a lost connection of ours is not known to be dead its
   * buffered writes may still run after the copy: then it clears none, and the repair job comes again.
   */
  markToClear(task: CopyTask): number {
    const { dirty, authority, mirror } = this.mirror.context;
    return authority.unfenced + mirror.unfenced > 0 ? -1 : dirty.generationOf(task.db, task.key);
  }

  get expireTimeName(): string {
    const { authority } = this.mirror.context;
    return this.options.hasExpireTime ? authority.wireName('PEXPIRETIME') : authority.wireName('PTTL');
  }

  deadlineRead(key: Buffer): DeadlineRead {
    return { args: [this.expireTimeName, key], countsDown: !this.options.hasExpireTime };
  }

  /** PEXPIRETIME's or PTTL's answer as a deadline on the authority's clock: 0 none, -2 no such key. */
  deadlineFrom(answer: number): number {
    if (answer === -1) return 0;
    if (answer < 0) return -2;
    return this.options.hasExpireTime ? answer : Math.round(this.mirror.clock.nowMs()) + answer;
  }

  // ── the authority's answer

  private readonly spans: number[] = [];

  dumped(task: CopyTask, buf: Buffer, start: number, end: number): void {
    const { ledger } = this.mirror.context;
    const spans = this.spans;
    if (isError(buf, start) && isQueueingRefused(buf.toString('latin1', start + 1, end))) {
      void this.dumpWithoutQueueing(task);
      return;
    }
    if (isError(buf, start) || elementSpans(buf, start, end, spans) !== 2) {
      this.taken(task);
      ledger.replied(task);
      this.over(task, isError(buf, start) ? buf.toString('latin1', start + 1, end - 2) : 'EXEC answered nil');
      return;
    }
    const [payloadStart, payloadEnd, ttlStart, ttlEnd] = spans as [number, number, number, number];
    this.taken(task);
    if (isError(buf, payloadStart) || isError(buf, ttlStart)) {
      ledger.replied(task);
      this.over(task, `DUMP or ${this.expireTimeName}: ${buf.toString('latin1', payloadStart + 1, payloadEnd - 2)}`);
      return;
    }
    const deadlineMs = this.deadlineFrom(integerReply(buf, ttlStart, ttlEnd));
    const gone = isNull(buf, payloadStart) || deadlineMs === -2;
    const payload = gone ? null : bulkBody(buf, payloadStart, payloadEnd);
    this.appendState(task, payload, gone ? 0 : deadlineMs);
    ledger.replied(task);
  }

  /** The authority takes no MULTI now (read-at-once.ts). The slot stays held meanwhile. */
  private async dumpWithoutQueueing(task: CopyTask): Promise<void> {
    const { ledger, authority } = this.mirror.context;
    let failure = '';
    let replies: Reply[] = [];
    try {
      const dump = [authority.wireName('DUMP'), task.key];
      replies = await readWithoutQueueing(this.lane(task.db), [dump], this.deadlineRead(task.key));
    } catch (error) {
      if (error instanceof LaneLost) {
        this.sourceLost(task);
        return;
      }
      failure = (error as Error).message;
    }
    const fault = replies.find((reply) => reply instanceof ReplyFault);
    if (fault !== undefined) failure = (fault as ReplyFault).message;
    this.taken(task);
    if (failure === '') {
      const deadlineMs = this.deadlineFrom(Number(replies[1]));
      const payload = Buffer.isBuffer(replies[0]) && deadlineMs !== -2 ? replies[0] : null;
      this.appendState(task, payload, payload === null ? 0 : deadlineMs);
    }
    ledger.replied(task);
    if (failure !== '') this.over(task, failure);
  }

  private appendState(task: CopyTask, payload: Buffer | null, deadlineMs: number): void {
    const { lane, clock, context } = this.mirror;
    const bytes = (payload?.length ?? 0) + task.key.length + 64;
    if (!lane.canTake(task.db, bytes)) {
      // the ledger must hear `replied` first
      queueMicrotask(() => this.over(task, 'the mirror is not connected or its backlog is full'));
      return;
    }
    const { mirror } = context;
    const frame =
      payload === null
        ? encodeCommand([mirror.wireName('DEL'), task.key])
        : encodeCommand([
            mirror.wireName('RESTORE'),
            task.key,
            deadlineMs === 0 ? 0 : Math.max(1, Math.round(deadlineMs + clock.shiftMs)),
            payload,
            'REPLACE',
            'ABSTTL',
          ]);
    task.sizeBytesSent = frame.length;
    this.noteKnown(task, deadlineMs);
    lane.append(task, task.db, frame, 0, frame.length);
  }

  noteKnown(task: CopyTask, deadlineMs: number): void {
    const { known } = this.mirror.context;
    known.add(task.db, task.key, 0, task.key.length, Math.max(0, deadlineMs), this.mirror.clock.nowMs());
  }

  /** From here on a write on the key comes after the copy, and needs no joining. */
  taken(task: CopyTask): void {
    const first = this.tasks.get(task.hash);
    if (first === undefined) return;
    if (first === task) {
      if (task.sameHash === null) this.tasks.delete(task.hash);
      else this.tasks.set(task.hash, task.sameHash);
      this.pending--;
      task.sameHash = null;
      return;
    }
    for (let t = first; t.sameHash !== null; t = t.sameHash) {
      if (t.sameHash !== task) continue;
      t.sameHash = task.sameHash;
      task.sameHash = null;
      this.pending--;
      return;
    }
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

  /** Resolves when the write lane's backlog leaves room for more of a big copy. */
  async roomOnMirror(): Promise<void> {
    const { lane, context } = this.mirror;
    while (lane.isUp && lane.backlogBytes > Math.min(context.backlogLimitBytes / 2, 8 * 1024 * 1024)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** The job lane went before the answer: a copy is a read, so it is simply taken again. */
  sourceLost(task: CopyTask): void {
    const { ledger } = this.mirror.context;
    ledger.replied(task);
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
      if (failure === null) watcher.copied(task.sizeBytesSent);
      else watcher.copyFailed(failure);
    }
    this.pump();
  }

  private find(db: number, key: Buffer): CopyTask | null {
    let task: CopyTask | null | undefined = this.tasks.get(hashOf(db, key));
    while (task !== null && task !== undefined) {
      if (task.db === db && task.key.equals(key)) return task;
      task = task.sameHash;
    }
    return null;
  }
}

/** A 32-bit number is enough: tasks with the same one are told apart by their keys. */
function hashOf(db: number, key: Buffer): number {
  let h = (0x811c9dc5 ^ db) | 0;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key[i]!, 0x01000193);
  return h;
}

/** The body of a bulk reply. */
function bulkBody(buf: Buffer, start: number, end: number): Buffer {
  const lineEnd = buf.indexOf(13, start);
  return buf.subarray(lineEnd + 2, end - 2);
}
