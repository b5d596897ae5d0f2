/**
 * Bytes of a file → commands with their positions, one at a time. resp-reader.ts and record-reader.ts implement it.
 *
 *   reader.push(chunk);
 *   for (;;) switch (reader.next()) {
 *     NEXT_CHUNK   nothing whole is left: push() more, or end()
 *     COMMAND      frame, start, end, offset, line are set
 *     FIRST_PIECE  as COMMAND, for a command too big to be held: further bytes of it come as PIECE, until `isLastPiece`
 *     FAULT        something that is no command: message, offset, line, shown say what. It is left out, and reading goes on
 *     BROKEN       the same, and nothing behind it can be read
 *   }
 *
 * Every byte belongs to the first command that ends behind it: what lies before `offset` is done with once the commands
 * before are. Chunks are kept as long as their commands are.
 */
import { type CommandSpans, NO_BYTES } from '../resp/command-spans.js';

export const NEXT_CHUNK = 0;
export const COMMAND = 1;
export const FIRST_PIECE = 2;
export const PIECE = 3;
export const FAULT = 4;
export const BROKEN = 5;
export type Found = 0 | 1 | 2 | 3 | 4 | 5;

export abstract class CommandReader {
  frame: Buffer = NO_BYTES;
  start = 0;
  end = 0;
  isLastPiece = false;
  /** Of the first byte of the command, or of the record that it comes from. */
  offset = 0;
  /** Counted from 1; 0 where lines mean nothing or were not counted. */
  line = 0;

  /** With FAULT and BROKEN. */
  message = '';
  /** With BROKEN: the file ends too early. */
  isTruncated = false;
  /** What the faulty bytes begin with, for people. */
  shown = '';
  /** Where what was not returned yet begins. */
  abstract readonly position: number;

  abstract push(chunk: Buffer): void;
  /** No more bytes come: next() finds what is left, then NEXT_CHUNK. `why`: the bytes were cut off. */
  abstract finish(why: string | null): void;
  abstract next(): Found;
  /** The arguments of the current command. */
  abstract spans(): CommandSpans;
}
