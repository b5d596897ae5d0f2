/**
 * One client command in flight: its place in the session's reply queue, its place in the ledger, its entry in lanes.
 *
 * Routes:
 *   PASS     to the authority, nothing else (reads; writes in a phase without a mirror)
 *   TARGET   a read asked on the target; a miss turns it into PASS
 *   WRITE    admitted by the ledger; its reply is mirrored before it is released
 *   LOCAL    answered by Ferry; only its place in the queue matters
 * It is over when its reply was delivered *and* the mirror settled (`delivered`, `settledDone`); then it is pooled.
 */
import { isMiss } from '../commands/misses.js';
import { type Command, isFlush } from '../commands/table.js';
import { ANY_NODE, type CommandLane } from '../lanes/command-lane.js';
import type { LaneEntry } from '../lanes/lane.js';
import {
  IGNORED,
  MULTI_AND_EXEC,
  type MultiListener,
  MultiReply,
  QueuedReply,
  sendExec,
  sendMulti,
  sendQueued,
} from '../lanes/multi.js';
import { IDLE, LAUNCHED, NO_SLOT, OPERATION_BYTES, REPLIED } from '../ledger/operation.js';
import { type ElementEffect, NO_FRAME } from '../mirror/effect.js';
import type { Side } from '../phases/phase.js';
import { decodeAnyReply } from '../resp/any-reply.js';
import { errorReply, nullArrayReply } from '../resp/encode.js';
import { decodeReply, elementSpans, isError, type Reply } from '../resp/values.js';
import { ACROSS } from '../routing/placement.js';
import { signalWritten } from './blocking/signal.js';
import type { PartsOwner } from './fan-out/parts.js';
import type { KeptBlock } from './kept-replies.js';
import { EffectWithExtras } from './op-extras.js';
import type { Session } from './session.js';
import { NO_BUCKET } from './slot-reads.js';
import { UNCERTAIN, UNREACHABLE } from './texts.js';

export const PASS = 0;
export const TARGET = 1;
export const WRITE = 2;
export const LOCAL = 3;
export type OpRoute = 0 | 1 | 2 | 3;

/** How many lost connections a command that was not executed survives before its client is given up. */
const MAX_ATTEMPTS = 8;
const NOT_SENT = errorReply('FERRY the server was given up before it got this command: send it again');

export class ClientOp extends EffectWithExtras implements LaneEntry, MultiListener, PartsOwner {
  session: Session | null = null;
  lane: CommandLane | null = null;
  /** The slot of the side that answers it (lanes/command-lane.ts). */
  place = ANY_NODE;
  route: OpRoute = PASS;
  next: ClientOp | null = null;
  /** Ferry's own reply before its turn, or one that is held until the mirror acknowledged. */
  stash: Buffer | null = null;
  /** A reply that came before its turn: kept.bytes[keptStart, keptEnd). */
  kept: KeptBlock | null = null;
  keptStart = 0;
  keptEnd = 0;
  /** The reply is complete and may be released. */
  done = false;
  delivered = false;
  /** CLIENT REPLY OFF or SKIP: its reply is not sent. */
  isSilent = false;
  settledDone = true;
  /** A replica was asked first; counted as a target read, so that the session's writes on the slot wait for it. */
  isReplicaRead = false;
  isAtReplica = false;
  /** The node that its slot is on its way to answered it. */
  wasAsked = false;
  /** An earlier target read of the session fell back on the slot, so this one must too. */
  fallsBack = false;
  /** The read's bucket in the session's counters (slot-reads.ts). */
  bucket = NO_BUCKET;
  keyStart = 0;
  keyEnd = 0;
  attempts = 0;
  /** When its bytes came (turn.nowMs), and the side that answers it. */
  beganMs = 0;
  answeredBy: Side = 'source';
  /** It matters when it was sent. */
  isTimed = false;
  /** A big reply is being passed on in pieces. */
  private passing = false;

  /** A big reply may pass in pieces while it is this op's turn to answer. */
  get streams(): boolean {
    const isChanged = this.transform !== null || this.namesBack !== null || this.blocked !== null;
    if (this.route !== PASS || isChanged) return this.passing;
    return this.passing || this.session?.isFront(this) === true;
  }

  /** What it holds in memory besides a reply that waits: its record, its bytes. */
  get requestBytes(): number {
    let held = OPERATION_BYTES + this.frameEnd - this.frameStart;
    if (this.elements !== null) for (const e of this.elements) held += OPERATION_BYTES + e.frameEnd - e.frameStart;
    return held;
  }

