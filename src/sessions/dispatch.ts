/**
 * One scanned command: where it goes.
 *
 *   unknown, wrong arity          answered as Redis does (and the open transaction is spoilt)
 *   inside MULTI                  queued
 *   read                          the authority; in `target-read` perhaps the target (routing/route.ts)
 *   server                        the authority; CLUSTER and its kin may be answered here (cluster/)
 *   write, keyless write          the ledger, then the authority; mirrored at the reply
 *   session                       answered here (connection-commands.ts)
 *   refused, unsupported          -FERRY with the reason
 *
 * `dispatch` returns false when the command must wait: nothing was done, and it is tried again with the same
 * scanner contents.
 */

import { findKeys, KeyList } from '../commands/keys.js';
import { arityOk, type Command } from '../commands/table.js';
import { isTimed } from '../mirror/clock.js';
import { errorReply } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request.js';
import { ACROSS, placeOn, type Spans } from '../routing/placement.js';
import { decideRead, TO_TARGET } from '../routing/route.js';
import { SlotList } from '../routing/slots.js';
import type { Warming } from '../routing/switchboard.js';
import { keySlot } from '../topology/crc16.js';
import { block } from './blocking/block.js';
import { TARGET, WRITE } from './client-op.js';
import { clusterCommand, isClusterCommand } from './cluster/commands.js';
import { withClusterFields } from './cluster/info-fields.js';
import { presentsCluster } from './cluster/presents.js';
import { sessionCommand } from './connection-commands.js';
import { mayCross, noteCrossing, noteSplit } from './crossing.js';
import { CROSSSLOT, canSplit, splitBySlot, toEveryNode } from './fan-out/plan.js';
import { begin, pass, stall } from './forward.js';
import { hideInInfo, hidingIn, ownKeyProbe } from './hidden-keys.js';
import { withSection } from './info-section.js';
import type { Transform } from './op-extras.js';
import { checkOtherDatabase } from './other-database.js';
import { prefixRefusal } from './prefixed/refusals.js';
import { mayNeedProbes, probesOf } from './probes.js';
import { refuse } from './refusal.js';
import type { Session } from './session.js';
import { ANY_BUCKET, NO_BUCKET } from './slot-reads.js';
import { forbiddenWhileSubscribed } from './subscriptions/commands.js';
import { NOAUTH, SWAPDB_WHILE_MIRRORING, unknownCommand, unknownSubcommand, wrongArity } from './texts.js';
import { isSwapWhileMirroring, queueInTransaction, reject } from './transaction.js';
import { wireFor } from './wire.js';

/** Sections of INFO that Ferry's own is added to. */
const WITH_FERRY = new Set(['all', 'everything', 'default', 'ferry']);

const keys = new KeyList();
const slots = new SlotList();

export function dispatch(session: Session, scanner: RequestScanner): boolean {
  const { board } = session;
  const { frame, argc, starts, ends } = scanner;
  const command = board.table.lookup(frame, argc, starts, ends);
  if (command === null || !command.exists || isBareContainer(command, argc)) {
    if (command === null && isHttp(scanner)) {
      session.close('a browser is made to speak to Ferry');
      return true;
    }
    return refuse(session, unknownError(scanner, command));
  }
  if (!arityOk(command, argc)) return reject(session, command, wrongArity(command.name));
  if (session.identity.password === null && board.requiresLogin && !opensLogin(command)) {
    return reject(session, command, NOAUTH);
  }
  board.counters.commands++;
  board.counters.commandsById[command.id]!++;
  if (board.prefixSample.isDue()) board.prefixSample.take(command, scanner);
  if (session.clients.paused !== 0 && isPaused(session, command)) return false;
  session.lastCommand = command.name;
  if (command.namesScript) rememberScript(session, command, scanner);
  if (session.subscriptions !== null) {
    const forbidden = forbiddenWhileSubscribed(session, command);
    if (forbidden !== null) return reject(session, command, forbidden);
  }
  if (board.hasPrefixes) {
    const refusal = prefixRefusal(session, command, scanner);
    if (refusal !== null) return refuse(session, refusal);
  }
  if (session.transaction !== null) return queueInTransaction(session, command, scanner);
  if (command.blocking) {
    const blocked = block(session, command, scanner);
    if (blocked !== null) return blocked;
  }
  switch (command.kind) {
    case 'read':
      return read(session, command, scanner);
    case 'write':
    case 'keyless-write':
      return write(session, command, scanner);
    case 'server':
      return server(session, command, scanner);
    case 'session':
      return sessionCommand(session, command, scanner);
    default:
      return refuse(session, errorReply(`FERRY ${command.reason}`));
  }
}

