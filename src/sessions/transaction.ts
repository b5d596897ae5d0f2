/**
 * MULTI … EXEC: queued in the session and flushed contiguously on the lane, as one admitted operation.
 *
 * Arity and names are checked while queueing, so that EXECABORT comes as Redis gives it. What the server alone can
 * refuse (NOPERM, OOM) shows at EXEC, as EXECABORT too. Commands that change the connection's state cannot be part
 * of a transaction on a shared lane and spoil it with -FERRY.
 */

import type { Command } from '../commands/table.js';
import { ANY_NODE } from '../lanes/command-lane.js';
import type { Upstream } from '../lanes/upstream.js';
import { OPERATION_BYTES } from '../ledger/operation.js';
import { ElementEffect } from '../mirror/effect.js';
import { EMPTY_ARRAY, errorReply, nullArrayReply, OK, QUEUED } from '../resp/encode.js';
import { ArgReader, type RequestScanner } from '../resp/request.js';
import { ACROSS, placeOn, type Spans, together } from '../routing/placement.js';
import { SlotList } from '../routing/slots.js';
import { multiRight } from './blocking/multi-right.js';
import { type ClientOp, PASS, WRITE } from './client-op.js';
import { CROSSSLOT } from './fan-out/plan.js';
import { checkOtherDatabase } from './other-database.js';
import { namesBackFor, namesBackInExec } from './prefixed/names-back.js';
import { prefixRefusal } from './prefixed/refusals.js';
import { refuse } from './refusal.js';
import { reset } from './reset.js';
import type { Session } from './session.js';
import { ANY_BUCKET, NO_BUCKET } from './slot-reads.js';
import { EXECABORT, execAborted, NESTED_MULTI, SWAPDB_WHILE_MIRRORING, WATCH_INSIDE_MULTI } from './texts.js';
import { dropWatch, type Watch } from './watch.js';
import { wireFor } from './wire.js';

interface Queued {
  readonly command: Command;
  readonly frame: Buffer;
  readonly start: number;
  readonly end: number;
}

export class Transaction {
  readonly queued: Queued[] = [];
  /** What is queued holds in memory. */
  heldBytes = 0;
  /** The slot of its keys on `side`, and on a target that is a Cluster (routing/placement.ts). */
  place = ANY_NODE;
  placeOnTarget = ANY_NODE;
  /** An error while queueing: EXEC will answer EXECABORT. */
  spoilt = false;
  /** Why the authority that there is now cannot run it, though the one before took what was queued. */
  refusal: Buffer | null = null;

  constructor(
    /** The authority as `place` knows it: another one may come between MULTI and EXEC. */
    public side: Upstream,
  ) {}
}

const slots = new SlotList();
const args = new ArgReader();

/** MULTI; false when it must wait for the replies before it. */
export function beginTransaction(session: Session): boolean {
  const right = multiRight(session);
  if (right === null) return false;
  if (right !== true) return refuse(session, errorReply(right));
  session.transaction = new Transaction(session.board.authority);
  session.replyNow(OK);
  return true;
}

/** The command is not even begun. An EXEC that is not says so, and ends the transaction and its WATCH. */
export function reject(session: Session, command: Command, error: Buffer): true {
  if (command.name !== 'exec') return refuse(session, error);
  session.transaction = null;
  dropWatch(session);
  return refuse(session, execAborted(error));
}

/** A command while a transaction is open. */
export function queueInTransaction(session: Session, command: Command, scanner: RequestScanner): boolean {
  const transaction = session.transaction!;
  switch (command.name) {
    case 'exec':
      return execute(session, transaction);
    case 'discard':
      session.transaction = null;
      dropWatch(session);
      session.replyNow(OK);
      return true;
    case 'multi':
      session.replyNow(NESTED_MULTI);
      return true;
    case 'watch':
      session.replyNow(WATCH_INSIDE_MULTI);
      return true;
    case 'reset':
      return reset(session);
    case 'quit':
      session.transaction = null;
      session.replyNow(OK);
      session.closeWhenAnswered();
      return true;
  }
  if (command.kind === 'refused' || command.kind === 'unsupported') {
    return refuse(session, errorReply(`FERRY ${command.reason}`));
  }
  if (command.kind === 'session' && !/^(ping|wait|unwatch)$/.test(command.name)) {
    return refuse(session, errorReply(`FERRY ${command.name.toUpperCase()} inside MULTI is not supported yet`));
  }
  if (isSwapWhileMirroring(session, command)) return refuse(session, SWAPDB_WHILE_MIRRORING);
  const { frame, frameStart, frameEnd } = scanner;
  if (placeOn(session.board.authority, command, session.db, scanner) === ACROSS) return refuse(session, CROSSSLOT);
  const verdict = checkOtherDatabase(session, command, scanner);
  if (verdict === 'wait') return false;
  if (verdict !== null) return refuse(session, verdict);
  findPlaces(session, transaction);
  addPlaces(session, transaction, command, scanner);
  transaction.queued.push({ command, frame, start: frameStart, end: frameEnd });
  transaction.heldBytes += frameEnd - frameStart + OPERATION_BYTES;
  session.replyNow(QUEUED);
  return true;
}

