/**
 * A command as offsets into the bytes it came in: what RequestScanner finds and ArgReader finds again.
 *
 * Argument i, the command's name being argument 0, is frame[starts[i], ends[i]). The two arrays only have room for at
 * least `argc` entries, what lies beyond is void; they are replaced when they must grow, so re-read the fields.
 */
import { strictInteger } from './limits.js';

const INITIAL_ARGUMENTS = 8;
/** Arrays that one long command made larger than this are given back when they are not in use. */
const KEPT_ARGUMENTS = 1024;

export const NO_BYTES: Buffer = Buffer.alloc(0);

export abstract class CommandSpans {
  /** The buffer that all spans index. */
  frame: Buffer = NO_BYTES;
  frameStart = 0;
  /** Offset behind the command's last byte. */
  frameEnd = 0;
  /** Number of arguments, the name included. */
  argc = 0;
  /** Number of arguments whose spans are set. Fewer than `argc` only in a HEAD (see request.ts). */
  argsRead = 0;
  starts: Int32Array = new Int32Array(INITIAL_ARGUMENTS);
  ends: Int32Array = new Int32Array(INITIAL_ARGUMENTS);

  /** A view of the frame's own bytes, not a copy. */
  arg(i: number): Buffer {
    this.check(i);
    return this.frame.subarray(this.starts[i], this.ends[i]);
  }

  /** One character per byte (latin1). */
  text(i: number): string {
    this.check(i);
    return this.frame.toString('latin1', this.starts[i], this.ends[i]);
  }

  /** NaN if the argument is not what Redis takes for an integer. Exact up to 2^53, rounded beyond. */
  int(i: number): number {
    this.check(i);
    return strictInteger(this.frame, this.starts[i], this.ends[i]);
  }

  /** Makes room for at least one more argument, keeping what is there. */
  protected growSpans(): void {
    const starts = new Int32Array(this.starts.length * 2);
    const ends = new Int32Array(this.ends.length * 2);
    starts.set(this.starts);
    ends.set(this.ends);
    this.starts = starts;
    this.ends = ends;
  }

  protected shrinkSpans(): void {
    if (this.starts.length <= KEPT_ARGUMENTS) return;
    this.starts = new Int32Array(INITIAL_ARGUMENTS);
    this.ends = new Int32Array(INITIAL_ARGUMENTS);
  }

  private check(i: number): void {
    if (i < 0 || i >= this.argsRead) throw new RangeError(`argument ${i} of a command of ${this.argsRead}`);
  }
}
