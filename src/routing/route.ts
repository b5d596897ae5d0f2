/**
 * Where a read goes in `target-read`, and why: a pure decision, named so that `explain`, the log and tests read it.
 *
 * A read may go to the target only if its key is migrated, its reply will tell a miss (miss table), the slot's share was moved, nothing
 * that was written to the slot is still on its way (L2), neither key nor slot is dirty, the target cannot hold old
 * values (proven empty or swept), the session has no unanswered source read there, and the target answers.
 */
import type { Command } from '../commands/table.js';
import type { Switchboard } from './switchboard.js';

export const TO_TARGET = 0;
export const NOT_SHARED = 1;
export const WRITES_OPEN = 2;
export const DIRTY = 3;
export const NOT_PROVEN = 4;
export const SOURCE_READ_PENDING = 5;
export const TARGET_DOWN = 6;
export const ASKS_AUTHORITY = 7;
export const LEFT_OUT = 8;
export type ReadDecision = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export const READ_REASONS: readonly string[] = [
  'the target answers, and the source if the target misses',
  "the slot is not among the target's share",
  'writes on the slot are not yet acknowledged by the mirror',
  'the key or its slot is dirty',
  'the target was not proven empty, and no sweep of both sides is done yet',
  'the session has an unanswered source read on the slot',
  'the target is not connected',
  'the command always asks the authority',
  'the key is left out of the migration (--include, --exclude): the source has it until the cutover',
];

/** `pendingSourceReads`: of this session, on (at least) this slot. */
export function decideRead(
  board: Switchboard,
  command: Command,
  db: number,
  frame: Buffer,
  keyStart: number,
  keyEnd: number,
  slot: number,
  pendingSourceReads: number,
  targetIsUp: boolean,
): ReadDecision {
  if (command.miss === 'never') return ASKS_AUTHORITY;
  if (board.scope !== null && !board.scope.has(db, frame, keyStart, keyEnd)) return LEFT_OUT;
  if (!board.isShared(slot)) return NOT_SHARED;
  if (board.ledger.isOpen(slot)) return WRITES_OPEN;
  if (!board.targetProven) return NOT_PROVEN;
  if (pendingSourceReads !== 0) return SOURCE_READ_PENDING;
  if (!targetIsUp) return TARGET_DOWN;
  const { dirty } = board;
  if (!dirty.isClean && dirty.has(db, frame.subarray(keyStart, keyEnd), slot)) return DIRTY;
  return TO_TARGET;
}
