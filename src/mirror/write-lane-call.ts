/** Reads over the write lane: what they answer stands in the order of the mirror's writes (verification, 3.9). */

import { LaneLost } from '../lanes/call.js';
import { encodeCommand } from '../resp/encode.js';
import { decodeReply, type Reply, ReplyFault } from '../resp/values.js';
import type { Args } from './derivation.js';
import type { MirrorAck, WriteLane } from './write-lane.js';

export function callWriteLane(lane: WriteLane, db: number, slot: number, commands: readonly Args[]): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    if (!lane.canTake(db, slot, 0)) {
      reject(new LaneLost());
      return;
    }
    const replies: Reply[] = new Array<Reply>(commands.length);
    let left = commands.length;
    if (left === 0) resolve(replies);
    const answered = (i: number, reply: Reply): void => {
      replies[i] = reply;
      if (--left === 0) resolve(replies);
    };
    // each its own: while keys move, a later command may be answered before an earlier one
    const ackOf = (i: number): MirrorAck => ({
      acknowledged(buf, start, end) {
        const own = Buffer.from(buf.subarray(start, end));
        answered(i, decodeReply(own, 0, own.length));
      },
      failed(error) {
        if (error === null) reject(new LaneLost());
        else answered(i, new ReplyFault(error));
      },
    });
    for (const [i, args] of commands.entries()) {
      const frame = encodeCommand(args);
      lane.append(ackOf(i), db, slot, frame, 0, frame.length);
    }
  });
}