  onAsked(): void {
    this.wasAsked = true;
  }

  get canRepeat(): boolean {
    return this.route !== WRITE && !this.mayChangeData;
  }

  // ── towards the server

  /** Sends it on its lane: at once, or when the ledger has admitted it. */
  launch(late: boolean): void {
    const session = this.session!;
    const lane = this.lane!;
    if (session.isClosed && late) {
      // its client is gone and nothing was sent: nothing needs to happen (the session has withdrawn it)
      throw new Error('a withdrawn operation was launched');
    }
    this.transmit(lane);
    const { hooks } = session.board;
    if (hooks.deriveEarly === true) this.deriveEarly();
    if (hooks.at !== undefined) {
      lane.connectionFor(this.place)?.flush();
      hooks.at('write-sent');
    }
    if (late) session.unparked();
  }

  transmit(lane: CommandLane): void {
    if (this.route === WRITE) {
      const { intent, hooks } = this.session!.board;
      hooks.at?.('before-intent');
      const commit = intent.commitFor(this);
      if (commit !== null) lane.holdFor(commit);
    }
    if (this.watch?.isBroken === true) {
      this.giveUp(nullArrayReply(this.resp), false, false);
      return;
    }
    if (lane.isAway) {
      this.giveUp(UNREACHABLE, false, true);
      return;
    }
    if (this.isTimed) this.sentMs = performance.now();
    if (this.extras !== null) this.transmitGroup(lane);
    else this.sendOwn(lane);
  }

  private sendOwn(lane: CommandLane): void {
    if (this.wire === null) lane.send(this, this.frame, this.frameStart, this.frameEnd, this.place);
    else lane.send(this, this.wire, 0, this.wire.length, this.place);
  }

  /** What may be more than one command: a transaction, a write and its probes, what several nodes answer. */
  private transmitGroup(lane: CommandLane): void {
    const { place } = this;
    if (this.parts !== null) {
      this.parts.transmit(lane);
      return;
    }
    if (this.elements !== null) {
      lane.beginGroup(place, this.elements.length + MULTI_AND_EXEC, this.watch !== null);
      const nowMs = performance.now();
      const queued = this.blocked === null ? IGNORED : (this.own.queuedReply ??= new QueuedReply(this));
      this.own.queueError = null;
      sendMulti(lane, (this.own.multiReply ??= new MultiReply(this)));
      for (const e of this.elements) {
        e.sentMs = nowMs;
        if (e.wire === null) sendQueued(lane, queued, e.frame, e.frameStart, e.frameEnd);
        else sendQueued(lane, queued, e.wire, 0, e.wire.length);
      }
      sendExec(lane, this);
      this.sendProbes(lane);
      lane.endGroup();
      return;
    }
    if (this.probes === null) {
      this.sendOwn(lane);
      return;
    }
    lane.beginGroup(place, 0);
    this.sendOwn(lane);
    this.sendProbes(lane);
    lane.endGroup();
  }

  private sendProbes(lane: CommandLane): void {
    if (this.probes === null) return;
    this.own.probed = [];
    for (const probe of this.probes) lane.send(this, probe, 0, probe.length, this.place);
  }

  // ── the reply

  onReply(buf: Buffer, start: number, end: number): void {
    // probes come behind it, and hold no names
    if (
      this.extras !== null &&
      this.namesBack !== null &&
      this.route !== TARGET &&
      (this.probes === null || this.stash === null)
    ) {
      const named = this.namesBack(copyOf(buf, start, end));
      this.answered(named, 0, named.length);
    } else this.answered(buf, start, end);
  }

  private answered(buf: Buffer, start: number, end: number): void {
    switch (this.route) {
      case PASS:
        if (this.probes !== null) this.probeAnswered(buf, start, end);
        else this.readAnswered(buf, start, end);
        break;
      case TARGET:
        this.targetAnswered(buf, start, end);
        break;
      case WRITE:
        if (this.probes !== null) this.probeAnswered(buf, start, end);
        else this.writeAnswered(buf, start, end, null);
        break;
      default:
        throw new Error('a local command has no reply of a server');
    }
  }

  onPiece(buf: Buffer, start: number, end: number, last: boolean): void {
    const session = this.session!;
    this.passing = !last;
    session.writePiece(buf, start, end, last);
    if (last) {
      this.readOver();
      session.finishFront(this);
    }
  }

