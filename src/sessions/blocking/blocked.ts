/**
 * One blocking command: tried without waiting, parked in Ferry while there is nothing, tried again when woken.
 *
 *   trying ──reply──► served: its client goes on
 *     ▲  └──nil───► parked ──timeout, CLIENT UNBLOCK──► its client goes on
 *     └── woken by a write (routing/waiters.ts) ┘
 *
 * An error of an attempt that a key woke may mean that it goes on waiting (woken.ts).
 *
 * Each attempt is the client's own bytes inside MULTI … EXEC, where a server never waits: EXEC's one element is the
 * reply, errors and rights included. Users who may not use MULTI have a connection pinned for the attempt, and the
 * shortest timeout that there is. A parked command holds no connection, no slot and does not count as in flight, so a
 * cutover passes it by. A timeout during an attempt waits for its reply: an element that was taken is never dropped
 * (divergence 26).
 */
import type { WaitedType } from '../../commands/blocking.js';
import type { Pin } from '../../lanes/pins.js';
import { IDLE } from '../../ledger/operation.js';
import { ElementEffect } from '../../mirror/effect.js';
import { nullArrayReply } from '../../resp/encode.js';
import { ArgReader } from '../../resp/request.js';
import { isError, isNull } from '../../resp/values.js';
import { SlotList } from '../../routing/slots.js';
import type { Waiter } from '../../routing/waiters.js';
import { type ClientOp, PASS, WRITE } from '../client-op.js';
import type { Attempting } from '../op-extras.js';
import type { NamesBack } from '../prefixed/names-back.js';
import type { Session } from '../session.js';
import { NO_BUCKET } from '../slot-reads.js';
import { UNBLOCKED } from '../texts.js';
import { Deadline } from './deadline.js';
import { isAboutKey, meaningOf, runsWhole, typeOf } from './woken.js';

/** `-WRONGTYPE`, of which each error's code is told. */
const LONGEST_ERROR_CODE = 10;
/** EXEC's reply up to its only element. */
const EXEC_OF_ONE = '*1\r\n';

const slots = new SlotList();
const args = new ArgReader();

export interface AttemptForm {
  readonly frame: Buffer;
  /** The bytes for the authority where they are others. */
  readonly wire: Buffer | null;
  readonly probes: Buffer[] | null;
  /** What is to be done with its reply (prefixed/names-back.ts). */
  readonly namesBack: NamesBack | null;
}

export interface BlockedCommand {
  readonly keys: readonly string[];
  readonly kind: string;
  /** A key of another type wakes nobody. */
  readonly type: WaitedType;
  /** NaN: the server will not accept it. 0: for ever. */
  readonly timeoutMs: number;
  /** Its user may not use MULTI: it is sent as it is, with the shortest timeout. */
  readonly isBare: boolean;
  /** Where its keys are on the authority that there is now. */
  place(): number;
  /** Why that one cannot be asked; another side may have been the authority when it began to wait. */
  refusal(place: number): Buffer | null;
  /** Its bytes, with this one of its keys only; null: as the client sent it. */
  form(key: string | null): AttemptForm;
}

export class Blocked implements Waiter, Attempting {
  readonly db: number;
  readonly keys: readonly string[];
  readonly kind: string;
  isTrying = false;
  readonly signalled: string[] = [];
  private isParked = false;
  /** What the client gets instead of going on waiting, once no attempt is on its way. */
  private verdict: Buffer | null = null;
  private readonly deadline: Deadline;
  private pin: Pin | null = null;
  /** The key for which it was tried last; null: it has not waited yet. */
  private wokenBy: string | null = null;
  /** That key was of the right type after an attempt had failed: the next error is the client's. */
  private isTypeSeen = false;

  constructor(
    private readonly session: Session,
    private op: ClientOp,
    private readonly command: BlockedCommand,
  ) {
    this.db = session.db;
    this.keys = command.keys;
    this.kind = command.kind;
    this.deadline = new Deadline(command.timeoutMs);
    op.blocked = this;
  }

  /** The first attempt. Registered before: a write that is answered earlier, though it came later, must be heard. */
  begin(): void {
    this.session.blocked = this;
    this.session.board.waiters.add(this);
    this.try(null);
  }

  attempt(key: string): void {
    const { board } = this.session;
    if (board.gateClosed) return; // all of them try when it opens
    board.inFlight++;
    this.isParked = false;
    this.wokenBy = key;
    this.isTypeSeen = false;
    this.tryWoken(key);
  }

  private tryWoken(key: string): void {
    this.try(this.keys.length > 1 && !runsWhole(this.session.board.authority.version) ? key : null);
  }

