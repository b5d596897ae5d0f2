/**
 * Which node serves which slot, as one side of the migration knows it now.
 *
 *   owner[s]     the index of the node that serves slot s, NOBODY while none is known
 *   version[s]   counts what may have carried keys of s from one node to another: a new owner, an ASK that was seen.
 *                Whoever enumerates keys compares it before and after ("a slot that changed owner is scanned again")
 *   epoch        counts all of these
 *   moves[s]     counts new owners only, and `allMoves` those of all slots: of a slot that is on its way its owner goes on
 *                to serve what it still has, so that a cursor of it stays good, however many ASKs there are
 *
 * Entry HOME stands for "any node": commands without a key go to the node that it names, so that they keep their order.
 * A side that is one server, wherever it moves, has one entry that matters, HOME. Node indices never change their
 * meaning while the process lives. https://redis.io/docs/reference/cluster-spec
 */
import { SLOT_COUNT } from './crc16.js';

export const NOBODY = -1;
/** The entry for commands without a key. */
export const HOME = SLOT_COUNT;

/** A node, and the first of the slots that it serves. */
export interface FirstSlot {
  readonly node: number;
  readonly slot: number;
}

export class SlotMap {
  readonly owner = new Int16Array(SLOT_COUNT + 1).fill(NOBODY);
  readonly version = new Uint32Array(SLOT_COUNT + 1);
  epoch = 0;
  readonly moves = new Uint32Array(SLOT_COUNT + 1);
  allMoves = 0;
  private counted: readonly FirstSlot[] = [];
  private countedEpoch = -1;

  /** True when that is news. */
  assign(slot: number, node: number): boolean {
    if (this.owner[slot] === node) return false;
    this.owner[slot] = node;
    this.moves[slot]!++;
    this.allMoves++;
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

  /** The nodes that serve slots, in the order of their first slots. */
  owners(): readonly number[] {
    return this.firstSlots().map(({ node }) => node);
  }

  /** The same with these slots; counted once for each state of the map. */
  firstSlots(): readonly FirstSlot[] {
    if (this.countedEpoch === this.epoch) return this.counted;
    const found = new Map<number, FirstSlot>();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const node = this.owner[slot]!;
      if (node !== NOBODY && !found.has(node)) found.set(node, { node, slot });
    }
    this.counted = [...found.values()];
    this.countedEpoch = this.epoch;
    return this.counted;
  }
}