  private readAnswered(buf: Buffer, start: number, end: number): void {
    const session = this.session!;
    if (this.isAtReplica && isError(buf, start)) {
      this.askMaster();
      return;
    }
    this.noteFlushes(buf, start, end);
    const changed =
      this.transform === null
        ? null
        : this.transform(copyOf(buf, start, end), this.probes === null ? [] : this.own.probed);
    if (this.transform !== null && changed === null) {
      this.transmit(this.lane!);
      return;
    }
    this.readOver();
    if (this.fallsBack) session.repairAfterFallback(this, buf, start, end);
    if (session.board.waiters.count > 0) signalWritten(this);
    if (changed !== null) {
      session.deliver(this, changed, 0, changed.length);
    } else this.release(buf, start, end);
  }

  /** A flush takes Ferry's own key away as well; in a transaction, each element has a reply of its own. */
  private noteFlushes(buf: Buffer, start: number, end: number): void {
    if (this.command!.kind === 'keyless-write') this.noteFlush(this.command!, buf, start);
    else if (this.elements?.some(({ command }) => isFlush(command!)) === true) {
      const spans: number[] = [];
      if (elementSpans(buf, start, end, spans) !== this.elements.length) return; // nothing of it was executed
      for (const [i, { command }] of this.elements.entries()) this.noteFlush(command!, buf, spans[2 * i]!);
    }
  }

  private noteFlush(command: Command, buf: Buffer, start: number): void {
    if (isFlush(command) && !isError(buf, start)) this.session!.board.flushed(command.name, this.db);
  }

  private readOver(): void {
    if (this.isReplicaRead) this.session!.targetReadOver(this.bucket);
    else this.session!.reads.sourceOver(this.bucket);
  }

  /** A replica does not answer it. */
  private askMaster(): void {
    this.isAtReplica = false;
    this.lane = this.session!.lanes.shared();
    this.transmit(this.lane);
  }

  /** Its reply goes to the client, or to whoever decides whether the client goes on waiting. */
  private release(buf: Buffer, start: number, end: number): void {
    if (this.blocked !== null) this.blocked.answered(buf, start, end);
    else this.session!.deliver(this, buf, start, end);
  }

  private targetAnswered(buf: Buffer, start: number, end: number): void {
    const session = this.session!;
    const missed = isMiss(this.command!.miss, buf, start, end);
    if (!missed && !this.fallsBack) {
      session.targetReadOver(this.bucket);
      session.deliver(this, buf, start, end);
    } else this.fallBack(missed);
  }

  /** Asks the source. Later target reads of the session on the slot will do so as well (3.5). */
  private fallBack(first: boolean): void {
    const session = this.session!;
    if (this.fallsBack) session.board.counters.cascades++;
    else if (first) session.board.counters.fallbacks++;
    session.cascade(this);
    session.targetReadOver(this.bucket);
    session.reads.sourceBegins(this.bucket);
    this.fallsBack = true;
    this.route = PASS;
    this.answeredBy = session.board.rules.authority;
    this.lane = session.lanes.authority();
    this.place = session.board.authority.slotOf(this.db, this.frame, this.keyStart, this.keyEnd);
    this.transmit(this.lane);
  }

  private probeAnswered(buf: Buffer, start: number, end: number): void {
    if (this.stash === null) {
      this.stash = copyOf(buf, start, end);
      return;
    }
    const own = copyOf(buf, start, end);
    const { probed } = this.own;
    probed.push(this.resp === 3 ? decodeAnyReply(own, 0, own.length) : decodeReply(own, 0, own.length));
    if (probed.length < this.probes!.length) return;
    const reply = this.stash;
    this.stash = null;
    if (this.route === PASS) {
      this.readAnswered(reply, 0, reply.length);
      return;
    }
    try {
      this.writeAnswered(reply, 0, reply.length, probed);
    } catch (error) {
      this.probes = null; // all of them have come: what is lost now is the operation
      throw error;
    }
  }

  private writeAnswered(buf: Buffer, start: number, end: number, probed: Reply[] | null): void {
    const session = this.session!;
    const { board } = session;
    const { mirror } = board;
    board.hooks.at?.('write-answered');
    this.noteFlushes(buf, start, end);
    if (mirror !== null && board.hooks.deriveEarly !== true) {
      this.settledDone = false;
      if (board.config.ack === 'both') this.stash = copyOf(buf, start, end);
      if (this.extras?.ranSingly === true) for (const element of this.elements!) mirror.lost(element);
      if (this.elements !== null) mirror.transaction(this, this.elements, buf, start, end, probed);
      else mirror.effect(this, buf, start, end, probed);
    }
    board.hooks.at?.('mirror-appended');
    this.replied(buf, start, end);
  }

