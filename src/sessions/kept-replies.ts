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
import { settleBorrowed } from '../lanes/outbox.js';

const BLOCK_BYTES = 64 * 1024;
const LONG_BYTES = 4096;
/** Below this a loop is cheaper than a call. */
const SHORT_BYTES = 48;
const SPARE_BLOCKS = 16;

export class KeptBlock {
  readonly bytes: Buffer;
  used = 0;
  private kept = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  add(buf: Buffer, start: number, end: number): void {
    const { bytes } = this;
    let to = this.used;
    if (to === 0) settleBorrowed(); // perhaps out of what this one overwrites
    if (end - start < SHORT_BYTES) for (let i = start; i < end; i++) bytes[to++] = buf[i]!;
    else {
      buf.copy(bytes, to, start, end);
      to += end - start;
    }
    this.used = to;
    this.kept++;
  }

  /** One of its replies has left; whoever calls this does not look at it again. */
  release(): void {
    if (--this.kept > 0) return;
    if (this.kept < 0) throw new Error('a kept reply left twice');
    this.used = 0;
    if (this !== current && this.bytes.length === BLOCK_BYTES && spare.length < SPARE_BLOCKS) spare.push(this);
  }
}

const spare: KeptBlock[] = [];
let current = new KeptBlock(BLOCK_BYTES);

/** The block that has a copy of buf[start, end) now: its last bytes, up to `used`. */
export function keepReply(buf: Buffer, start: number, end: number): KeptBlock {
  const length = end - start;
  let block: KeptBlock;
  if (length >= LONG_BYTES) block = new KeptBlock(length);
  else {
    if (current.used + length > BLOCK_BYTES) current = spare.pop() ?? new KeptBlock(BLOCK_BYTES);
    block = current;
  }
  block.add(buf, start, end);
  return block;
}
