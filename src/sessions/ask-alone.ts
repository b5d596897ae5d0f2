/**
 * A command on a connection of its own, under its client's identity: SCRIPT KILL must not wait behind the script.
 *
 * Of a Cluster every node is asked, since nobody but the nodes knows which of them runs one: what one of them killed was
 * meant, then what one of them will not kill.
 */
import type { LaneEntry } from '../lanes/lane.js';
import { RoutedLane } from '../lanes/routed/routed-lane.js';
import { errorReply } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request.js';
import { isError } from '../resp/values.js';
import type { Session } from './session.js';

/** Resolves to the server's reply. */
export async function askAlone(session: Session, scanner: RequestScanner): Promise<Buffer> {
  const { authority } = session.board;
  const pin = authority.pins.take(session.identity, session.db, session.resp);
  const { lane } = pin;
  const frame = Buffer.from(scanner.frame.subarray(scanner.frameStart, scanner.frameEnd));
  const asked =
    authority.hasSlots && lane instanceof RoutedLane
      ? authority.masters.map(({ index }) => replyOf((entry) => lane.sendTo(index, entry, frame, 0, frame.length)))
      : [replyOf((entry) => lane.send(entry, frame, 0, frame.length))];
  const replies = (await Promise.all(asked)).filter((reply) => reply !== null);
  if (replies.length < asked.length) authority.pins.discard(pin);
  else authority.pins.giveBack(pin);
  const said =
    replies.find((reply) => !isError(reply, 0)) ??
    replies.find((reply) => reply.toString('latin1', 1, 11) === 'UNKILLABLE') ??
    replies[0];
  return said ?? errorReply(session.refusalText(lane));
}

/** Null when the connection went. */
function replyOf(send: (entry: LaneEntry) => void): Promise<Buffer | null> {
  return new Promise((resolve) => {
    send({
      streams: false,
      onReply: (buf, start, end) => resolve(Buffer.from(buf.subarray(start, end))),
      onPiece() {},
      onLost: () => resolve(null),
    });
  });
}