  /** The mirror has what it must do: the slots are free, the client gets its reply. */
  private replied(buf: Buffer, start: number, end: number): void {
    const { board } = this.session!;
    board.ledger.replied(this);
    if (this.settledDone) board.ledger.finish(this);
    if (board.config.ack === 'both' && !this.settledDone) return; // released by settled()
    this.stash = null;
    if (board.waiters.count > 0) signalWritten(this);
    this.release(buf, start, end);
  }

  // ── parts (fan-out/parts.ts)

  get isReadOnly(): boolean {
    return this.route === PASS && !this.mayChangeData;
  }

  partAnswered(effect: ElementEffect, buf: Buffer, start: number, end: number): void {
    const { mirror } = this.session!.board;
    if (this.route !== WRITE || mirror === null) return;
    this.holdSettling();
    mirror.element(this, effect, buf, start, end);
  }

  partsAnswered(reply: Buffer, isMixed: boolean): void {
    const { board } = this.session!;
    if (this.route === PASS) {
      const named = this.namesBack === null ? reply : this.namesBack(reply);
      this.readAnswered(named, 0, named.length);
      return;
    }
    const isSplit = this.parts!.plans[0]!.effect !== null;
    if (!isSplit) {
      // what some nodes did and others did not, no reply can tell
      if (isMixed) board.mirror?.lost(this);
      this.writeAnswered(reply, 0, reply.length, null);
      return;
    }
    if (board.config.ack === 'both') this.stash = reply;
    if (!this.settledDone) this.partSettled();
    this.replied(reply, 0, reply.length);
  }

  partsLost(sent: boolean): void {
    const lane = this.lane!;
    const executed = sent || !this.settledDone;
    const reply = lane.state === 'closed' ? errorReply(this.session!.refusalText(lane)) : this.lostReply(executed);
    this.giveUp(reply, executed, true);
  }

  /** It must not settle before its last part was answered. */
  private holdSettling(): void {
    if (!this.settledDone) return;
    this.settledDone = false;
    this.waits = 1;
  }

  settled(): void {
    this.settledDone = true;
    const session = this.session!;
    // settled inside writeAnswered: the ledger has not heard of the reply yet, and goes on there
    if (this.stage !== REPLIED) return;
    session.board.ledger.finish(this);
    if (session.board.config.ack === 'both' && this.stash !== null) {
      const reply = this.stash;
      this.stash = null;
      if (session.board.waiters.count > 0) signalWritten(this);
      this.release(reply, 0, reply.length);
    } else if (this.delivered) session.recycle(this);
  }

  multiRefused(): void {
    const { authority } = this.session!.board;
    const lane = this.lane!.connectionFor(this.place);
    this.own.ranSingly = true;
    authority.multiRights.delete(this.session!.identity.name);
    if (this.blocked === null || lane === null) return;
    // the command waits now for real, and everybody's connection with it
    authority.unblock(lane).catch(() => lane.drop('a command waits on a shared connection'));
  }

  queuedRefused(error: Buffer): void {
    this.own.queueError = error;
  }

  /** Test hook: what mirroring at the time of sending would do. */
  private deriveEarly(): void {
    const { mirror } = this.session!.board;
    if (mirror === null || this.elements !== null) return;
    this.settledDone = false;
    mirror.effect(this, EARLY, 0, EARLY.length);
  }

  // ── losses

  /** A later write of the session in that slot has its reply already: this one, run now, might undo it. */
  isOvertaken(slot: number): boolean {
    if (this.elements !== null || !isWrite(this.command!)) return false;
    for (let later = this.next; later !== null; later = later.next) {
      if (later.lane !== this.lane || (later.place !== slot && later.place !== ACROSS)) continue;
      if (later.mayChangeData && (later.done || later.stash !== null)) return true;
    }
    return false;
  }

