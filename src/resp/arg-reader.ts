/**
 * Reads a command's frame again, for whoever gets it later: the spans that RequestScanner found are its own and are
 * overwritten by the next command.
 *
 * The frame must come from RequestScanner or encodeCommand(): whole and well-formed multibulk bytes. A reader can be
 * used for any number of frames, one at a time; it keeps a reference to the last one until clear().
 */
import { strictInteger } from './limits.js';

const LF = 10;
const CR = 13;
const STAR = 42;
const DOLLAR = 36;
const ZERO = 48;
const EMPTY = Buffer.alloc(0);

export class ArgReader {
  frame: Buffer = EMPTY;
  /** Offset behind the frame that was read. */
  frameEnd = 0;
  argc = 0;
  /** Argument i is frame[starts[i], ends[i]). The arrays are replaced when they grow: re-read the fields. */
  starts: Int32Array = new Int32Array(16);
  ends: Int32Array = new Int32Array(16);

  private cursor = 0;

  /** @throws RangeError if the bytes are no whole frame: a broken invariant, as frames are checked when they come in. */
  read(frame: Buffer, start: number, end: number = frame.length): void {
    this.frame = frame;
    this.cursor = start;
    const argc = this.length(STAR, end);
    if (argc > this.starts.length) {
      const size = 1 << (32 - Math.clz32(argc));
      this.starts = new Int32Array(size);
      this.ends = new Int32Array(size);
    }
    for (let i = 0; i < argc; i++) {
      const bytes = this.length(DOLLAR, end);
      const from = this.cursor;
      this.starts[i] = from;
      this.ends[i] = from + bytes;
      this.cursor = from + bytes + 2;
      if (this.cursor > end || frame[from + bytes] !== CR || frame[from + bytes + 1] !== LF) this.broken(from + bytes);
    }
    this.argc = argc;
    this.frameEnd = this.cursor;
  }

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

  clear(): void {
    this.frame = EMPTY;
    this.argc = 0;
  }

  /** The number in the line at the cursor, which moves behind it. */
  private length(type: number, end: number): number {
    const { frame } = this;
    let p = this.cursor;
    if (p + 4 > end || frame[p] !== type) this.broken(p);
    let value = 0;
    for (p++; p + 1 < end && frame[p] !== CR; p++) {
      const digit = frame[p] - ZERO;
      if (digit < 0 || digit > 9) this.broken(p);
      value = value * 10 + digit;
    }
    if (p + 1 >= end || frame[p + 1] !== LF) this.broken(p);
    this.cursor = p + 2;
    return value;
  }

  private check(i: number): void {
    if (i < 0 || i >= this.argc) throw new RangeError(`argument ${i} of a command of ${this.argc}`);
  }

  private broken(p: number): never {
    this.argc = 0;
    throw new RangeError(`no multibulk command: byte ${p} of ${this.frame.length}`);
  }
}
