/**
 * Commands on their way to a socket, in as few writes as possible.
 *
 * Commands that lie behind each other in one buffer become one span of it; what is left of short ones is copied together
 * into blocks; long ones are written as they are. Nothing is kept past flush().
 */
import type { Writable } from 'node:stream';
import { NO_BYTES } from '../resp/command-spans.js';

const BLOCK_BYTES = 64 * 1024;
/** Spans shorter than this are worth a copy. */
const COPY_BELOW_BYTES = 8 * 1024;

export class Outgoing {
  private readonly socket: Writable;
  private buf: Buffer = NO_BYTES;
  private start = 0;
  private end = 0;
  private block: Buffer = NO_BYTES;
  private blockFrom = 0;
  private blockEnd = 0;

  constructor(socket: Writable) {
    this.socket = socket;
  }

  append(frame: Buffer, start: number, end: number): void {
    if (frame === this.buf && start === this.end) {
      this.end = end;
      return;
    }
    this.closeSpan();
    this.buf = frame;
    this.start = start;
    this.end = end;
  }

  flush(): void {
    this.closeSpan();
    this.writeBlock();
  }

  private closeSpan(): void {
    const bytes = this.end - this.start;
    if (bytes === 0) return;
    if (bytes >= COPY_BELOW_BYTES) {
      this.writeBlock();
      this.socket.write(this.buf.subarray(this.start, this.end));
    } else {
      if (this.block.length - this.blockEnd < bytes) {
        this.writeBlock();
        // the socket may still hold the old one
        this.block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
        this.blockFrom = 0;
        this.blockEnd = 0;
      }
      this.buf.copy(this.block, this.blockEnd, this.start, this.end);
      this.blockEnd += bytes;
    }
    this.buf = NO_BYTES;
    this.start = 0;
    this.end = 0;
  }

  private writeBlock(): void {
    if (this.blockEnd > this.blockFrom) this.socket.write(this.block.subarray(this.blockFrom, this.blockEnd));
    this.blockFrom = this.blockEnd;
  }
}
