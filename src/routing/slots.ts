/** Which slots a write takes: its keys', all of them for a FLUSH, the pseudo-slot for other writes without keys. */
import { findKeys, KeyList } from '../commands/keys.js';
import { type Command, isFlush } from '../commands/table.js';
import { ALL_SLOTS, LANE_SLOTS, NO_SLOT, type Operation } from '../ledger/operation.js';
import { KEYLESS_SLOT, SLOTS } from '../ledger/slots.js';
import type { ScriptBook } from '../mirror/scripts.js';
import { keySlot } from '../topology/crc16.js';

const keys = new KeyList();

/** FLUSHALL and FLUSHDB are barriers; scripts and functions are ordered among themselves. */
export function keylessSlot(command: Command): number {
  return isFlush(command) ? ALL_SLOTS : KEYLESS_SLOT;
}

/** A replayed script may touch any key. */
function isReplayedScript(
  { name }: Command,
  scripts: ScriptBook,
  frame: Buffer,
  starts: Int32Array,
  ends: Int32Array,
): boolean {
  if (!scripts.hasReplays || (name !== 'eval' && name !== 'evalsha' && name !== 'fcall')) return false;
  return scripts.isReplayed(name, frame.subarray(starts[1]!, ends[1]!));
}

/**
 * A reusable list of distinct slots; most commands have one, so the rest is allocated only when there is more.
 *
 * A command may have very many keys. Which slots came already is told by a stamp for each: those with the list's
 * present round. A new round begins with each command that has several slots, so that nothing needs to be wiped.
 */
export class SlotList {
  first: number = NO_SLOT;
  more: number[] | null = null;

  private stamps: Uint32Array | null = null;
  private round = 0;

  clear(): void {
    this.first = NO_SLOT;
    this.more = null;
  }

  add(slot: number): void {
    const { first } = this;
    if (first === NO_SLOT || slot === ALL_SLOTS || (slot === LANE_SLOTS && first !== ALL_SLOTS)) this.first = slot;
    else if (first !== ALL_SLOTS && first !== LANE_SLOTS && slot !== first) this.addFurther(slot);
  }

  private addFurther(slot: number): void {
    this.stamps ??= new Uint32Array(SLOTS + 1);
    if (this.more === null) {
      this.more = [];
      this.round = (this.round + 1) >>> 0;
      // rounds begin anew: none of their stamps may be left
      if (this.round === 0) this.stamps.fill(this.round++);
    }
    if (this.stamps[slot] === this.round) return;
    this.stamps[slot] = this.round;
    this.more.push(slot);
  }

  /**
   * Adds the slots of one write. False: its keys cannot be determined from these arguments (nothing was added).
   * Keys that it only reads count too: what it reads must not change between its execution and its reply.
   */
  addWrite(
    command: Command,
    frame: Buffer,
    argc: number,
    starts: Int32Array,
    ends: Int32Array,
    scripts: ScriptBook | null = null,
  ): boolean {
    if (scripts !== null && isReplayedScript(command, scripts, frame, starts, ends)) this.add(LANE_SLOTS);
    if (command.kind === 'keyless-write') {
      this.add(keylessSlot(command));
      return true;
    }
    if (command.singleKey) {
      this.add(keySlot(frame, starts[command.firstKey]!, ends[command.firstKey]!));
      return true;
    }
    if (!findKeys(command, frame, argc, starts, ends, keys)) return false;
    for (let i = 0; i < keys.count; i++) {
      const at = keys.index[i]!;
      this.add(keySlot(frame, starts[at]!, ends[at]!));
    }
    return true;
  }

  /** Hands the slots over to the operation; the list of further ones is its own from now on. */
  giveTo(op: Operation): void {
    op.slot = this.first;
    op.moreSlots = this.first < 0 ? null : this.more;
  }
}
