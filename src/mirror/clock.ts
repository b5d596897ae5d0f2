/**
 * Deadlines across two hosts whose clocks may differ.
 *
 * A relative TTL becomes an absolute time on the **authority's** clock. The mirror compares it with its own, so
 * where the two clocks are more than 100 ms apart the deadline is moved by the difference: the key then dies on both
 * sides at one moment of real time.
 *
 * When a command ran is known only from the arrival of its reply. One that took longer than PROMPT_REPLY_MS says too
 * little about that: the keys are copied, with the deadline that the authority gave them.
 */
import type { Command } from '../commands/command.js';
import { ANY_NODE } from '../lanes/command-lane.js';
import type { Upstream } from '../lanes/upstream.js';

export const CLOCK_TOLERANCE_MS = 100;
/** Well below the margin within which a key near its deadline does not count as known (ledger/known.ts). */
export const PROMPT_REPLY_MS = 500;

/** They note in the stream's pending entries when they ran. */
const DELIVERIES = new Set(['xreadgroup', 'xclaim', 'xautoclaim']);

/** Does what the command does depend on the moment at which it runs? */
export function isTimed(command: Command, argc: number): boolean {
  return (
    command.mirroring.class === 'time' ||
    (argc > 3 && (command.name === 'set' || (command.kind === 'write' && DELIVERIES.has(command.name))))
  );
}

export class MirrorClock {
  constructor(
    private readonly authority: Upstream,
    private readonly mirror: Upstream,
  ) {}

  /** The authority's clock, ms since 1970: that of the server which has the slot. */
  nowMs(slot: number = ANY_NODE): number {
    return this.authority.nowMs(slot);
  }

  /** What to add to an authority deadline to get the mirror's, ms. 0 while the clocks agree. By the slots on both. */
  shiftMs(slot: number = ANY_NODE, mirrorSlot: number = slot): number {
    const differenceMs = this.mirror.clockOffsetFor(mirrorSlot) - this.authority.clockOffsetFor(slot);
    return Math.abs(differenceMs) > CLOCK_TOLERANCE_MS ? Math.round(differenceMs) : 0;
  }
}
