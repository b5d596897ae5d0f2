/** Sending a command on its way: its op, its bytes for the authority, its lane. */
import type { Command } from '../commands/table.js';
import type { RequestScanner } from '../resp/request.js';
import { ACROSS, placeOn } from '../routing/placement.js';
import { type ClientOp, PASS } from './client-op.js';
import { noteSplit } from './crossing.js';
import { isScan, sendCursor } from './cursors.js';
import { CROSSSLOT, canSplit, isForEveryNode, splitBySlot, toEveryNode } from './fan-out/plan.js';
import { namesBackFor } from './prefixed/names-back.js';
import { replicaLaneFor } from './replica-reads.js';
import type { Session } from './session.js';
import { wireFor } from './wire.js';

/** To the authority's lane as it is. */
export function pass(
  session: Session,
  command: Command,
  scanner: RequestScanner,
  bucket: number,
  transform: ClientOp['transform'] = null,
  slot: number | null = null,
  probes: ClientOp['probes'] = null,
): true {
  const { authority } = session.board;
  const place = slot ?? placeOn(authority, command, session.db, scanner);
  if (place === ACROSS && !canSplit(command, scanner.argc)) {
    session.board.counters.errors++;
    session.replyNow(CROSSSLOT);
    return true;
  }
  const replica = session.readsReplicas && transform === null ? replicaLaneFor(session, command, place) : null;
  const lane = replica ?? session.lanes.authority();
  const op = begin(session, command, scanner);
  op.route = PASS;
  op.bucket = bucket;
  op.lane = lane;
  op.place = place;
  op.transform = transform;
  op.probes = probes;
  if (place === ACROSS) {
    noteSplit(session, command);
    op.parts = splitBySlot(op, scanner);
  } else if (authority.hasSlots && isForEveryNode(command)) op.parts = toEveryNode(op);
  else if (command.miss === 'never' && isScan(command)) sendCursor(op);
  if (replica !== null) {
    op.isReplicaRead = op.isAtReplica = true;
    op.bucket = session.reads.bucketOf(place);
    session.reads.targetBegins(op.bucket);
    session.board.counters.replicaReads++;
  } else session.reads.sourceBegins(bucket);
  op.transmit(lane);
  return true;
}

export function begin(session: Session, command: Command, scanner: RequestScanner): ClientOp {
  const op = session.begin();
  op.command = command;
  op.answeredBy = session.board.rules.authority;
  op.db = session.db;
  op.frame = scanner.frame;
  op.frameStart = scanner.frameStart;
  op.frameEnd = scanner.frameEnd;
  const { authority, noticed } = session.board;
  if (noticed.sampler.tick()) noticed.sample(command, session.db, scanner);
  op.wire = wireFor(authority, command, session.db, scanner);
  op.namesBack = namesBackFor(authority, command.name, session.db);
  return op;
}

/** The command waits for the session's own unanswered target reads. */
export function stall(session: Session): false {
  session.board.counters.stalls++;
  return false;
}
