/**
 * Bytes on their way to a socket: small pieces are copied into one block, big immutable ones are passed as they are.
 *
 * Ownership: `append` copies, so the caller's bytes may be reused at once; `appendStable` may keep a reference for
 * pieces of 16 KiB and more, so the caller promises that they are never overwritten. A block that the kernel took
 * whole is reused; of one that waits in the socket's queue the rest is used, so that a socket which takes nothing holds
 * little more than the bytes it was given, however small the portions.
 *
 *     [ in the socket's queue | not handed over | room ]
 *     0                       from              used
 */
import type { Socket } from 'node:net';

const BLOCK_BYTES = 64 * 1024;
const STABLE_BYTES = 16 * 1024;

export class Outbox {
  private block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  private from = 0;
  private used = 0;
  /** Full blocks and stable pieces in front of `block`. */
  private full: Buffer[] = [];
  private fullBytes = 0;

  /** Bytes appended and not handed to the socket. */
  get pendingBytes(): number {
    return this.fullBytes + this.used - this.from;
  }

  append(buf: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.used + length > this.block.length) {
      this.closeBlock(length);
    }
    const block = this.block;
    let to = this.used;
    if (length < 48) for (let i = start; i < end; i++) block[to++] = buf[i]!;
    else {
      buf.copy(block, to, start, end);
      to += length;
    }
    this.used = to;
  }

  appendStable(buf: Buffer, start: number, end: number): void {
    if (end - start < STABLE_BYTES) {
      this.append(buf, start, end);
      return;
    }
    this.closeBlock(0);
    this.full.push(buf.subarray(start, end));
    this.fullBytes += end - start;
  }

  /** Hands everything to the socket. */
  flushTo(socket: Socket): void {
    if (this.full.length > 0) {
      socket.cork();
      for (const piece of this.full) socket.write(piece);
      this.full = [];
      this.fullBytes = 0;
      if (this.used > this.from) {
        socket.write(this.block.subarray(this.from, this.used));
        this.from = this.used;
      }
      socket.uncork();
      return;
    }
    if (this.used === this.from) return;
    socket.write(this.block.subarray(this.from, this.used));
    this.from = this.used;
    // length 0: the kernel has taken it in the call itself, so nobody refers to the block any more
    if (socket.writableLength === 0 && !socket.connecting && this.block.length === BLOCK_BYTES)
      this.from = this.used = 0;
  }

  clear(): void {
    this.full = [];
    this.fullBytes = 0;
    // what came before may be in the queue of a socket
    this.from = this.used;
  }

  private closeBlock(room: number): void {
    if (this.used > this.from) {
      this.full.push(this.block.subarray(this.from, this.used));
      this.fullBytes += this.used - this.from;
      this.from = this.used;
    }
    if (this.used + room <= this.block.length) return;
    this.block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, room));
    this.from = this.used = 0;
  }
}
