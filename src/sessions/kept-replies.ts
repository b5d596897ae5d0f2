/**
 * Replies that came before their turn, copied into blocks that all sessions share until they may leave.
 *
 *     [ reply | reply | … | room ]     kept counts those that have not left
 *     0                   used
 *
 * With three nodes two replies of three wait for one before them: a buffer for each costs more than the reply itself. A
 * block whose replies have all left is written from its start again, so nothing is allocated while replies keep leaving.
 * One that never leaves (its client does not read) holds the block that it is in; a long one has a block of its own.
 */
import { BLOCK_BYTES, giveBlock, takeBlock } from '../lanes/blocks.js';
import { settleBorrowed } from '../lanes/outbox.js';
import { copyBytes } from '../resp/copy-bytes.js';

const LONG_BYTES = 4096;

export class KeptBlock {
  used = 0;
  private kept = 0;

  constructor(readonly bytes: Buffer) {}

  add(buf: Buffer, start: number, end: number): void {
    this.used = copyBytes(this.bytes, this.used, buf, start, end);
    this.kept++;
  }

  /** One of its replies has left; whoever calls this does not look at it again. */
  release(): void {
    if (--this.kept > 0) return;
    if (this.kept < 0) throw new Error('a kept reply left twice');
    settleBorrowed(); // it may just have been written out of what is overwritten from here on
    if (this === current) this.used = 0;
    else if (this.bytes.length === BLOCK_BYTES) giveBlock(this.bytes);
  }
}

let current = new KeptBlock(takeBlock());

/** The block that has a copy of buf[start, end) now: its last bytes, up to `used`. */
export function keepReply(buf: Buffer, start: number, end: number): KeptBlock {
  const length = end - start;
  let block: KeptBlock;
  if (length >= LONG_BYTES) block = new KeptBlock(Buffer.allocUnsafeSlow(length));
  else {
    if (current.used + length > BLOCK_BYTES) current = new KeptBlock(takeBlock());
    block = current;
  }
  block.add(buf, start, end);
  return block;
}
