/**
 * In which slot of a side a command's keys are: pure, and without an allocation.
 *
 *   a slot      all of its keys are in that one, or its sharded channel is
 *   ANY_NODE    it has no keys, they cannot be told, or the side is no Cluster
 *   ACROSS      its keys are in several slots
 */
import { findKeys, KeyList } from '../commands/keys.js';
import type { Command } from '../commands/table.js';
import { ANY_NODE } from '../lanes/command-lane.js';
import type { Upstream } from '../lanes/upstream.js';

export const ACROSS = -2;

/** A command's arguments: a scanner or a reader at it. */
export interface Spans {
  readonly frame: Buffer;
  readonly argc: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

const keys = new KeyList();

/** What of a side matters: an `Upstream`. */
export type PlacingSide = Pick<Upstream, 'hasSlots' | 'slotOf'>;

export function placeOn(side: PlacingSide, command: Command, db: number, spans: Spans): number {
  if (!side.hasSlots) return ANY_NODE;
  const { frame, argc, starts, ends } = spans;
  if (command.singleKey) return side.slotOf(db, frame, starts[command.firstKey]!, ends[command.firstKey]!);
  if (command.keyPattern.rule === 'no-keys') {
    // a sharded channel is published where a key of its name would be
    return command.name === 'spublish' ? side.slotOf(db, frame, starts[1]!, ends[1]!) : ANY_NODE;
  }
  if (!findKeys(command, frame, argc, starts, ends, keys) || keys.count === 0) return ANY_NODE;
  const first = keys.index[0]!;
  const slot = side.slotOf(db, frame, starts[first]!, ends[first]!);
  for (let i = 1; i < keys.count; i++) {
    const at = keys.index[i]!;
    if (side.slotOf(db, frame, starts[at]!, ends[at]!) !== slot) return ACROSS;
  }
  return slot;
}

/** Two commands of one transaction. */
export function together(a: number, b: number): number {
  if (a === ANY_NODE || a === b) return b;
  return b === ANY_NODE ? a : ACROSS;
}

/** The argument that is its first key, or -1. */
export function firstKeyOf(command: Command, { frame, argc, starts, ends }: Spans): number {
  if (command.singleKey) return command.firstKey < argc ? command.firstKey : -1;
  return findKeys(command, frame, argc, starts, ends, keys) && keys.count > 0 ? keys.index[0]! : -1;
}