  onLost(sent: boolean): void {
    const session = this.session!;
    if (this.route === TARGET) {
      this.fallBack(false);
      return;
    }
    if (this.isAtReplica && !this.passing && !session.isClosed) {
      this.askMaster();
      return;
    }
    const lane = this.lane!;
    if (this.probes !== null) {
      const { own } = this;
      const answered = this.stash === null ? 0 : 1 + own.probed.length;
      own.lostSent ||= sent;
      if (++own.lostParts < 1 + this.probes.length - answered) return;
      sent = own.lostSent;
      own.lostParts = 0;
      own.lostSent = false;
      if (this.stash !== null) {
        // the write itself was answered: it happened, only its exact effect was not seen
        const reply = this.stash;
        this.stash = null;
        if (this.route === WRITE) {
          this.giveUp(reply, true, false);
          return;
        }
      }
    }
    if (session.board.authority.isAbandoned) {
      this.giveUp(sent ? UNCERTAIN : NOT_SENT, sent, true);
      return;
    }
    if (lane.state === 'closed') {
      this.giveUp(errorReply(session.refusalText(lane)), sent, sent);
      return;
    }
    if (this.passing) {
      this.passing = false;
      session.close('the server went away in the middle of a reply');
      this.readOver();
      session.finishFront(this);
      return;
    }
    const isSafe = (!sent && !this.isPartial) || (this.route === PASS && !this.mayChangeData);
    if (isSafe && !session.isClosed && ++this.attempts < MAX_ATTEMPTS) this.transmit(lane);
    else this.giveUp(this.lostReply(sent), sent, true);
  }

  private lostReply(sent: boolean): Buffer {
    return sent && this.mayChangeData ? UNCERTAIN : UNREACHABLE;
  }

  private get mayChangeData(): boolean {
    if (this.elements !== null) return this.elements.some((e) => isWrite(e.command!));
    return isWrite(this.command!);
  }

  /**
   * No (further) reply will come. `executed`: it may have been executed. `isLost`: the server went away, which a
   * client learns as from a dying Redis (or by -UNCERTAIN, if so configured).
   */
  private giveUp(reply: Buffer, executed: boolean, isLost: boolean): void {
    const session = this.session!;
    const { board } = session;
    if (executed && isLost && this.mayChangeData) board.counters.uncertainWrites++;
    if (this.route === WRITE) {
      if (this.stage !== LAUNCHED) throw new Error(`a write in stage ${this.stage} was lost`);
      if (executed) {
        if (this.elements === null) board.mirror?.lost(this);
        else for (const element of this.elements) board.mirror?.lost(element);
      }
      board.ledger.replied(this);
      if (this.settledDone) board.ledger.finish(this);
      else this.partSettled(); // some of its parts were answered, and are on their way to the mirror
    } else if (this.route === PASS) this.readOver();
    if (isLost && board.config.onUncertain === 'close') session.close('the server went away');
    this.release(reply, 0, reply.length);
  }

  reset(): void {
    if (this.stage !== IDLE) throw new Error(`an operation was pooled in stage ${this.stage}`);
    this.slot = NO_SLOT;
    this.moreSlots = null;
    this.laneId = 0;
    this.command = null;
    this.db = 0;
    this.frame = NO_FRAME;
    this.frameStart = this.frameEnd = 0;
    this.waits = 0;
    this.sentMs = 0;
    this.isTimed = false;
    this.isPartial = false;
    this.resp = 2;
    this.session = null;
    this.lane = null;
    this.route = PASS;
    this.next = null;
    this.stash = null;
    this.done = false;
    this.delivered = false;
    this.isSilent = false;
    this.settledDone = true;
    this.fallsBack = false;
    this.isReplicaRead = this.isAtReplica = this.wasAsked = false;
    this.bucket = NO_BUCKET;
    this.keyStart = this.keyEnd = 0;
    this.attempts = 0;
    this.beganMs = 0;
    this.answeredBy = 'source';
    this.wire = null;
    this.place = ANY_NODE;
    this.extras = null;
    this.passing = false;
  }
}

function isWrite(command: Command): boolean {
  return (
    command.kind === 'write' ||
    command.kind === 'keyless-write' ||
    command.name === 'publish' ||
    command.name === 'spublish'
  );
}

const EARLY = Buffer.from('+OK\r\n');

function copyOf(buf: Buffer, start: number, end: number): Buffer {
  return Buffer.from(buf.subarray(start, end));
}

const pool: ClientOp[] = [];

export function takeOp(session: Session): ClientOp {
  const op = pool.pop() ?? new ClientOp();
  op.session = session;
  return op;
}

export function returnOp(op: ClientOp): void {
  op.reset();
  if (pool.length < 16384) pool.push(op);
}
