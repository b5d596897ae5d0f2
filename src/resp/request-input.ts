/**
 * What a client sent and was not consumed yet, as one piece to scan at a time.
 *
 * The piece is buf[pos, end). Normally that is a chunk as it was pushed. When a command turns out to continue in later
 * chunks, join() makes a buffer of its own for it:
 *
 *        pushed chunk       later chunks (queue)
 *     [ … A B C | D·· ]   [ ··D | E F … ]
 *                 └── join ──┘┴─ taken too far
 *     joined buffer  [ D···· E ]            settle() behind D gives E's bytes back; E is scanned in its own chunk
 *
 * Bytes of a piece are never changed once they are there, and a joined buffer is used for one command only: spans of
 * either stay valid for whoever keeps a reference to `buf`.
 */
import { NO_BYTES } from './command-spans.js';
import { InputQueue } from './input-queue.js';

/** At least so many bytes are taken at once, if they are there. */
const JOIN_STEP_BYTES = 512;

export class RequestInput {
  buf: Buffer = NO_BYTES;
  /** First byte not consumed. */
  pos = 0;
  /** Behind the last valid byte; a joined buffer may have room beyond. */
  end = 0;

  private joined = false;
  private readonly queue = new InputQueue();

  get bytes(): number {
    return this.end - this.pos + this.queue.bytes;
  }

  /** `chunk` is kept, and must never be written to again. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.pos === this.end && this.queue.bytes === 0) {
      this.buf = chunk;
      this.pos = 0;
      this.end = chunk.length;
    } else {
      this.queue.push(chunk);
    }
  }

  /** When the piece is consumed: goes on to the next chunk. False if there is none; then no chunk is held any more. */
  advance(): boolean {
    const chunk = this.queue.shift();
    if (chunk === null) {
      this.buf = NO_BYTES;
      this.pos = 0;
      this.end = 0;
      return false;
    }
    this.buf = chunk;
    this.pos = this.queue.chunkPos;
    this.end = chunk.length;
    return true;
  }

  /**
   * Extends the piece, whose bytes from `pos` on are part of one command, to `wantedBytes` or some more. False while so
   * many are not there: nothing is copied before. Afterwards `pos` is 0, so offsets shift by what it was.
   */
  join(wantedBytes: number): boolean {
    const have = this.end - this.pos;
    const lacking = wantedBytes - have;
    if (this.queue.bytes < lacking) return false;
    const take = this.queue.reach(lacking, Math.max(have, JOIN_STEP_BYTES));
    if (!this.joined) {
      this.moveTo(Buffer.allocUnsafe(have + take));
      this.joined = true;
    } else if (this.end + take > this.buf.length) {
      // Doubling keeps a command of many small arguments linear, too.
      this.moveTo(Buffer.allocUnsafe(Math.max(have + take, 2 * this.buf.length)));
    }
    this.queue.copyTo(this.buf, this.end, take);
    this.end += take;
    return true;
  }

  /** The command ends at `pos`: what was joined beyond it goes back to its chunk. */
  settle(): void {
    if (!this.joined) return;
    this.queue.giveBack(this.end - this.pos);
    this.joined = false;
    this.buf = NO_BYTES;
    this.pos = 0;
    this.end = 0;
  }

  clear(): void {
    this.queue.clear();
    this.joined = false;
    this.buf = NO_BYTES;
    this.pos = 0;
    this.end = 0;
  }

  private moveTo(buf: Buffer): void {
    this.buf.copy(buf, 0, this.pos, this.end);
    this.buf = buf;
    this.end -= this.pos;
    this.pos = 0;
  }
}
