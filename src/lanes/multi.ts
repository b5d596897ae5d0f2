/**
 * MULTI … EXEC on a lane, contiguous because nobody else sends in between.
 *
 * The replies to MULTI and to what is queued are not looked at: an error among them makes EXEC answer EXECABORT.
 * https://redis.io/docs/interact/transactions
 */
import { encodeCommand } from '../resp/encode.js';
import type { Lane, LaneEntry } from './lane.js';

const IGNORED: LaneEntry = { streams: false, onReply() {}, onPiece() {}, onLost() {} };
const MULTI = encodeCommand(['MULTI']);
const EXEC = encodeCommand(['EXEC']);

export function sendMulti(lane: Lane): void {
  lane.send(IGNORED, MULTI, 0, MULTI.length);
}

export function sendQueued(lane: Lane, frame: Buffer, start: number, end: number): void {
  lane.send(IGNORED, frame, start, end);
}

/** `entry` gets EXEC's reply. */
export function sendExec(lane: Lane, entry: LaneEntry): void {
  lane.send(entry, EXEC, 0, EXEC.length);
}
