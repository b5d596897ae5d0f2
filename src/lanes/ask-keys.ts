/**
 * The same questions about each of many keys, pipelined over a lane; the replies as bytes in one buffer.
 *
 *   heads  DUMP, PTTL        keys  a, b           sent      DUMP a, PTTL a, DUMP b, PTTL b
 *   answers                  starts/ends[i * heads.length + n]: where the answer to question n about key i is
 *
 * For jobs that look at every key there is: no closure, decoded value or buffer per reply. Rejects with LaneLost when a
 * connection goes before the last reply.
 */
import { encodeForKeys } from '../resp/encode.js';
import { LaneLost } from './call.js';
import type { CommandLane } from './command-lane.js';
import type { LaneEntry } from './lane.js';

const FIRST_BYTES = 16 * 1024;

export class KeyAnswers {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  private used = 0;
  private left: number;

  constructor(
    count: number,
    private readonly resolve: (answers: KeyAnswers) => void,
    readonly reject: (error: Error) => void,
  ) {
    this.starts = new Int32Array(count);
    this.ends = new Int32Array(count);
    this.left = count;
  }

  take(index: number, buf: Buffer, start: number, end: number): void {
    const used = this.used + end - start;
    if (used > this.bytes.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(used, 2 * this.bytes.length));
      this.bytes.copy(bigger, 0, 0, this.used);
      this.bytes = bigger;
    }
    buf.copy(this.bytes, this.used, start, end);
    this.starts[index] = this.used;
    this.ends[index] = this.used = used;
    if (--this.left === 0) this.resolve(this);
  }
}

class Answer implements LaneEntry {
  readonly streams = false;
  readonly canRepeat = true;

  constructor(
    private readonly answers: KeyAnswers,
    private readonly index: number,
  ) {}

  onReply(buf: Buffer, start: number, end: number): void {
    this.answers.take(this.index, buf, start, end);
  }

  onPiece(): void {}

  onLost(): void {
    this.answers.reject(new LaneLost());
  }
}

/** `heads` as `commandHead` makes them, of reads whose last argument is the key; `slots` one per key. */
export function askKeys(
  lane: CommandLane,
  heads: readonly Buffer[],
  keys: readonly Buffer[],
  slots: readonly number[],
): Promise<KeyAnswers> {
  return new Promise((resolve, reject) => {
    const count = heads.length * keys.length;
    const answers = new KeyAnswers(count, resolve, reject);
    if (count === 0) resolve(answers);
    const ends = new Int32Array(count);
    const frames = encodeForKeys(heads, keys, ends);
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i]!;
      lane.send(new Answer(answers, i), frames, start, end, slots[Math.floor(i / heads.length)]);
      start = end;
    }
  });
}
