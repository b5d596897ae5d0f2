/**
 * The commands that one connection has sent and not had an answer to, oldest first.
 *
 *        head                 tail
 *   [ ·  A  B  C  D  E  F  G  ·  · ]      parallel arrays; indices only grow and are masked
 *        └ the next reply's   └ the next command's place
 *
 * A command is kept as a span of the bytes that were read, so that an error can name it; nothing is copied for that.
 */
import { NO_BYTES } from '../resp/command-spans.js';

/** What a reply means beyond "one more": the order does not matter. */
export const PLAIN = 0;
export const MULTI = 1;
export const EXEC = 2;
export const DISCARD = 3;
export const SELECT = 4;
/** The ECHO that ends a load. */
export const SENTINEL = 5;
/** A SELECT that went on a further connection, too: not counted. */
export const SELECT_AGAIN = 6;
export type EntryKind = 0 | 1 | 2 | 3 | 4 | 5 | 6;

export class InFlight {
  readonly capacity: number;
  /** Bytes of all spans. */
  bytes = 0;

  private readonly mask: number;
  private readonly frames: Buffer[];
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  private readonly offsets: Float64Array;
  private readonly lines: Float64Array;
  private readonly kinds: Uint8Array;
  private head = 0;
  private tail = 0;

  /** `capacity` is a power of two. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.mask = capacity - 1;
    this.frames = new Array<Buffer>(capacity).fill(NO_BYTES);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.lines = new Float64Array(capacity);
    this.kinds = new Uint8Array(capacity);
  }

  get count(): number {
    return this.tail - this.head;
  }

  /** There must be room. `offset` is the file's, `line` 0 where lines mean nothing. */
  push(frame: Buffer, start: number, end: number, offset: number, line: number, kind: EntryKind): void {
    const i = this.tail & this.mask;
    this.frames[i] = frame;
    this.starts[i] = start;
    this.ends[i] = end;
    this.offsets[i] = offset;
    this.lines[i] = line;
    this.kinds[i] = kind;
    this.bytes += end - start;
    this.tail++;
  }

  get kind(): EntryKind {
    return this.kinds[this.head & this.mask] as EntryKind;
  }

  /** Where the oldest begins in the file. */
  get offset(): number {
    return this.offsets[this.head & this.mask] as number;
  }

  get line(): number {
    return this.lines[this.head & this.mask] as number;
  }

  /** The oldest one's bytes; of a very big one only the first. */
  get command(): Buffer {
    const i = this.head & this.mask;
    return (this.frames[i] as Buffer).subarray(this.starts[i], this.ends[i]);
  }

  /** The oldest was answered. */
  shift(): void {
    const i = this.head & this.mask;
    this.bytes -= (this.ends[i] as number) - (this.starts[i] as number);
    this.frames[i] = NO_BYTES;
    this.head++;
  }
}
