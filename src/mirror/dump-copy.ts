/**
 * The plain form of a copy: MULTI; DUMP K; PEXPIRETIME K; EXEC on the authority → RESTORE K abs payload REPLACE ABSTTL,
 * or DEL K, appended to the write lane in the moment of the reply. https://redis.io/commands/restore
 */
import { LaneLost } from '../lanes/call.js';
import { IGNORED, MULTI_AND_EXEC, sendExec, sendMulti, sendQueued } from '../lanes/multi.js';
import { isRefusal } from '../lanes/rights-probe.js';
import { commandHead, encodeRestore, encodeWithKey } from '../resp/encode.js';
import { elementSpans, integerReply, isError, isNull, type Reply, ReplyFault } from '../resp/values.js';
import type { CopyEngine } from './copy.js';
import type { CopyTask } from './copy-task.js';
import { mayHoldMoments } from './payload.js';
import { isQueueingRefused, readWithoutQueueing } from './read-at-once.js';
import { copyStaged } from './staged-copy.js';

const LF = 10;

export class DumpCopy {
  private readonly spans: number[] = [];
  private readonly dumpHead: Buffer;
  private readonly ttlHead: Buffer;
  private readonly restoreHead: Buffer;
  private readonly restoreTail = commandHead(0, 'REPLACE', 'ABSTTL').subarray(4);
  private readonly delHead: Buffer;

  constructor(private readonly engine: CopyEngine) {
    const { authority, mirror } = engine.mirror.context;
    this.dumpHead = commandHead(2, authority.wireName('DUMP'));
    this.ttlHead = commandHead(2, engine.expireTimeName);
    this.restoreHead = commandHead(6, mirror.wireName('RESTORE'));
    this.delHead = commandHead(2, mirror.wireName('DEL'));
  }

  /** The task was admitted: its slot is held until the reply. */
  send(task: CopyTask): void {
    task.mark = this.engine.markToClear(task);
    const lane = this.engine.lane(task.db);
    const dump = encodeWithKey(this.dumpHead, task.sourceKey);
    const ttl = encodeWithKey(this.ttlHead, task.sourceKey);
    lane.beginGroup(task.sourceSlot, 2 + MULTI_AND_EXEC);
    sendMulti(lane, IGNORED);
    sendQueued(lane, IGNORED, dump, 0, dump.length);
    sendQueued(lane, IGNORED, ttl, 0, ttl.length);
    sendExec(lane, task);
    lane.endGroup();
  }

  /** EXEC's reply. */
  answered(task: CopyTask, buf: Buffer, start: number, end: number): void {
    const { ledger } = this.engine.mirror.context;
    const spans = this.spans;
    if (isError(buf, start) && isQueueingRefused(buf.toString('latin1', start + 1, end))) {
      void this.dumpWithoutQueueing(task);
      return;
    }
    if (isError(buf, start) || elementSpans(buf, start, end, spans) !== 2) {
      this.engine.taken(task);
      ledger.replied(task);
      this.engine.over(task, isError(buf, start) ? buf.toString('latin1', start + 1, end - 2) : 'EXEC answered nil');
      return;
    }
    const [payloadStart, payloadEnd, ttlStart, ttlEnd] = spans as [number, number, number, number];
    if (isError(buf, payloadStart) || isError(buf, ttlStart)) {
      this.engine.taken(task);
      ledger.replied(task);
      const error = buf.toString('latin1', payloadStart + 1, payloadEnd - 2);
      this.engine.over(task, `DUMP or ${this.engine.expireTimeName}: ${error}`);
      return;
    }
    const deadlineMs = this.engine.deadlineFrom(integerReply(buf, ttlStart, ttlEnd), task.sourceSlot);
    const gone = isNull(buf, payloadStart) || deadlineMs === -2;
    const bodyStart = gone ? 0 : buf.indexOf(LF, payloadStart) + 1;
    const bodyEnd = gone ? 0 : payloadEnd - 2;
    if (!gone && this.isOfAnotherClock(task, buf[bodyStart]!)) {
      this.takeByType(task);
      return;
    }
    this.engine.taken(task);
    this.appendState(task, gone ? null : buf, bodyStart, bodyEnd, gone ? 0 : deadlineMs);
    ledger.replied(task);
  }

  /** The authority takes no MULTI now (read-at-once.ts). The slot stays held meanwhile. */
  private async dumpWithoutQueueing(task: CopyTask): Promise<void> {
    const { ledger, authority } = this.engine.mirror.context;
    let failure = '';
    let replies: Reply[] = [];
    try {
      const dump = [authority.wireName('DUMP'), task.sourceKey];
      replies = await readWithoutQueueing(
        this.engine.lane(task.db),
        task.sourceSlot,
        [dump],
        this.engine.deadlineRead(task),
      );
    } catch (error) {
      if (error instanceof LaneLost) {
        this.engine.sourceLost(task);
        return;
      }
      failure = (error as Error).message;
    }
    const fault = replies.find((reply) => reply instanceof ReplyFault);
    if (fault !== undefined) failure = (fault as ReplyFault).message;
    if (fault === replies[0] && isRefusal(failure)) this.engine.logical = true; // the next attempt is by type
    if (Buffer.isBuffer(replies[0]) && this.isOfAnotherClock(task, replies[0][0]!)) {
      this.takeByType(task);
      return;
    }
    this.engine.taken(task);
    if (failure === '') {
      const deadlineMs = this.engine.deadlineFrom(Number(replies[1]), task.sourceSlot);
      const payload = Buffer.isBuffer(replies[0]) && deadlineMs !== -2 ? replies[0] : null;
      this.appendState(task, payload, 0, payload?.length ?? 0, payload === null ? 0 : deadlineMs);
    }
    ledger.replied(task);
    if (failure !== '') this.engine.over(task, failure);
  }

  /** Would RESTORE take moments of the authority's clock for those of the mirror's? */
  private isOfAnotherClock(task: CopyTask, type: number): boolean {
    const { clock } = this.engine.mirror;
    return clock.shiftMs(task.sourceSlot, task.mirrorSlot) !== 0 && mayHoldMoments(type);
  }

  private takeByType(task: CopyTask): void {
    this.engine.release(task);
    void copyStaged(this.engine, task, false);
  }

  /** The payload is `buf` from `start` to `end`, and read at once; null: there is no such key. */
  private appendState(task: CopyTask, buf: Buffer | null, start: number, end: number, deadlineMs: number): void {
    const { lane, clock, context } = this.engine.mirror;
    const bytes = end - start + task.mirrorKey.length + 64;
    if (!lane.canTake(task.db, task.mirrorSlot, bytes)) {
      // the ledger must hear `replied` first
      queueMicrotask(() => this.engine.over(task, 'the mirror is not connected or its backlog is full'));
      return;
    }
    const there =
      deadlineMs === 0 ? 0 : Math.max(1, Math.round(deadlineMs + clock.shiftMs(task.sourceSlot, task.mirrorSlot)));
    const frame =
      buf === null
        ? encodeWithKey(this.delHead, task.mirrorKey)
        : encodeRestore(this.restoreHead, task.mirrorKey, there, buf, start, end, this.restoreTail);
    this.engine.noteKnown(task, deadlineMs);
    lane.append(task, task.db, task.mirrorSlot, frame, 0, frame.length);
    context.onCopyAppended?.();
  }
}
