/**
 * MULTI … EXEC on a lane, contiguous because nobody else sends in between.
 *
 * What is queued is not looked at: an error among it makes EXEC answer EXECABORT. MULTI itself is: a user who may not
 * call it would have his commands executed one by one. So it is asked once per user whether he may (`probeMulti`), and
 * `MultiReply` tells when that has changed since. https://redis.io/docs/interact/transactions
 */
import { encodeCommand } from '../resp/encode.js';
import { isError } from '../resp/values.js';
import { ANY_NODE, type CommandLane } from './command-lane.js';
import type { LaneEntry } from './lane.js';

export const IGNORED: LaneEntry = { streams: false, onReply() {}, onPiece() {}, onLost() {} };
const MULTI = encodeCommand(['MULTI']);
const EXEC = encodeCommand(['EXEC']);

/** Whoever flushes a transaction hears what was refused before EXEC. */
export interface MultiListener {
  multiRefused(): void;
  /** A queued command was refused (NOPERM, OOM …), in these words. Only called for a `QueuedReply`. */
  queuedRefused(error: Buffer): void;
}

/** Pooled by its owner: it is in flight until EXEC's reply, which comes behind it. */
export class MultiReply implements LaneEntry {
  readonly streams = false;

  constructor(private readonly listener: MultiListener) {}

  onReply(buf: Buffer, start: number): void {
    if (isError(buf, start)) this.listener.multiRefused();
  }

  onPiece(): void {}

  onLost(): void {}
}

/** As `MultiReply`, for a queued command whose own error matters. */
export class QueuedReply implements LaneEntry {
  readonly streams = false;

  constructor(private readonly listener: MultiListener) {}

  onReply(buf: Buffer, start: number, end: number): void {
    if (isError(buf, start)) this.listener.queuedRefused(Buffer.from(buf.subarray(start, end)));
  }

  onPiece(): void {}

  onLost(): void {}
}

/** What MULTI and EXEC add to a transaction's commands. */
export const MULTI_AND_EXEC = 2;

export function sendMulti(lane: CommandLane, reply: LaneEntry): void {
  lane.send(reply, MULTI, 0, MULTI.length);
}

export function sendQueued(lane: CommandLane, reply: LaneEntry, frame: Buffer, start: number, end: number): void {
  lane.send(reply, frame, start, end);
}

/** `entry` gets EXEC's reply. */
export function sendExec(lane: CommandLane, entry: LaneEntry): void {
  lane.send(entry, EXEC, 0, EXEC.length);
}

/** Resolves to null when the lane's user may run transactions, else to the server's error; rejects when it is lost. */
export function probeMulti(lane: CommandLane): Promise<string | null> {
  return new Promise((resolve, reject) => {
    // both on one connection, in one go
    lane.beginGroup(ANY_NODE, 0);
    let refusal: string | null = null;
    let opened = false;
    let lost = false;
    const onLost = (): void => {
      if (!lost) reject(new Error(lane.lastError || 'the connection was lost'));
      lost = true;
    };
    const error = (buf: Buffer, start: number, end: number): string => buf.toString('latin1', start + 1, end - 2);
    lane.send(
      {
        streams: false,
        onReply(buf, start, end) {
          if (isError(buf, start)) refusal = error(buf, start, end);
          else opened = true;
        },
        onPiece() {},
        onLost,
      },
      MULTI,
      0,
      MULTI.length,
    );
    lane.send(
      {
        streams: false,
        onReply(buf, start, end) {
          if (opened && isError(buf, start)) {
            refusal = error(buf, start, end);
            lane.drop('EXEC was refused: the connection would stay in MULTI');
          }
          resolve(refusal);
        },
        onPiece() {},
        onLost,
      },
      EXEC,
      0,
      EXEC.length,
    );
    lane.endGroup();
  });
}
