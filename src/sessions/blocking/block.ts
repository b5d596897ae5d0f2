/**
 * A blocking command arrives: what must be found out before it may be tried, and who is in front of it.
 *
 *   may its user use MULTI?            asked once per user
 *   XREAD … $                          the stream's last id now, once and for all attempts (divergence 26)
 *   somebody waits for one of its keys it does not overtake: it is tried when the session has nothing on its way (its own
 *                                      push may have woken them) and nobody in front of its queues is being tried
 */
import { blockingArguments, type WaitedType } from '../../commands/blocking.js';
import { findKeys, findStreamOption, KeyList } from '../../commands/keys.js';
import type { Command } from '../../commands/table.js';
import { callLane } from '../../lanes/call.js';
import { ElementEffect } from '../../mirror/effect.js';
import { encodeCommand } from '../../resp/encode.js';
import { ArgReader, type RequestScanner } from '../../resp/request.js';
import { ACROSS, placeOn } from '../../routing/placement.js';
import { groupQueue, READERS } from '../../routing/waiters.js';
import { noteCrossing } from '../crossing.js';
import { CROSSSLOT } from '../fan-out/plan.js';
import { stall } from '../forward.js';
import { namesBackFor, namesBackInExec } from '../prefixed/names-back.js';
import { prefixRefusal } from '../prefixed/refusals.js';
import { probesOf } from '../probes.js';
import { refuse } from '../refusal.js';
import type { Session } from '../session.js';
import { wireFor } from '../wire.js';
import { Blocked } from './blocked.js';
import { multiRight } from './multi-right.js';

const STREAMS = Buffer.from('STREAMS');

const keys = new KeyList();
const args = new ArgReader();

/** Null: with these arguments it does not wait, and goes the ordinary way. False: it must wait for its turn. */
export function block(session: Session, command: Command, scanner: RequestScanner): boolean | null {
  const found = blockingArguments(command.name, scanner.frame, scanner.argc, scanner.starts, scanner.ends);
  if (found === null) return null;
  if (session.reads.targetTotal > 0) return stall(session);
  // it is tried on the shared connection, behind what was sent on others
  if ((session.lanes.own !== null || session.watch !== null) && session.hasInFlight) return false;
  const { board } = session;
  const asked = multiRight(session);
  if (asked === null) return false;
  const right = asked === true;

  let frame = session.resolved;
  if (frame === null) {
    if (command.name === 'xread' && readsFromNow(scanner)) {
      if (!session.hasInFlight) resolve(session, scanner);
      return false;
    }
    frame = Buffer.from(scanner.frame.subarray(scanner.frameStart, scanner.frameEnd));
  }
  args.read(frame, 0, frame.length);
  const waited: string[] = [];
  let firstKey = 0;
  if (findKeys(command, args.frame, args.argc, args.starts, args.ends, keys)) {
    firstKey = keys.index[0]!;
    for (let i = 0; i < keys.count; i++) waited.push(args.text(keys.index[i]!));
  }
  // what BLMOVE and BRPOPLPUSH write to is not what they wait for
  if (command.name === 'blmove' || command.name === 'brpoplpush') waited.length = 1;
  const kind = kindOf(command.name, found.kind);
  const { waiters } = board;
  if (kind !== READERS && waiters.count > 0 && waiters.hasAny(session.db, waited, kind)) {
    if (session.hasInFlight) return false;
    if (waiters.isTrying(session.db, waited, kind)) {
      waiters.whenQuiet(() => session.goOn());
      return false;
    }
  }
  session.resolved = null;
  const place = placeOn(board.authority, command, session.db, args);
  if (place === ACROSS) return refuse(session, CROSSSLOT);
  if (board.target.hasSlots) noteCrossing(session, command, args);

  const list = listOf(args);
  const op = session.begin();
  op.db = session.db;
  op.command = right ? board.table.byName('exec')! : command;
  if (right) op.elements = [new ElementEffect(op, command, session.db, frame, 0, frame.length, null)];
  new Blocked(session, op, {
    keys: [...new Set(waited)],
    kind,
    type: found.kind,
    timeoutMs: found.timeoutMs,
    isBare: !right,
    place: () => {
      args.read(frame, 0, frame.length);
      return placeOn(board.authority, command, session.db, args);
    },
    refusal(at) {
      if (at === ACROSS) return CROSSSLOT;
      if (!board.hasPrefixes) return null;
      args.read(frame, 0, frame.length);
      return prefixRefusal(session, command, args);
    },
    form(key) {
      const own = key === null ? list : narrowed(list, firstKey, waited, key);
      const bytes = own === list ? frame : encodeCommand(own);
      args.read(bytes, 0, bytes.length);
      const probes =
        board.rules.mirrored && command.name === 'xreadgroup'
          ? probesOf(board.authority, command, session.db, args)
          : null;
      const wire = wireFor(board.authority, command, session.db, args);
      const namesBack = namesBackFor(board.authority, command.name, session.db);
      return {
        frame: bytes,
        wire: right ? wire : withShortestWait(command.name, wire ?? bytes),
        probes,
        namesBack: right ? namesBackInExec([namesBack]) : namesBack,
      };
    },
  }).begin();
  return true;
}

