/**
 * A file of commands as a client would send them: RESP, or inline (one command per line), as `redis-cli --pipe` takes.
 *
 * A value of a megabyte or more that is not wholly there goes out piece by piece. A last line without its line end counts;
 * a last RESP command that is not whole does not.
 */
import { type CommandSpans, NO_BYTES } from '../resp/command-spans.js';
import {
  BODY,
  HEAD,
  NEED_MORE,
  PROTOCOL_ERROR,
  RequestScanner,
  COMMAND as SCANNED,
  type ScanResult,
} from '../resp/request.js';
import { BROKEN, COMMAND, CommandReader, FIRST_PIECE, type Found, NEXT_CHUNK, PIECE } from './command-reader.js';
import { showBytes, showCommand } from './show.js';

const STREAMED_BYTES = 1024 * 1024;
const SHOWN_BYTES = 128;
const CR = 13;
const LF = 10;
const STAR = 42;
const ENDS_WITHIN = 'the file ends within this command';
const LINE_END = Buffer.from('\r\n');
const RDB_FILE = /^REDIS\d{4}/;

export class RespReader extends CommandReader {
  private readonly scanner = new RequestScanner();
  /** Of the file, behind the last chunk. */
  private pushed: number;
  private chunk: Buffer = NO_BYTES;
  private isFirst: boolean;
  private isStreaming = false;
  private cutOff: string | null = null;
  private isFinished = false;
  /** Where the next command begins, but for empty lines before it. */
  private from: number;
  /** The first bytes of the command that is not whole yet. */
  private rest: Buffer = NO_BYTES;

  constructor(offset: number) {
    super();
    this.pushed = offset;
    this.from = offset;
    this.isFirst = offset === 0;
    this.scanner.streamThreshold = STREAMED_BYTES;
  }

  get position(): number {
    return this.isStreaming ? this.offset : this.from;
  }

  push(chunk: Buffer): void {
    this.chunk = chunk;
    this.pushed += chunk.length;
    this.scanner.push(chunk);
  }

  finish(why: string | null): void {
    this.isFinished = true;
    this.cutOff = why;
  }

  next(): Found {
    if (this.isFirst && this.chunk.length > 0) {
      this.isFirst = false;
      if (RDB_FILE.test(this.chunk.toString('latin1', 0, 9))) {
        return this.broken(0, 'this is an RDB file and not one of commands: load it with Redis itself', 'REDIS');
      }
    }
    const { scanner } = this;
    const result: ScanResult = scanner.next();
    switch (result) {
      case SCANNED: {
        this.frame = scanner.frame;
        this.start = scanner.frameStart;
        this.end = scanner.frameEnd;
        const behind = this.pushed - scanner.bufferedBytes;
        // a frame of its own was put together from chunks, or made from a line: then it began where reading stood
        this.offset = this.frame === this.chunk ? behind - (this.end - this.start) : this.beyondEmptyLines();
        this.from = behind;
        return COMMAND;
      }
      case NEED_MORE:
        this.stand();
        return this.isFinished ? this.findRest() : NEXT_CHUNK;
      case HEAD:
        this.showPiece();
        this.offset = this.pushed - scanner.bufferedBytes;
        this.isStreaming = true;
        return FIRST_PIECE;
      case BODY:
        this.showPiece();
        this.isLastPiece = scanner.bodyLast;
        if (scanner.bodyLast) {
          this.isStreaming = false;
          this.from = this.pushed - scanner.bufferedBytes;
        }
        return PIECE;
      case PROTOCOL_ERROR: {
        const at = this.isStreaming ? this.offset : this.beyondEmptyLines();
        const text = scanner.error.replace(/^ERR /, '');
        return this.broken(at, `the command that begins here is malformed: ${text}`, this.beginningAt(at));
      }
    }
  }

  spans(): CommandSpans {
    return this.scanner;
  }

  private showPiece(): void {
    this.frame = this.scanner.frame;
    this.start = this.scanner.frameStart;
    this.end = this.scanner.frameEnd;
    this.isLastPiece = false;
  }

  /** `from`, moved over line ends, as far as they are at hand. */
  private beyondEmptyLines(): number {
    const base = this.pushed - this.chunk.length;
    let i = this.from - base;
    if (i < 0) return this.from;
    while (this.chunk[i] === CR || this.chunk[i] === LF) i++;
    return base + i;
  }

  private beginningAt(offset: number): string {
    const i = offset - (this.pushed - this.chunk.length);
    return i < 0 ? '' : showBytes(this.chunk.subarray(i, i + SHOWN_BYTES));
  }

  /** At the end of the file. */
  private findRest(): Found {
    const { scanner } = this;
    if (this.isStreaming) {
      return this.truncated(this.offset, this.cutOff ?? ENDS_WITHIN, '');
    }
    if (scanner.bufferedBytes === 0) {
      if (this.cutOff === null) return NEXT_CHUNK;
      const why = this.cutOff;
      this.cutOff = null;
      return this.truncated(this.from, why, '');
    }
    const { rest } = this;
    if (this.cutOff === null && rest[0] !== STAR) {
      // a last line without its end
      this.push(LINE_END);
      return this.next();
    }
    const shown = rest[0] === STAR ? showCommand(rest) : showBytes(rest);
    return this.truncated(this.from, this.cutOff ?? ENDS_WITHIN, shown);
  }

  /** All that is whole was read, and empty lines were skipped. */
  private stand(): void {
    this.from = this.pushed - this.scanner.bufferedBytes;
    const i = this.from - (this.pushed - this.chunk.length);
    if (i >= 0) this.rest = this.chunk.subarray(i, i + SHOWN_BYTES);
  }

  private truncated(offset: number, message: string, shown: string): typeof BROKEN {
    this.isTruncated = true;
    return this.broken(offset, message, shown);
  }

  private broken(offset: number, message: string, shown: string): typeof BROKEN {
    this.offset = offset;
    this.message = message;
    this.shown = shown;
    return BROKEN;
  }
}
