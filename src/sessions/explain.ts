/**
 * What would happen to a command now, and why, without sending it: `ferry explain`, POST /api/explain.
 *
 * It asks what dispatch.ts asks (the table, routing/route.ts, the refusals, the mirror's own copyReason), for a client that
 * has nothing else on its way, is in no transaction and has the rights. So it is true for this moment only: a write that is
 * open in the slot, a dirty key or a lost connection changes it.
 */
import { findKeys, KeyList } from '../commands/keys.js';
import { spoken } from '../commands/kinds.js';
import { arityOk, type Command } from '../commands/table.js';
import { COPY_REASONS, type CopyReason, LEFT_OUT, NO_ROOM, NOT_COPIED } from '../mirror/copy-reasons.js';
import { Effect } from '../mirror/effect.js';
import type { Side } from '../phases/phase.js';
import { ArgReader } from '../resp/arg-reader.js';
import { encodeCommand } from '../resp/encode.js';
import { ACROSS, placeOn } from '../routing/placement.js';
import { decideRead, READ_REASONS, TO_TARGET } from '../routing/route.js';
import { SlotList } from '../routing/slots.js';
import type { Switchboard } from '../routing/switchboard.js';
import { keySlot } from '../topology/crc16.js';
import { mayCross } from './crossing.js';
import { isBareContainer, onlyKey } from './dispatch.js';
import { canSplit, isForEveryNode } from './fan-out/plan.js';
import { prefixRefusal } from './prefixed/refusals.js';

export interface Explanation {
  /** as Ferry understands it: "XGROUP CREATE" */
  command: string;
  phase: string;
  /** what Ferry would do */
  route: 'refused' | 'answered by Ferry' | 'sent to the authority' | 'sent to the target';
  /** the side whose reply the client gets; null: none is asked */
  side: Side | null;
  reason: string;
  /** null: nothing is mirrored */
  mirrored: {
    how: 'same bytes' | 'absolute times' | 'its outcome' | 'copy' | 'later, by a copy';
    reason: string;
  } | null;
  keys: { key: string; slot: number; isWritten: boolean; isDirty: boolean }[];
  /** what would be different at other times, and what will be after the cutover */
  notes: string[];
}

const HOW = { replay: 'same bytes', time: 'absolute times', outcome: 'its outcome', copy: 'copy' } as const;
const MIRRORING_REASONS = {
  replay: 'the same command has the same effect there',
  time: 'relative times would end later on the mirror',
  outcome: 'only what happened on the authority may happen there, which its reply tells',
  copy: COPY_REASONS[1]!,
} as const;

/** A write of which the mirror is only asked. */
class AskedEffect extends Effect {
  launch(): void {
    throw new Error('a question is not launched');
  }

  settled(): void {}
}

/** `args`: the command's name and arguments, at least one; `db`: the client's database. */
export function explain(board: Switchboard, args: readonly Buffer[], db: number): Explanation {
  const frame = encodeCommand(args);
  const spans = new ArgReader();
  spans.read(frame, 0);
  const found = board.table.lookup(frame, spans.argc, spans.starts, spans.ends);
  const told = new Telling(board, found === null ? spans.text(0).toUpperCase() : spoken(found.name));
  if (found === null || !found.exists || isBareContainer(found, spans.argc)) {
    return told.refused(`the ${board.rules.authority} has no such command`);
  }
  if (!arityOk(found, spans.argc)) return told.refused('wrong number of arguments');
  told.noteKeys(found, spans, db);
  if (found.kind === 'refused' || found.kind === 'unsupported') return told.refused(found.reason);
  if (board.hasPrefixes) {
    const refusal = prefixRefusal({ board, db }, found, spans);
    if (refusal !== null) return told.refused(refusal.toString('latin1').slice(1).trim());
  }
  told.noteTimes(found);
  switch (found.kind) {
    case 'session':
      return told.answeredHere();
    case 'read':
      return explainRead(told, found, spans, db);
    case 'server':
      if (found.name === 'swapdb' && board.rules.mirrored)
        return told.refused('a mirror follows, whose keys it would swap');
      return told.passed('it is about the server and not about a key');
    default:
      return explainWrite(told, found, spans, db);
  }
}

function explainRead(told: Telling, command: Command, spans: ArgReader, db: number): Explanation {
  const { board } = told;
  if (placeOn(board.authority, command, db, spans) === ACROSS && !canSplit(command, spans.argc))
    return told.crossSlot();
  if (!board.rules.readsTarget) return told.passed(`reads go to the ${board.rules.authority} in ${board.phase}`);
  const at = onlyKey(command, spans);
  if (at < 0) return told.passed('it reads several keys, or its reply does not show whether a key is missing');
  const { frame, starts, ends } = spans;
  const [start, end] = [starts[at]!, ends[at]!];
  const slot = keySlot(frame, start, end);
  const isUp = board.follower.state !== 'down';
  const decision = decideRead(board, command, db, frame, start, end, slot, 0, isUp);
  if (decision !== TO_TARGET) return told.passed(READ_REASONS[decision]!);
  return told.done('sent to the target', board.follower.side, READ_REASONS[decision]!);
}

