/**
 * Chunks that were received and not yet scanned, oldest first.
 *
 * A chunk may be taken in part. It is let go only when the one behind it is touched, so that the bytes taken last can
 * be given back. Tiny chunks are copied together: a client that sends a large value byte by byte must not cost an
 * object per byte. The chunks handed in are never written to.
 */
const TINY_BYTES = 1024;
const BLOCK_BYTES = 16 * 1024;
const EMPTY = Buffer.alloc(0);

export class InputQueue {
  /** Bytes not taken yet. */
  bytes = 0;
  /** Set by shift(): how much of the chunk had been taken before. */
  chunkPos = 0;

  private readonly chunks: Buffer[] = [];
  private head = 0;
  /** Bytes taken of the chunk at `head`. */
  private taken = 0;
  /** Where tiny chunks are collected; while `blockUsed` > 0 the last chunk is the block's beginning. */
  private block: Buffer = EMPTY;
  private blockUsed = 0;

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (chunk.length >= TINY_BYTES || this.head === this.chunks.length) {
      this.blockUsed = 0;
      this.chunks.push(chunk);
      return;
    }
    const last = this.chunks.length - 1;
    if (this.blockUsed === 0) {
      const before = this.chunks[last];
      if (before.length >= TINY_BYTES) {
        this.chunks.push(chunk);
        return;
      }
      this.block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.blockUsed = before.copy(this.block);
    } else if (this.blockUsed + chunk.length > BLOCK_BYTES) {
      this.blockUsed = 0;
      this.chunks.push(chunk);
      return;
    }
    this.blockUsed += chunk.copy(this.block, this.blockUsed);
    this.chunks[last] = this.block.subarray(0, this.blockUsed);
  }

  /** How much to take to have `needed` bytes and, out of the chunk that holds the last of them, up to `wanted`. */
  reach(needed: number, wanted: number): number {
    let before = 0;
    for (let i = this.head; i < this.chunks.length; i++) {
      const here = this.chunks[i].length - (i === this.head ? this.taken : 0);
      if (before + here >= needed) return before + Math.min(here, Math.max(needed - before, wanted));
      before += here;
    }
    throw new RangeError(`${needed} bytes asked of a queue of ${this.bytes}`);
  }

  /** Takes `count` bytes, as found by reach(), into `target` at `offset`. */
  copyTo(target: Buffer, offset: number, count: number): void {
    let left = count;
    while (left > 0) {
      this.dropTaken();
      const copied = this.chunks[this.head].copy(target, offset + count - left, this.taken, this.taken + left);
      this.taken += copied;
      left -= copied;
    }
    this.bytes -= count;
  }

  /** Undoes the taking of the last `count` bytes, which copyTo() took beyond what was needed. */
  giveBack(count: number): void {
    this.taken -= count;
    this.bytes += count;
  }

  /** Takes the next chunk itself, from `chunkPos` on; null if nothing is left. */
  shift(): Buffer | null {
    if (this.chunks.length === 0) return null;
    this.dropTaken();
    if (this.chunks.length === 0) return null;
    const chunk = this.chunks[this.head];
    this.chunkPos = this.taken;
    this.bytes -= chunk.length - this.taken;
    this.taken = chunk.length;
    this.dropTaken();
    return chunk;
  }

  clear(): void {
    this.chunks.length = 0;
    this.head = 0;
    this.taken = 0;
    this.bytes = 0;
    this.block = EMPTY;
    this.blockUsed = 0;
  }

  private dropTaken(): void {
    if (this.taken < this.chunks[this.head].length) return;
    this.chunks[this.head] = EMPTY;
    this.head++;
    this.taken = 0;
    if (this.head === this.chunks.length) this.clear();
  }
}