function addPlaces({ board, db }: Session, transaction: Transaction, command: Command, spans: Spans): void {
  const { authority, target } = board;
  transaction.place = together(transaction.place, placeOn(authority, command, db, spans));
  if (!target.hasSlots || board.rules.authority !== 'source') return;
  transaction.placeOnTarget = together(transaction.placeOnTarget, placeOn(target, command, db, spans));
}

/** The places of what is queued, anew if another side has become the authority since. */
function findPlaces(session: Session, transaction: Transaction): void {
  const { authority } = session.board;
  if (transaction.side === authority) return;
  transaction.side = authority;
  transaction.place = transaction.placeOnTarget = ANY_NODE;
  transaction.refusal = null;
  for (const { command, frame, start, end } of transaction.queued) {
    args.read(frame, start, end);
    if (session.board.hasPrefixes) transaction.refusal ??= prefixRefusal(session, command, args);
    addPlaces(session, transaction, command, args);
  }
}

function execute(session: Session, transaction: Transaction): boolean {
  findPlaces(session, transaction);
  const watch = session.watch === null || session.watch.isOver ? null : session.watch;
  if (transaction.spoilt || (transaction.queued.length === 0 && watch === null)) {
    session.transaction = null;
    dropWatch(session);
    session.replyNow(transaction.spoilt ? EXECABORT : EMPTY_ARRAY);
    return true;
  }
  // a mirror may have come between MULTI and EXEC
  const swaps = transaction.queued.some(({ command }) => isSwapWhileMirroring(session, command));
  const refusal = swaps ? SWAPDB_WHILE_MIRRORING : transaction.refusal;
  if (refusal !== null) {
    session.transaction = null;
    dropWatch(session);
    return refuse(session, refusal);
  }
  const acrossWatch = watch?.isApart(transaction.place, session.board.authority) === true;
  if (transaction.place === ACROSS || acrossWatch) {
    session.transaction = null;
    dropWatch(session);
    return refuse(session, CROSSSLOT);
  }
  if (session.reads.targetTotal > 0) {
    session.board.counters.stalls++;
    return false;
  }
  if (session.lanes.own !== null && session.hasInFlight) return false;
  // a WATCH that is being redirected watches nothing where the transaction would run
  if (watch !== null && session.board.authority.isRouted && session.hasInFlight) return false;
  const lane = session.lanes.authority();
  session.transaction = null;
  if (watch?.isBroken === true) {
    watch.isOver = true;
    session.replyNow(nullArrayReply(session.resp));
    return true;
  }
  const op = session.begin();
  if (watch !== null) {
    op.watch = watch;
    watch.isOver = true;
  }
  op.command = session.board.table.byName('exec')!;
  op.db = session.db;
  op.lane = lane;
  op.answeredBy = session.board.rules.authority;
  op.laneId = lane.id;
  op.place = watch === null ? transaction.place : watch.place;
  if (placeOnTarget(transaction, watch) === ACROSS) session.board.crossings.count('MULTI');
  op.elements = transaction.queued.map(
    (q) => new ElementEffect(op, q.command, session.db, q.frame, q.start, q.end, wireOf(session, q)),
  );
  const { authority } = session.board;
  op.namesBack = namesBackInExec(transaction.queued.map((q) => namesBackFor(authority, q.command.name, session.db)));
  const writes = transaction.queued.some((q) => q.command.kind === 'write' || q.command.kind === 'keyless-write');
  if (!writes || !session.board.rules.mirrored) {
    op.route = PASS;
    op.bucket = session.board.rules.readsTarget ? ANY_BUCKET : NO_BUCKET;
    if (writes) session.writtenPlace = op.place;
    session.reads.sourceBegins(op.bucket);
    op.transmit(lane);
    return true;
  }
  op.route = WRITE;
  session.writtenPlace = op.place;
  takeSlots(op, transaction);
  if (!session.board.ledger.admit(op)) session.parkedOp = op;
  return true;
}

export function isSwapWhileMirroring({ board }: Session, { name }: Command): boolean {
  return name === 'swapdb' && board.rules.mirrored;
}

/** Of its keys, and of those that it depends on. */
function placeOnTarget(transaction: Transaction, watch: Watch | null): number {
  return watch === null ? transaction.placeOnTarget : together(transaction.placeOnTarget, watch.placeOnTarget);
}

function wireOf(session: Session, q: Queued): Buffer | null {
  const { authority } = session.board;
  if (!authority.rewrites) return null;
  args.read(q.frame, q.start, q.end);
  return wireFor(authority, q.command, session.db, args);
}

/** The slots of every key of every write in it; a FLUSHALL takes them all. */
function takeSlots(op: ClientOp, transaction: Transaction): void {
  slots.clear();
  for (const q of transaction.queued) {
    if (q.command.kind !== 'write' && q.command.kind !== 'keyless-write') continue;
    args.read(q.frame, q.start, q.end);
    slots.addWrite(q.command, args.frame, args.argc, args.starts, args.ends, op.session!.board.scripts);
  }
  slots.giveTo(op);
}