/** CLIENT PAUSE holds everything, or what may change data; a queued transaction waits at its EXEC. */
function isPaused(session: Session, command: Command): boolean {
  if (session.clients.paused === 2) return true;
  if (session.transaction !== null) {
    return command.name === 'exec' && session.transaction.queued.some((q) => mayWrite(q.command));
  }
  return mayWrite(command);
}

function mayWrite({ kind, name }: Command): boolean {
  return (
    kind === 'write' || kind === 'keyless-write' || name === 'publish' || name === 'spublish' || name === 'pfcount'
  );
}

function opensLogin(command: Command): boolean {
  const { name } = command;
  return name === 'auth' || name === 'hello' || name === 'quit' || name === 'reset';
}

/** Redis closes at once on these: some web page makes a browser talk to it (cross-protocol scripting). */
function isHttp({ frame, starts, ends }: RequestScanner): boolean {
  return ends[0]! - starts[0]! < 6 && /^(post|host:)$/i.test(frame.toString('latin1', starts[0]!, ends[0]!));
}

export function isBareContainer(command: Command, argc: number): boolean {
  return command.kind === 'refused' && argc > 1 && !command.name.includes('|') && command.reason.includes('subcommand');
}

function unknownError(scanner: RequestScanner, command: Command | null): Buffer {
  // a container that the server has, and a subcommand that nobody knows, or a newer server only
  const container = command === null ? null : command.name.split('|')[0]!;
  if (container !== null && (command!.exists || command!.name !== container)) {
    return unknownSubcommand(container, scanner.arg(1));
  }
  return unknownCommand(scanner.argc, (i) => scanner.arg(i));
}

// ── reads

function read(session: Session, command: Command, scanner: RequestScanner): boolean {
  const { board } = session;
  if (!board.rules.readsTarget) {
    if (board.target.hasSlots && mayCross(command)) noteCrossing(session, command, scanner);
    if (board.warming !== null) warm(board.warming, command, session.db, scanner);
    return pass(session, command, scanner, NO_BUCKET);
  }
  const argument = onlyKey(command, scanner);
  if (argument < 0) {
    // several keys, or no miss to tell: the authority, and after all unanswered target reads
    if (session.reads.targetTotal > 0) return stall(session);
    if (board.target.hasSlots && mayCross(command)) noteCrossing(session, command, scanner);
    if (board.warming !== null) warm(board.warming, command, session.db, scanner);
    return pass(session, command, scanner, ANY_BUCKET);
  }
  const { frame, starts, ends } = scanner;
  const slot = keySlot(frame, starts[argument]!, ends[argument]!);
  const bucket = session.reads.bucketOf(slot);
  const lane = session.watch === null ? session.lanes.follower() : null;
  const place = board.follower.slotOf(session.db, frame, starts[argument]!, ends[argument]!);
  const decision = decideRead(
    board,
    command,
    session.db,
    frame,
    starts[argument]!,
    ends[argument]!,
    slot,
    session.reads.sourceReadsOn(slot),
    lane?.isUp(place) === true,
  );
  if (decision !== TO_TARGET) {
    if (session.reads.targetReadsOn(slot) > 0) return stall(session);
    if (board.warming !== null) warm(board.warming, command, session.db, scanner);
    return pass(session, command, scanner, bucket);
  }
  const op = begin(session, command, scanner);
  op.route = TARGET;
  op.answeredBy = board.follower.side;
  op.bucket = bucket;
  op.keyStart = starts[argument]!;
  op.keyEnd = ends[argument]!;
  op.lane = lane;
  session.reads.targetBegins(bucket);
  board.counters.targetReads++;
  board.counters.followedById[command.id]!++;
  const wire = wireFor(board.follower, command, session.db, scanner);
  if (wire === null) lane!.send(op, op.frame, op.frameStart, op.frameEnd, place);
  else lane!.send(op, wire, 0, wire.length, place);
  return true;
}

/** A read goes to the authority while a backfill runs. */
function warm(warming: Warming, command: Command, db: number, { frame, argc, starts, ends }: Spans): void {
  if (command.singleKey) {
    warming.touched(db, frame, starts[command.firstKey]!, ends[command.firstKey]!);
    return;
  }
  if (!findKeys(command, frame, argc, starts, ends, keys)) return;
  for (let i = 0; i < keys.count; i++) warming.touched(db, frame, starts[keys.index[i]!]!, ends[keys.index[i]!]!);
}

/** The argument that is the command's only key, -1 when it has several or its misses cannot be told. */
export function onlyKey(command: Command, scanner: Spans): number {
  if (command.miss === 'never') return -1;
  if (command.singleKey) return command.firstKey;
  const { frame, argc, starts, ends } = scanner;
  if (!findKeys(command, frame, argc, starts, ends, keys) || keys.count !== 1) return -1;
  return keys.index[0]!;
}

