/**
 * Which node serves which slot, as one side of the migration knows it now.
 *
 *   owner[s]     the index of the node that serves slot s, NOBODY while none is known
 *   version[s]   counts what may have carried keys of s from one node to another: a new owner, an ASK that was seen.
 *                Whoever enumerates keys compares it before and after ("a slot that changed owner is scanned again")
 *   epoch        counts all of these
 *
 * Entry HOME stands for "any node": commands without a key go to the node that it names, so that they keep their order.
 * A side that is one server, wherever it moves, has one entry that matters, HOME. Node indices never change their
 * meaning while the process lives. https://redis.io/docs/reference/cluster-spec
 */
import { SLOT_COUNT } from './crc16.js';

export const NOBODY = -1;
/** The entry for commands without a key. */
export const HOME = SLOT_COUNT;

export class SlotMap {
  readonly owner = new Int16Array(SLOT_COUNT + 1).fill(NOBODY);
  readonly version = new Uint32Array(SLOT_COUNT + 1);
  epoch = 0;

  /** True when that is news. */
  assign(slot: number, node: number): boolean {
    if (this.owner[slot] === node) return false;
    this.owner[slot] = node;
    this.touch(slot);
    return true;
  }

  /** Keys of the slot may be on their way between two nodes. */
  touch(slot: number): void {
    this.version[slot]!++;
    this.epoch++;
  }

  /** The slots that a node serves. */
  slotsOf(node: number): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.owner[slot] === node) slots.push(slot);
    return slots;
  }

  /** The nodes that serve slots, by their first slot. */
  owners(): number[] {
    const found = new Set<number>();
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.owner[slot] !== NOBODY) found.add(this.owner[slot]!);
    return [...found];
  }
}
