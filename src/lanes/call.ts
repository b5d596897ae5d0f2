/**
 * Promises over a lane, for jobs and slow paths: a group of commands pipelined, their replies decoded.
 *
 * A group is contiguous on the lane. With `atomic` it runs inside MULTI/EXEC and resolves to EXEC's elements.
 * Rejects with LaneLost when the connection goes before the last reply.
 */
import { encodeCommand } from '../resp/encode.js';
import { decodeReply, type Reply, ReplyFault } from '../resp/values.js';
import type { Lane, LaneEntry } from './lane.js';

export type LaneArgs = readonly (Buffer | string | number)[];

export class LaneLost extends Error {
  constructor() {
    super('the connection was lost before the reply');
  }
}

export function callLane(lane: Lane, commands: readonly LaneArgs[], atomic = false): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const all = atomic ? [['MULTI'], ...commands, ['EXEC']] : commands;
    const replies: Reply[] = [];
    let over = all.length === 0;
    if (over) resolve(replies);
    const entry: LaneEntry = {
      streams: false,
      onReply(buf, start, end) {
        if (over) return;
        // decoded values are views of the bytes, and the lane's buffer is overwritten by its next read
        const own = Buffer.from(buf.subarray(start, end));
        replies.push(decodeReply(own, 0, own.length));
        if (replies.length < all.length) return;
        over = true;
        if (!atomic) resolve(replies);
        else {
          const last = replies.at(-1)!;
          if (Array.isArray(last)) resolve(last);
          else reject(last instanceof ReplyFault ? last : new Error('EXEC answered nil'));
        }
      },
      onPiece() {},
      onLost() {
        if (over) return;
        over = true;
        reject(new LaneLost());
      },
    };
    for (const args of all) {
      const frame = encodeCommand(args);
      lane.send(entry, frame, 0, frame.length);
    }
  });
}
