/**
 * Blocks for bytes on their way, used again and again by all connections: of 4 KiB for what nearly every turn sends, of
 * 64 KiB for more.
 *
 * A block is memory outside of V8's heap, but V8 counts it: made anew for each 64 KiB that pass, its collector marks the
 * whole heap many times a second, which costs more than passing the bytes on. The one given back last is given out first,
 * for it is the one in the processor's cache. Two sizes, because in one turn of the event loop a thousand clients may have an
 * answer of a few bytes each, and all hold a block until the end of it.
 */
export const BLOCK_BYTES = 64 * 1024;
const SMALL_BYTES = 4 * 1024;
/** What nobody uses is kept up to so many of each (8 MiB). */
const SPARE_BLOCKS = 128;
const SPARE_SMALL = 2048;

const spare: Buffer[] = [];
const spareSmall: Buffer[] = [];

/** The caller has it alone until it gives it back, or lets go of it without. */
export function takeBlock(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
}

/** One with room for so many bytes, up to BLOCK_BYTES: small if half of that will do. */
export function takeBlockFor(bytes: number): Buffer {
  if (bytes > SMALL_BYTES / 2) return takeBlock();
  return spareSmall.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
}

/** Is it one of these, and not a buffer that was made for something bigger? */
export function isBlock(buf: Buffer): boolean {
  return buf.length === BLOCK_BYTES || buf.length === SMALL_BYTES;
}

/** Nobody refers to it any more, not even a part of it. */
export function giveBlock(block: Buffer): void {
  if (block.length === SMALL_BYTES) {
    if (spareSmall.length < SPARE_SMALL) spareSmall.push(block);
  } else if (spare.length < SPARE_BLOCKS) spare.push(block);
}