function listOf(spans: ArgReader): Buffer[] {
  return Array.from({ length: spans.argc }, (_, i) => Buffer.from(spans.arg(i)));
}

/** The arguments with `key` as the only one of `keys`, which begin at `first`; as many ids follow in a stream's command. */
function narrowed(list: readonly Buffer[], first: number, keys: readonly string[], key: string): Buffer[] {
  const at = keys.lastIndexOf(key);
  const before = list.slice(0, first);
  const behind = list.slice(first + keys.length);
  if (before.at(-1)?.toString('latin1').toUpperCase() === 'STREAMS') return [...before, list[first + at]!, behind[at]!];
  // BLMPOP and BZMPOP count their keys
  if (first === 3) before[2] = Buffer.from('1');
  return [...before, list[first + at]!, ...behind];
}

/** The same bytes with the shortest wait that the server takes; what is no timeout stays, for its error. */
function withShortestWait(name: string, frame: Buffer): Buffer {
  args.read(frame, 0, frame.length);
  const found = blockingArguments(name, args.frame, args.argc, args.starts, args.ends);
  if (found === null || Number.isNaN(found.timeoutMs)) return frame;
  const list: (Buffer | string)[] = listOf(args);
  list[found.timeoutAt] = found.kind === 'stream' ? '1' : '0.001';
  return encodeCommand(list);
}

/** Those who compete for the same elements: by type, and in a stream by consumer group. */
function kindOf(name: string, kind: WaitedType): string {
  if (name === 'xread') return READERS;
  return name === 'xreadgroup' ? groupQueue(args.argc > 2 ? args.text(2) : '') : kind;
}

function readsFromNow({ frame, argc, starts, ends }: RequestScanner): boolean {
  const streams = findStreamOption(frame, argc, starts, ends, STREAMS) + 1;
  if (streams === 0 || (argc - streams) % 2 !== 0) return false;
  for (let i = streams + (argc - streams) / 2; i < argc; i++) {
    if (ends[i]! - starts[i]! === 1 && frame[starts[i]!] === 0x24) return true;
  }
  return false;
}

/** Replaces each `$` by the last id that its stream has given out, and resumes the session. */
function resolve(session: Session, scanner: RequestScanner): void {
  const { frame, argc, starts, ends } = scanner;
  const list = Array.from({ length: argc }, (_, i) => Buffer.from(scanner.arg(i)));
  const streams = findStreamOption(frame, argc, starts, ends, STREAMS) + 1;
  const count = (argc - streams) / 2;
  const keysAsked = list.slice(streams, streams + count);
  const side = session.board.authority;
  const asking = keysAsked.map((key) => ['XINFO', 'STREAM', side.keyHere(session.db, key)]);
  session.busy = true;
  callLane(
    side.jobLane('blocking', session.db),
    asking,
    keysAsked.map((key) => side.slotOf(session.db, key, 0, key.length)),
  )
    .then((replies) => {
      for (const [i, reply] of replies.entries()) {
        if (list[streams + count + i]!.toString('latin1') !== '$') continue;
        const at = Array.isArray(reply) ? reply.findIndex((field) => String(field) === 'last-generated-id') : -1;
        const id = at < 0 ? '0-0' : String((reply as Buffer[])[at + 1]);
        list[streams + count + i] = Buffer.from(id);
      }
      session.resolved = encodeCommand(list);
    })
    .catch(() => {}) // asked again with the next attempt to dispatch
    .finally(() => session.ready());
}
