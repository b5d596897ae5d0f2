/**
 * Bytes on their way to a socket: small pieces are copied into one block, big immutable ones are passed as they are.
 *
 * Ownership: `append` copies, so the caller's bytes may be reused at once; `appendStable` may keep a reference for
 * pieces of 16 KiB and more, so the caller promises that they are never overwritten. A block that the kernel took
 * whole is reused; one that waits in the socket's queue is left to it.
 */
import type { Socket } from 'node:net';

const BLOCK_BYTES = 64 * 1024;
const STABLE_BYTES = 16 * 1024;

export class Outbox {
  private block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  private used = 0;
  /** Full blocks and stable pieces in front of `block`. */
  private full: Buffer[] = [];
  private fullBytes = 0;

  /** Bytes appended and not handed to the socket. */
  get pendingBytes(): number {
    return this.fullBytes + this.used;
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
    if (this.used > 0) this.closeBlock(0);
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
      if (this.used > 0) {
        socket.write(this.block.subarray(0, this.used));
        this.block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
        this.used = 0;
      }
      socket.uncork();
      return;
    }
    if (this.used === 0) return;
    socket.write(this.block.subarray(0, this.used));
    // length 0: the kernel has taken it in the call itself, so nobody refers to the block any more
    if (socket.writableLength !== 0 || socket.connecting || this.block.length > BLOCK_BYTES) {
      this.block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    }
    this.used = 0;
  }

  clear(): void {
    this.full = [];
    this.fullBytes = 0;
    this.used = 0;
  }

  private closeBlock(room: number): void {
    if (this.used > 0) {
      this.full.push(this.block.subarray(0, this.used));
      this.fullBytes += this.used;
    }
    this.block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, room));
    this.used = 0;
  }
}