function explainWrite(told: Telling, command: Command, spans: ArgReader, db: number): Explanation {
  const { board } = told;
  const { frame, frameEnd, argc, starts, ends } = spans;
  if (placeOn(board.authority, command, db, spans) === ACROSS && !canSplit(command, argc)) return told.crossSlot();
  if (!board.rules.mirrored) return told.passed(`writes go to the ${board.rules.authority} alone in ${board.phase}`);
  const slots = new SlotList();
  const isTold = slots.addWrite(command, frame, argc, starts, ends, board.scripts);
  if (!isTold && command.keyPattern.rule === 'unknown' && !board.config.allowUnknownKeys) {
    return told.refused('its keys cannot be determined (allow-unknown-keys)');
  }
  told.explanation.mirrored = mirroringOf(told, command, db, frame, frameEnd);
  const waits = [slots.first, ...(slots.more ?? [])].some((slot) => slot >= 0 && board.ledger.isOpen(slot));
  if (waits)
    told.explanation.notes.push(
      'Another write on its slot is open now: if that is on another connection, it waits for it.',
    );
  return told.passed(`writes go to the ${board.rules.authority} in ${board.phase}, and the mirror gets what they did`);
}

function mirroringOf(
  told: Telling,
  command: Command,
  db: number,
  frame: Buffer,
  frameEnd: number,
): Explanation['mirrored'] {
  const { mirror, follower } = told.board;
  const rule = command.mirroring.class;
  if (rule === 'none') return null;
  if (mirror === null) return { how: 'later, by a copy', reason: `the ${follower.side} is not connected` };
  if (command.kind === 'keyless-write') return { how: HOW[rule], reason: MIRRORING_REASONS[rule] };
  const effect = new AskedEffect();
  effect.command = command;
  effect.db = db;
  effect.take(frame, null);
  effect.frameEnd = frameEnd;
  const copied: CopyReason = mirror.explain(effect, command);
  if (copied === LEFT_OUT) {
    told.explanation.notes.push(`Nothing is mirrored: ${COPY_REASONS[LEFT_OUT]!}.`);
    return null;
  }
  if (copied === NOT_COPIED) return { how: HOW[rule], reason: MIRRORING_REASONS[rule] };
  return { how: copied === NO_ROOM ? 'later, by a copy' : 'copy', reason: COPY_REASONS[copied]! };
}

/** Collects an explanation. */
class Telling {
  readonly explanation: Explanation;

  constructor(
    readonly board: Switchboard,
    command: string,
  ) {
    const { phase } = board;
    this.explanation = {
      command,
      phase,
      route: 'refused',
      side: null,
      reason: '',
      mirrored: null,
      keys: [],
      notes: [],
    };
  }

  noteKeys(command: Command, { frame, argc, starts, ends }: ArgReader, db: number): void {
    const keys = new KeyList();
    if (!findKeys(command, frame, argc, starts, ends, keys)) return;
    for (let i = 0; i < keys.count; i++) {
      const at = keys.index[i]!;
      const key = Buffer.from(frame.subarray(starts[at], ends[at]));
      const slot = keySlot(key, 0, key.length);
      const isDirty = this.board.dirty.has(db, key, slot);
      this.explanation.keys.push({ key: key.toString(), slot, isWritten: keys.written[i] === 1, isDirty });
    }
    const { target, rules } = this.board;
    const crosses = target.hasSlots && rules.authority === 'source' && mayCross(command);
    const spans = { frame, argc, starts, ends };
    if (crosses && placeOn(target, command, db, spans) === ACROSS && !canSplit(command, argc)) {
      this.explanation.notes.push('Its keys are in several slots of the target: after the cutover it will be refused.');
    }
  }

  noteTimes(command: Command): void {
    const { notes } = this.explanation;
    if (this.board.gateClosed) notes.push('A step between two phases is under way: commands wait until it is over.');
    if (command.blocking)
      notes.push('If it finds nothing, its client is parked in Ferry; no connection to a server is blocked.');
    if (this.board.authority.hasSlots && isForEveryNode(command)) notes.push('Every node of the Cluster is asked.');
  }

  refused(reason: string): Explanation {
    return this.done('refused', null, reason);
  }

  crossSlot(): Explanation {
    return this.refused('its keys are in several slots of the Cluster (CROSSSLOT)');
  }

  answeredHere(): Explanation {
    return this.done('answered by Ferry', null, "it is about the client's own connection");
  }

  passed(reason: string): Explanation {
    return this.done('sent to the authority', this.board.rules.authority, reason);
  }

  done(route: Explanation['route'], side: Side | null, reason: string): Explanation {
    Object.assign(this.explanation, { route, side, reason });
    return this.explanation;
  }
}
