/**
 * Lists, sets and sorted sets: element by element.
 *
 * - Lists by LRANGE; sorted sets by rank (ZRANGE … WITHSCORES): a piece has exactly the size that was asked for.
 * - Sets by SSCAN, which may answer a member twice: SADD under the staging key takes it twice without harm.
 * - Scores travel as the server's own text ("%.17g" or the shortest exact form, inf, -inf) and are never parsed.
 *   Only the sign of a zero may be lost, as Redis itself loses it when a sorted set is stored as a listpack.
 */
import type { Reply } from '../../resp/values.js';
import { PieceSize, splitCommand } from './pieces.js';
import type { LogicalOptions, LogicalReader } from './reader.js';
import { type Args, byteList, keptBytes, list, totalBytes } from './replies.js';

/** What is read by position: the end is a piece that is shorter than asked for. */
abstract class RangeReader implements LogicalReader {
  missing = false;
  private position = 0;
  private done = false;
  private readonly piece: PieceSize;
  private readonly whole: boolean;

  /** `stride`: strings that make one element (2 with scores). */
  constructor(
    protected readonly key: Buffer,
    private readonly stride: number,
    options: LogicalOptions,
  ) {
    this.whole = options.chunkElements === Number.POSITIVE_INFINITY;
    this.piece = new PieceSize(options.chunkElements, options.chunkBytes);
  }

  protected abstract range(from: number, to: number): Args;
  protected abstract rebuild(items: Buffer[]): Args[];

  nextReads(): Args[] | null {
    if (this.done) return null;
    return [this.whole ? this.range(0, -1) : this.range(this.position, this.position + this.piece.count - 1)];
  }

  take(replies: Reply[]): Args[] {
    const items = byteList(replies[0]);
    const elements = items.length / this.stride;
    this.missing = this.position === 0 && elements === 0;
    this.done = this.whole || elements < this.piece.count;
    this.position += elements;
    this.piece.observe(elements, totalBytes(items));
    return this.rebuild(items);
  }
}

export class ListReader extends RangeReader {
  constructor(
    key: Buffer,
    private readonly staging: Buffer,
    options: LogicalOptions,
  ) {
    super(key, 1, options);
  }

  protected range(from: number, to: number): Args {
    return ['LRANGE', this.key, from, to];
  }

  protected rebuild(items: Buffer[]): Args[] {
    return splitCommand(['RPUSH', this.staging], items);
  }
}

export class SortedSetReader extends RangeReader {
  constructor(
    key: Buffer,
    private readonly staging: Buffer,
    options: LogicalOptions,
  ) {
    super(key, 2, options);
  }

  protected range(from: number, to: number): Args {
    return ['ZRANGE', this.key, from, to, 'WITHSCORES'];
  }

  protected rebuild(items: Buffer[]): Args[] {
    const scoreFirst: Buffer[] = [];
    for (let i = 0; i < items.length; i += 2) scoreFirst.push(items[i + 1], items[i]);
    return splitCommand(['ZADD', this.staging], scoreFirst, 2);
  }
}

export class SetReader implements LogicalReader {
  missing = false;
  private cursor: Buffer | null = Buffer.from('0');
  private found = 0;
  private readonly piece: PieceSize;
  private readonly whole: boolean;

  constructor(
    private readonly key: Buffer,
    private readonly staging: Buffer,
    options: LogicalOptions,
  ) {
    this.whole = options.chunkElements === Number.POSITIVE_INFINITY;
    this.piece = new PieceSize(options.chunkElements, options.chunkBytes);
  }

  nextReads(): Args[] | null {
    if (this.cursor === null) return null;
    return [this.whole ? ['SMEMBERS', this.key] : ['SSCAN', this.key, this.cursor, 'COUNT', this.piece.count]];
  }

  take(replies: Reply[]): Args[] {
    const page = this.whole ? { cursor: null, items: byteList(replies[0]) } : scanPage(replies[0]);
    this.cursor = page.cursor;
    this.found += page.items.length;
    this.missing = this.cursor === null && this.found === 0;
    this.piece.observe(page.items.length, totalBytes(page.items));
    return splitCommand(['SADD', this.staging], page.items);
  }
}

/** SSCAN's and HSCAN's reply; the cursor is null when the scan is complete. */
export function scanPage(reply: Reply | undefined): { cursor: Buffer | null; items: Buffer[] } {
  const [next, items] = list(reply);
  const cursor = keptBytes(next);
  return { cursor: cursor.length === 1 && cursor[0] === 0x30 ? null : cursor, items: byteList(items) };
}
