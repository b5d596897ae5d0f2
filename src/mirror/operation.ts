/**
 * One command on its way to the mirror on behalf of an effect, and the self-check of its reply.
 *
 * Where the same bytes were replayed, the mirror's reply must be the authority's. Short replies are kept whole (48
 * bytes); of longer ones the length and two 32-bit hashes. Of a RESP3 client's reply the leaves are compared. A difference makes the effect's keys dirty, and so does
 * an error or the loss of the connection.
 */
import { isFlush } from '../commands/table.js';
import { hashHigh, hashKey, hashLow } from '../ledger/known.js';
import { equalButForNumbers, leavesOf } from '../resp/leaves.js';
import type { Resp } from '../resp/values.js';
import type { Effect } from './effect.js';
import type { MirrorAck } from './write-lane.js';

const KEPT_BYTES = 48;

/** What an operation needs from its mirror. */
export interface OperationOwner {
  markDirty(e: Effect): void;
  /** The mirror answered otherwise than the authority. */
  mismatched(e: Effect): void;
  /** A FLUSHALL or FLUSHDB was executed on the mirror. */
  flushed(): void;
  /** Has the moment passed on the authority's clock, or is it about to? */
  isPast(deadlineMs: number): boolean;
  readonly context: { readonly counters: { mirrorErrors: number; selfCheckMismatches: number } };
}

export class MirrorOp implements MirrorAck {
  effect: Effect | null = null;
  /** The earliest deadline among the keys it builds on (authority's clock), 0 when none has one. */
  deadlineMs = 0;
  /** A replayed script's error begins with this word on the authority; '' when it ended well. */
  expectedError = '';
  /** Another reply than the expected one tells of what died on the mirror first, not of a stranger's doing. */
  private mayBeDead = false;
  private expectedLength = -1;
  private expectedLow = 0;
  private expectedHigh = 0;
  private expectedLeaves: string | null = null;
  private mayWriteNumbersOtherwise = false;
  private readonly expected: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);

  constructor(
    private readonly owner: OperationOwner,
    private readonly pool: MirrorOp[],
  ) {}

  /** `numbersMayDiffer`: the mirror's version writes the same score in another form. */
  expect(buf: Buffer, start: number, end: number, resp: Resp, numbersMayDiffer = false): void {
    this.expectedLength = end - start;
    if (resp === 3 || numbersMayDiffer) {
      this.mayWriteNumbersOtherwise = numbersMayDiffer;
      this.expectedLeaves = leavesOf(buf, start, end); // the write lane speaks RESP2
      return;
    }
    if (this.expectedLength <= KEPT_BYTES) {
      for (let i = start; i < end; i++) this.expected[i - start] = buf[i]!;
      return;
    }
    hashKey(1, 2, 0, buf, start, end);
    this.expectedLow = hashLow;
    this.expectedHigh = hashHigh;
  }

  /** Of a derived operation: another reply makes its keys dirty, and is no mismatch. */
  expectUnlessDead(reply: Buffer): void {
    this.expect(reply, 0, reply.length, 2);
    this.mayBeDead = true;
  }

  acknowledged(buf: Buffer, start: number, end: number): void {
    const effect = this.effect!;
    const differs = this.expectedLength >= 0 && !this.matches(buf, start, end);
    const isMismatch = differs && !this.mayBeDead;
    if (isMismatch) this.owner.context.counters.selfCheckMismatches++;
    // it may have run on the mirror after the key had died there, and made another one (divergence 9)
    if (this.deadlineMs > 0 && this.owner.isPast(this.deadlineMs)) this.owner.markDirty(effect);
    else if (isMismatch) this.owner.mismatched(effect);
    else if (differs) this.owner.markDirty(effect);
    if (effect.command!.kind === 'keyless-write' && isFlush(effect.command!)) this.owner.flushed();
    this.recycle();
    effect.partSettled();
  }

  failed(error: string | null): void {
    const effect = this.effect!;
    if (error !== null && this.expectedError !== '' && error.startsWith(`${this.expectedError} `)) {
      this.recycle();
      effect.partSettled();
      return;
    }
    if (error !== null) this.owner.context.counters.mirrorErrors++;
    this.owner.markDirty(effect);
    this.recycle();
    effect.partSettled();
  }

  private matches(buf: Buffer, start: number, end: number): boolean {
    if (this.expectedLeaves !== null) {
      const leaves = leavesOf(buf, start, end);
      if (leaves === this.expectedLeaves) return true;
      return this.mayWriteNumbersOtherwise && equalButForNumbers(leaves, this.expectedLeaves);
    }
    if (end - start !== this.expectedLength) return false;
    if (this.expectedLength <= KEPT_BYTES) {
      for (let i = start; i < end; i++) if (buf[i] !== this.expected[i - start]) return false;
      return true;
    }
    hashKey(1, 2, 0, buf, start, end);
    return hashLow === this.expectedLow && hashHigh === this.expectedHigh;
  }

  private recycle(): void {
    this.effect = null;
    this.deadlineMs = 0;
    this.expectedError = '';
    this.mayBeDead = false;
    this.expectedLength = -1;
    this.expectedLeaves = null;
    this.mayWriteNumbersOtherwise = false;
    if (this.pool.length < 4096) this.pool.push(this);
  }
}

export class MirrorOpPool {
  private readonly free: MirrorOp[] = [];

  constructor(private readonly owner: OperationOwner) {}

  take(effect: Effect): MirrorOp {
    const op = this.free.pop() ?? new MirrorOp(this.owner, this.free);
    op.effect = effect;
    effect.waits++;
    return op;
  }
}
