/**
 * A string: GET whole, or by GETRANGE in pieces of `chunkBytes`. Bitmaps and HyperLogLogs are strings and are
 * carried byte for byte, the HyperLogLog's cached cardinality included.
 */
import type { Reply } from '../../resp/values.js';
import type { LogicalOptions, LogicalReader } from './reader.js';
import { type Args, bytes, integer } from './replies.js';

const LONGEST_BULK_BYTES = 512 * 1024 * 1024;

export class StringReader implements LogicalReader {
  missing = false;
  private offset = 0;
  private done = false;
  private readonly whole: boolean;
  private readonly pieceBytes: number;

  constructor(
    private readonly key: Buffer,
    private readonly staging: Buffer,
    options: LogicalOptions,
  ) {
    this.whole = options.chunkElements === Number.POSITIVE_INFINITY;
    this.pieceBytes = Math.max(1, Math.min(options.chunkBytes, LONGEST_BULK_BYTES));
  }

  nextReads(): Args[] | null {
    if (this.done) return null;
    if (this.whole) return [['GET', this.key]];
    const piece: Args = ['GETRANGE', this.key, this.offset, this.offset + this.pieceBytes - 1];
    // GETRANGE answers "" for a missing key as for an empty string: EXISTS tells them apart.
    return this.offset === 0 ? [['EXISTS', this.key], piece] : [piece];
  }

  take(replies: Reply[]): Args[] {
    const first = this.offset === 0;
    this.missing = first && (this.whole ? replies[0] === null : integer(replies[0]) === 0);
    if (this.missing) {
      this.done = true;
      return [];
    }
    const piece = bytes(replies.at(-1));
    this.done = this.whole || piece.length < this.pieceBytes;
    this.offset += piece.length;
    if (first) return [['SET', this.staging, piece]];
    return piece.length === 0 ? [] : [['APPEND', this.staging, piece]];
  }
}
