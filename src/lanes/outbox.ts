/**
 * Bytes on their way to a socket: small pieces are copied into one block, big immutable ones are passed as they are.
 *
 * What is appended last is not copied at once: it is a *run*, and most often the next piece goes on where it ends (the
 * commands of a pipeline lie behind one another in what a client sent, and so do their replies in what the server did).
 * So sixteen of them cost one copy, and a run that is all there is goes out from where it lies.
 *
 *     [ in the socket's queue | not handed over | room ]   + run
 *     0                       from              used
 *
 * Ownership:
 *   append           copies, so the caller's bytes may be reused at once
 *   appendStable     may keep a reference: the caller promises that the bytes are never overwritten
 *   appendBorrowed   keeps a reference until `settleBorrowed`: whoever overwrites a buffer out of which others may have
 *                    borrowed calls that first. Only one outbox borrows at a time.
 * A block that the kernel took whole goes back to where all connections have theirs from (blocks.ts), so one that has
 * nothing to send holds none; of one that waits in the socket's queue the rest is used, so that a socket which takes
 * nothing holds little more than the bytes it was given, however small the portions. A full one goes back when the socket
 * has written its last bytes.
 */
import type { Socket } from 'node:net';
import { copyBytes } from '../resp/copy-bytes.js';
import { BLOCK_BYTES, giveBlock, isBlock, takeBlock, takeBlockFor } from './blocks.js';

const STABLE_BYTES = 16 * 1024;

const NONE: Buffer = Buffer.alloc(0);

/** Full blocks in the queue of one socket, which writes them in their order. */
class Handed {
  readonly blocks: Buffer[] = [];

  /** The callback of the write that has a block's last bytes. */
  readonly written = (error?: Error | null): void => {
    const block = this.blocks.shift()!;
    if (error === undefined || error === null) giveBlock(block);
  };
}

/** Its run is in a buffer that will be overwritten. */
let borrower: Outbox | null = null;

/** Copies what was borrowed out of a buffer that is about to be overwritten. */
export function settleBorrowed(): void {
  borrower?.settle();
}

export class Outbox {
  private block: Buffer = NONE;
  private from = 0;
  private used = 0;
  private run: Buffer = NONE;
  private runStart = 0;
  private runEnd = 0;
  /** Full blocks and stable pieces in front of `block`. */
  private full: Buffer[] = [];
  /** For each of them the block that it is the end of, null if it is none's. */
  private ends: (Buffer | null)[] = [];
  private fullBytes = 0;
  private handed: Handed | null = null;

  /** Bytes appended and not handed to the socket. */
  get pendingBytes(): number {
    return this.fullBytes + this.used - this.from + this.runEnd - this.runStart;
  }

  append(buf: Buffer, start: number, end: number): void {
    this.settle();
    this.copy(buf, start, end);
  }

  appendStable(buf: Buffer, start: number, end: number): void {
    if (buf === this.run && start === this.runEnd) {
      this.runEnd = end;
      return;
    }
    this.settle();
    this.run = buf;
    this.runStart = start;
    this.runEnd = end;
  }

  appendBorrowed(buf: Buffer, start: number, end: number): void {
    if (borrower !== this) {
      borrower?.settle();
      this.settle();
      borrower = this;
    }
    this.appendStable(buf, start, end);
    borrower = this; // a run that ended was settled, this one is borrowed again
  }

  /** Hands everything to the socket. */
  flushTo(socket: Socket): void {
    if (borrower === this) this.settle();
    if (this.full.length === 0 && this.used === this.from) {
      if (this.runEnd > this.runStart) socket.write(this.takeRun());
      return;
    }
    this.settle();
    if (this.full.length > 0) this.flushFull(socket);
    else {
      socket.write(this.block.subarray(this.from, this.used));
      this.from = this.used;
    }
    // length 0: the kernel has taken it in the call itself, so nobody refers to the block any more
    if (socket.writableLength === 0 && !socket.connecting && isBlock(this.block)) {
      giveBlock(this.block);
      this.block = NONE;
      this.from = this.used = 0;
    }
  }

  clear(): void {
    this.full = [];
    this.ends = [];
    this.fullBytes = 0;
    this.endRun();
    // what came before may be in the queue of a socket, and what the next one writes is no business of its callbacks
    this.handed = null;
    this.block = NONE;
    this.from = this.used = 0;
  }

  /** The run is not a run any more: copied, or kept as it is when it is big and stable. */
  settle(): void {
    const { run, runStart, runEnd } = this;
    const isBorrowed = borrower === this;
    if (isBorrowed) borrower = null;
    if (runStart === runEnd) return;
    if (isBorrowed || runEnd - runStart < STABLE_BYTES) this.copy(run, runStart, runEnd);
    else {
      this.closeBlock(0);
      this.full.push(run.subarray(runStart, runEnd));
      this.ends.push(null);
      this.fullBytes += runEnd - runStart;
    }
    this.endRun();
  }

  private takeRun(): Buffer {
    const { run, runStart, runEnd } = this;
    this.endRun();
    return run.subarray(runStart, runEnd);
  }

  private endRun(): void {
    if (borrower === this) borrower = null;
    this.run = NONE;
    this.runStart = this.runEnd = 0;
  }

  private copy(buf: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.used + length > this.block.length) this.closeBlock(length);
    this.used = copyBytes(this.block, this.used, buf, start, end);
  }

  private flushFull(socket: Socket): void {
    const { full, ends } = this;
    socket.cork();
    for (let i = 0; i < full.length; i++) {
      const block = ends[i]!;
      if (block === null) socket.write(full[i]!);
      else {
        this.handed ??= new Handed();
        this.handed.blocks.push(block);
        socket.write(full[i]!, this.handed.written);
      }
    }
    this.full = [];
    this.ends = [];
    this.fullBytes = 0;
    if (this.used > this.from) {
      socket.write(this.block.subarray(this.from, this.used));
      this.from = this.used;
    }
    socket.uncork();
  }

  private closeBlock(room: number): void {
    const isFull = this.used + room > this.block.length;
    if (isFull && this.from === 0 && this.used > 0 && this.used + room <= BLOCK_BYTES) {
      // a small one, of which nothing was handed over
      const bigger = takeBlock();
      this.block.copy(bigger, 0, 0, this.used);
      giveBlock(this.block);
      this.block = bigger;
      return;
    }
    if (this.used > this.from) {
      this.full.push(this.block.subarray(this.from, this.used));
      this.ends.push(isFull && isBlock(this.block) ? this.block : null);
      this.fullBytes += this.used - this.from;
      this.from = this.used;
    }
    if (!isFull) return;
    this.block = room <= BLOCK_BYTES ? takeBlockFor(room) : Buffer.allocUnsafeSlow(room);
    this.from = this.used = 0;
  }
}
