/**
 * Promises over a lane, for jobs and slow paths: some commands pipelined, their replies decoded, in their order.
 *
 * With one slot for all of them they are contiguous on one connection; with a slot each they go to their nodes. An atomic
 * call runs inside MULTI/EXEC and resolves to EXEC's elements. Rejects with LaneLost when a connection goes before the
 * last reply. Replies are decoded as RESP2; where only the error matters, `errorOf` reads either version.
 */
import { encodeCommand } from '../resp/encode.js';
import { decodeReply, isError, type Reply, ReplyFault } from '../resp/values.js';
import { ANY_NODE, type CommandLane } from './command-lane.js';
import type { LaneEntry } from './lane.js';

export type LaneArgs = readonly (Buffer | string | number)[];

export class LaneLost extends Error {
  constructor() {
    super('the connection was lost before the reply');
  }
}

export function callLane(
  lane: CommandLane,
  commands: readonly LaneArgs[],
  slots: number | readonly number[] = ANY_NODE,
): Promise<Reply[]> {
  return send(lane, commands, slots, 0);
}

/** As `callLane`, in one transaction. */
export async function callAtomic(lane: CommandLane, commands: readonly LaneArgs[], slot: number): Promise<Reply[]> {
  const all = [['MULTI'], ...commands, ['EXEC']];
  const last = (await send(lane, all, slot, all.length)).at(-1)!;
  if (Array.isArray(last)) return last;
  throw last instanceof ReplyFault ? last : new Error('EXEC answered nil');
}

function send(
  lane: CommandLane,
  commands: readonly LaneArgs[],
  slots: number | readonly number[],
  atomic: number,
): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const replies: Reply[] = new Array<Reply>(commands.length);
    let left = commands.length;
    if (left === 0) resolve(replies);
    const entryOf = (i: number): LaneEntry => ({
      streams: false,
      onReply(buf, start, end) {
        // decoded values are views of the bytes, and the lane's buffer is overwritten by its next read
        const own = Buffer.from(buf.subarray(start, end));
        replies[i] = decodeReply(own, 0, own.length);
        if (--left === 0) resolve(replies);
      },
      onPiece() {},
      onLost: () => reject(new LaneLost()),
    });
    const isOne = typeof slots === 'number';
    if (isOne && (atomic > 0 || commands.length > 1)) lane.beginGroup(slots, atomic);
    for (const [i, args] of commands.entries()) {
      const frame = encodeCommand(args);
      lane.send(entryOf(i), frame, 0, frame.length, isOne ? slots : slots[i]);
    }
    if (isOne) lane.endGroup();
  });
}

/** The error that one command is answered with, without its `-` and one character per byte; '' when it is answered. */
export function errorOf(lane: CommandLane, args: LaneArgs): Promise<string> {
  return new Promise((resolve, reject) => {
    const frame = encodeCommand(args);
    const entry: LaneEntry = {
      streams: false,
      onReply(buf, start, end) {
        resolve(isError(buf, start) ? buf.toString('latin1', start + 1, end - 2) : '');
      },
      onPiece() {},
      onLost() {
        reject(new LaneLost());
      },
    };
    lane.send(entry, frame, 0, frame.length);
  });
}
