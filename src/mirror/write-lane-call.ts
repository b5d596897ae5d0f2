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
    const replies: Reply[] = [];
    const ack: MirrorAck = {
      acknowledged(buf, start, end) {
        const own = Buffer.from(buf.subarray(start, end));
        replies.push(decodeReply(own, 0, own.length));
        if (replies.length === commands.length) resolve(replies);
      },
      failed(error) {
        if (error === null) {
          reject(new LaneLost());
          return;
        }
        replies.push(new ReplyFault(error));
        if (replies.length === commands.length) resolve(replies);
      },
    };
    for (const args of commands) {
      const frame = encodeCommand(args);
      lane.append(ack, db, slot, frame, 0, frame.length);
    }
    if (commands.length === 0) resolve(replies);
  });
}
