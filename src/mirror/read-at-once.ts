/**
 * Reads a key's value and its deadline at one moment, on a lane of the authority.
 *
 * MULTI does that, except on a server that is over its memory limit: it refuses to queue anything, reads too, and EXEC
 * answers EXECABORT. Then the deadline is asked before and after the value, outside MULTI, and must be the same. The
 * slot is held by whoever asks, so only a writer that bypasses Ferry could come between.
 */
import { callAtomic, callLane, type LaneArgs } from '../lanes/call.js';
import type { CommandLane } from '../lanes/command-lane.js';
import { type Reply, ReplyFault } from '../resp/values.js';

/** How much a PTTL may have counted down while the value was read. */
const COUNTED_DOWN_MS = 1000;

/** How the deadline is asked: PEXPIRETIME, or PTTL, which counts down. */
export interface DeadlineRead {
  readonly args: LaneArgs;
  readonly countsDown: boolean;
}

/** The replies to `reads`, and then the one about the deadline. */
export async function readAtOnce(
  lane: CommandLane,
  slot: number,
  reads: readonly LaneArgs[],
  deadline: DeadlineRead,
): Promise<Reply[]> {
  try {
    return await callAtomic(lane, [...reads, deadline.args], slot);
  } catch (error) {
    if (!(error instanceof ReplyFault) || !isQueueingRefused(error.message)) throw error;
  }
  return readWithoutQueueing(lane, slot, reads, deadline);
}

export async function readWithoutQueueing(
  lane: CommandLane,
  slot: number,
  reads: readonly LaneArgs[],
  deadline: DeadlineRead,
): Promise<Reply[]> {
  const [before, ...replies] = await callLane(lane, [deadline.args, ...reads, deadline.args], slot);
  const [first, last] = [Number(before), Number(replies.at(-1))];
  const isSame = first === last || (deadline.countsDown && last >= 0 && first - last < COUNTED_DOWN_MS);
  if (!isSame) throw new Error('its deadline changed while it was read');
  return replies;
}

/** EXEC's answer when a command before it could not even be queued. */
export function isQueueingRefused(error: string): boolean {
  return error.startsWith('EXECABORT');
}