  private try(key: string | null): void {
    const { session } = this;
    const { board } = session;
    this.isTrying = true;
    if (this.op.stage !== IDLE) this.renewOp();
    const { op } = this;
    const { frame, wire, probes, namesBack } = this.command.form(key);
    op.probes = probes;
    op.namesBack = namesBack;
    const element = op.elements?.[0] ?? op;
    element.take(frame, wire);
    let lane = session.lanes.shared();
    const place = this.command.place();
    const refusal = this.command.refusal(place);
    if (refusal !== null) {
      this.isTrying = false;
      this.finish(refusal, 0, refusal.length);
      return;
    }
    op.place = place;
    if (this.command.isBare) {
      this.pin = board.authority.pins.take(session.identity, session.db, session.resp);
      lane = this.pin.lane;
    }
    op.lane = lane;
    op.laneId = lane.id;
    op.attempts = 0;
    op.answeredBy = board.rules.authority;
    if (element.command!.kind !== 'write' || !board.rules.mirrored) {
      op.route = PASS;
      op.bucket = NO_BUCKET;
      op.transmit(lane);
      return;
    }
    op.route = WRITE;
    slots.clear();
    args.read(element.frame, element.frameStart, element.frameEnd);
    slots.addWrite(element.command!, args.frame, args.argc, args.starts, args.ends);
    slots.giveTo(op);
    if (!board.ledger.admit(op)) session.parkedOp = op;
  }

  /** An attempt that got nothing may have left a trace all the same, which the mirror has not acknowledged yet. */
  private renewOp(): void {
    const { op } = this;
    const fresh = this.session.renew(op);
    const element = op.elements?.[0];
    if (element !== undefined) {
      const { db, frame } = element;
      fresh.elements = [new ElementEffect(fresh, element.command!, db, frame, 0, frame.length, null)];
    }
    fresh.blocked = this;
    this.op = fresh;
  }

  answered(buf: Buffer, start: number, end: number): void {
    const { op, session } = this;
    this.isTrying = false;
    if (this.pin !== null) {
      session.board.authority.pins.giveBack(this.pin);
      this.pin = null;
    }
    let from = start;
    if (op.elements !== null) {
      if (isError(buf, start) && op.queueError !== null) {
        this.finish(op.queueError, 0, op.queueError.length);
        return;
      }
      if (buf.toString('latin1', start, start + EXEC_OF_ONE.length) === EXEC_OF_ONE) from += EXEC_OF_ONE.length;
    }
    if (isNull(buf, from) && !session.isClosed) this.stay();
    else if (this.mustBeJudged(buf, from)) {
      this.isTrying = true;
      void this.judge(Buffer.from(buf.subarray(from, end)), this.wokenBy!);
    } else this.finish(buf, from, end);
  }

  /** There is nothing for it: its client goes on waiting, if it may. */
  private stay(): void {
    const { session, op } = this;
    if (this.verdict !== null || Number.isNaN(this.command.timeoutMs)) {
      const reply = this.verdict ?? nullArrayReply(op.resp);
      this.finish(reply, 0, reply.length);
      return;
    }
    this.isParked = true;
    this.arm();
    session.board.answered(); // it is in flight no more
    session.board.waiters.stays(this);
  }

  /** Is the reply an error that may mean nothing, or something else, to who has waited? */
  private mustBeJudged(buf: Buffer, start: number): boolean {
    const { session } = this;
    if (this.wokenBy === null || this.isTypeSeen || session.isClosed || !isError(buf, start)) return false;
    const code = buf.toString('latin1', start, start + LONGEST_ERROR_CODE);
    return isAboutKey(code, this.kind, session.board.authority.version);
  }

  /** The attempt is not over until it is known what its error means. */
  private async judge(error: Buffer, key: string): Promise<void> {
    const { session } = this;
    const { authority } = session.board;
    const type = await typeOf(authority, this.db, key).catch(() => null);
    this.isTrying = false;
    if (session.isClosed) {
      this.finish(error, 0, error.length);
      return;
    }
    // while the server is away it waits; the next look at the waited keys (poll.ts) wakes it again
    const meaning = type === null ? 'wait' : meaningOf(error.toString('latin1'), this.command, type, authority.version);
    if (meaning === 'wait') this.stay();
    else if (meaning === 'again') {
      this.isTypeSeen = true;
      this.tryWoken(key);
    } else this.finish(meaning, 0, meaning.length);
  }

  private arm(): void {
    this.deadline.arm(() => this.end(nullArrayReply(this.op.resp)));
  }

  /** CLIENT UNBLOCK. */
  unblock(withError: boolean): void {
    this.end(withError ? UNBLOCKED : nullArrayReply(this.op.resp));
  }

  /** Its client goes on with `reply`, unless the attempt that is on its way gets something. */
  private end(reply: Buffer): void {
    if (this.isTrying) {
      this.verdict ??= reply;
      return;
    }
    this.session.board.inFlight++;
    this.isParked = false;
    this.finish(reply, 0, reply.length);
  }

  private finish(buf: Buffer, start: number, end: number): void {
    const { session, op } = this;
    this.deadline.disarm();
    if (session.blocked === this) {
      session.blocked = null;
      // delivered first: who is woken by the removal comes behind
      session.deliver(op, buf, start, end);
      session.board.waiters.remove(this);
      session.goOn();
    } else session.deliver(op, buf, start, end);
  }

  /** The client is gone. An attempt on its way ends by itself. */
  abandon(): void {
    this.deadline.disarm();
    this.session.blocked = null;
    this.session.board.waiters.remove(this);
    if (!this.isParked) return;
    this.isParked = false;
    this.session.board.inFlight++;
    this.op.done = true;
  }
}
