/**
 * Reads a command's frame again, for whoever gets it later: the spans that RequestScanner found are its own and are
 * overwritten by the next command.
 *
 * The frame must come from RequestScanner or encodeCommand(): whole and well-formed multibulk bytes. A reader can be
 * used for any number of frames, one at a time; it keeps a reference to the last one until clear().
 */
import { CommandSpans, NO_BYTES } from './command-spans.js';

const LF = 10;
const CR = 13;
const DOLLAR = 36;
const STAR = 42;
const ZERO = 48;

export class ArgReader extends CommandSpans {
  private cursor = 0;

  /** @throws RangeError if the bytes are no whole frame: a broken invariant, as frames are checked when they come in. */
  read(frame: Buffer, start: number, end: number = frame.length): void {
    this.frame = frame;
    this.frameStart = start;
    this.argc = 0;
    this.argsRead = 0;
    this.cursor = start;
    const argc = this.length(STAR, end);
    let i = 0;
    for (; i < argc; i++) {
      const bytes = this.length(DOLLAR, end);
      const from = this.cursor;
      const to = from + bytes;
      if (to + 2 > end || frame[to] !== CR || frame[to + 1] !== LF) this.broken(to);
      if (i === this.starts.length) this.growSpans();
      this.starts[i] = from;
      this.ends[i] = to;
      this.cursor = to + 2;
    }
    this.frameEnd = this.cursor;
    this.argc = argc;
    this.argsRead = argc;
  }

  /** Lets go of the frame. */
  clear(): void {
    this.frame = NO_BYTES;
    this.argc = 0;
    this.argsRead = 0;
    this.shrinkSpans();
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

  private broken(p: number): never {
    throw new RangeError(`no multibulk command: byte ${p} of ${this.frame.length}`);
  }
}