function server(session: Session, command: Command, scanner: RequestScanner): boolean {
  const isCluster = presentsCluster(session.board);
  if (isCluster && isClusterCommand(command)) return clusterCommand(session, command, scanner);
  if (command.name === 'info') {
    const sections = Array.from({ length: scanner.argc - 1 }, (_, i) => scanner.text(i + 1).toLowerCase());
    if (sections.length === 1 && sections[0] === 'ferry') return sessionCommand(session, command, scanner);
    if (sections.length === 0 || sections.some((name) => WITH_FERRY.has(name))) {
      const hide = hideInInfo(session);
      const change: Transform = (reply, probed) => {
        const hidden = hide(reply, probed);
        return withSection(isCluster ? withClusterFields(hidden) : hidden, session.board.describe());
      };
      return pass(session, command, scanner, NO_BUCKET, change, null, ownKeyProbe(session));
    }
    if (isCluster) return pass(session, command, scanner, NO_BUCKET, withClusterFields);
    if (sections.includes('keyspace')) {
      return pass(session, command, scanner, NO_BUCKET, hideInInfo(session), null, ownKeyProbe(session));
    }
  }
  if (isSwapWhileMirroring(session, command)) return refuse(session, SWAPDB_WHILE_MIRRORING);
  const probes = command.name === 'dbsize' ? ownKeyProbe(session) : null;
  return pass(session, command, scanner, NO_BUCKET, hidingIn(session, command, scanner), null, probes);
}

// ── writes

function write(session: Session, command: Command, scanner: RequestScanner): boolean {
  const { board } = session;
  const { frame, argc, starts, ends } = scanner;
  if (command.name === 'move' || command.name === 'copy') {
    const verdict = checkOtherDatabase(session, command, scanner);
    if (verdict === 'wait') return false;
    if (verdict !== null) return refuse(session, verdict);
  }
  // its own connection may be paused for its client: a write there must not hold a slot behind a read
  if (session.lanes.own !== null && session.hasInFlight) return false;
  if (!board.rules.mirrored) {
    if (command.name === 'script|flush') board.scripts.forget();
    if (session.reads.targetTotal > 0) return stall(session);
    if (board.target.hasSlots && mayCross(command)) noteCrossing(session, command, scanner);
    session.writtenPlace = placeOn(board.authority, command, session.db, scanner);
    return pass(session, command, scanner, NO_BUCKET);
  }
  const place = placeOn(board.authority, command, session.db, scanner);
  if (place === ACROSS && !canSplit(command, argc)) return refuse(session, CROSSSLOT);
  slots.clear();
  const told = slots.addWrite(command, frame, argc, starts, ends, board.scripts);
  if (!told && command.keyPattern.rule === 'unknown' && !board.config.allowUnknownKeys) {
    const name = command.name.toUpperCase().replace('|', ' ');
    return refuse(session, errorReply(`FERRY ${name} is refused: its keys cannot be determined (allow-unknown-keys)`));
  }
  if (session.reads.targetTotal > 0) {
    // its own unanswered target reads there come first; a write over several slots waits for all of them
    const several = slots.first < 0 || slots.more !== null;
    if (several || session.reads.targetReadsOn(slots.first) > 0) return stall(session);
  }
  if (board.target.hasSlots && mayCross(command)) noteCrossing(session, command, scanner);
  const lane = session.lanes.authority();
  const op = begin(session, command, scanner);
  op.route = WRITE;
  op.lane = lane;
  op.place = place;
  session.writtenPlace = place;
  if (place === ACROSS) {
    noteSplit(session, command);
    op.parts = splitBySlot(op, scanner);
  } else if (command.kind === 'keyless-write' && board.authority.hasSlots) op.parts = toEveryNode(op);
  slots.giveTo(op);
  op.laneId = lane.id;
  op.isTimed = isTimed(command, argc);
  if (mayNeedProbes(command, board.table)) op.probes = probesOf(board.authority, command, session.db, scanner);
  if (!board.ledger.admit(op)) session.parkedOp = op;
  return true;
}

/** What clients may call by its SHA-1 once there is another server; also what is only queued so far. */
function rememberScript({ board }: Session, { name }: Command, scanner: RequestScanner): void {
  if (name === 'eval' || name === 'eval_ro') board.scripts.sawBody(scanner.arg(1));
  else if (name === 'script|load') board.scripts.sawBody(scanner.arg(2));
  else board.scripts.sawSha(scanner.arg(1));
}
