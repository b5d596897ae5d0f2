/**
 * Blocks of 64 KiB for bytes on their way, used again and again by all connections.
 *
 * A block is memory outside of V8's heap, but V8 counts it: made anew for each 64 KiB that pass, its collector marks the
 * whole heap many times a second, which costs more than passing the bytes on. The one given back last is given out first,
 * for it is the one in the processor's cache.
 */
export const BLOCK_BYTES = 64 * 1024;
/** What nobody uses is kept up to so many (8 MiB). */
const SPARE_BLOCKS = 128;

const spare: Buffer[] = [];

/** The caller has it alone until it gives it back, or lets go of it without. */
export function takeBlock(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
}

/** Nobody refers to it any more, not even a part of it. */
export function giveBlock(block: Buffer): void {
  if (spare.length < SPARE_BLOCKS) spare.push(block);
}
