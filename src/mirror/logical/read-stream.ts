/**
 * A stream. Whole: one XINFO STREAM FULL COUNT 0, which holds everything. In pieces: XINFO STREAM FULL COUNT 1 for
 * positions, groups and consumers (these in one piece: no command pages them), then every group's pending entries by
 * XPENDING, then the entries by XRANGE. The pending ones come first because the rebuilding needs them first (see
 * stream-rebuild.ts), and then nobody must remember them.
 */
import type { Reply } from '../../resp/values.js';
import { PieceSize } from './pieces.js';
import type { LogicalOptions, LogicalReader } from './reader.js';
import { type Args, totalBytes } from './replies.js';
import {
  nextId,
  type PendingEntry,
  pendingPage,
  type StreamGroup,
  type StreamInfo,
  streamEntries,
  streamInfo,
} from './stream-info.js';
import { addEntries, claimPending, createGroups, rewind, setPositions } from './stream-rebuild.js';

/** Bytes of a pending entry beside its names, for the size of the next piece. */
const PENDING_BYTES = 64;

/**
 * in order:
 * whole    everything is asked for at once
 * info     positions, groups, consumers
 * pending  groups[groupIndex]'s pending entries from `from` on
 * entries  the entries from `from` on
 * done
 */
type Step = 'whole' | 'info' | 'pending' | 'entries' | 'done';

export class StreamReader implements LogicalReader {
  missing = false;
  private step: Step;
  private info: StreamInfo | null = null;
  private groupIndex = -1;
  private from: Buffer | string = '-';
  private piece: PieceSize;

  constructor(
    private readonly key: Buffer,
    private readonly staging: Buffer,
    private readonly options: LogicalOptions,
  ) {
    this.step = options.chunkElements === Number.POSITIVE_INFINITY ? 'whole' : 'info';
    this.piece = this.firstPiece();
  }

  nextReads(): Args[] | null {
    switch (this.step) {
      case 'whole':
        return [['XINFO', 'STREAM', this.key, 'FULL', 'COUNT', 0]];
      case 'info':
        return [['XINFO', 'STREAM', this.key, 'FULL', 'COUNT', 1]];
      case 'pending':
        return [['TIME'], ['XPENDING', this.key, this.group().name, this.from, '+', this.piece.count]];
      case 'entries':
        return [['XRANGE', this.key, this.from, '+', 'COUNT', this.piece.count]];
      case 'done':
        return null;
    }
  }

  take(replies: Reply[]): Args[] {
    switch (this.step) {
      case 'whole':
      case 'info':
        return this.takeInfo(replies[0]);
      case 'pending':
        return this.takePending(replies);
      case 'entries':
        return this.takeEntries(replies[0]);
      case 'done':
        throw new Error('the stream was read to its end: no reply is expected');
    }
  }

  private takeInfo(reply: Reply | undefined): Args[] {
    if (reply instanceof Error && reply.message.includes('no such key')) {
      this.missing = true;
      this.step = 'done';
      return [];
    }
    const info = streamInfo(reply);
    this.info = info;
    const commands = createGroups(this.staging, info.groups, this.options.features);
    if (this.step === 'info') return [...commands, ...this.nextGroup()];
    for (const { name, pending } of info.groups) {
      if (pending.length > 0) commands.push(rewind(this.staging), ...this.claim(name, pending));
    }
    commands.push(rewind(this.staging), ...addEntries(this.staging, info.entries));
    return [...commands, ...this.end(info)];
  }

  private takePending(replies: Reply[]): Args[] {
    const page = pendingPage(replies[0], replies[1]);
    const commands = this.claim(this.group().name, page);
    const bytes = page.reduce((sum, { consumer }) => sum + consumer.length + PENDING_BYTES, 0);
    return this.advance(page, bytes) ? commands : [...commands, ...this.nextGroup()];
  }

  private claim(group: Buffer, pending: readonly PendingEntry[]): Args[] {
    return claimPending(this.staging, group, pending, this.options.clockShiftMs ?? 0);
  }

  private takeEntries(reply: Reply | undefined): Args[] {
    const page = streamEntries(reply);
    const commands = addEntries(this.staging, page);
    const bytes = page.reduce((sum, { fields }) => sum + totalBytes(fields), 0);
    return this.advance(page, bytes) ? commands : [...commands, ...this.end(this.knownInfo())];
  }

  /** To the next group that has pending entries, or to the entries; each begins with the ids set back. */
  private nextGroup(): Args[] {
    const { groups } = this.knownInfo();
    do this.groupIndex++;
    while (this.groupIndex < groups.length && this.group().pendingCount === 0);
    this.step = this.groupIndex < groups.length ? 'pending' : 'entries';
    this.from = '-';
    this.piece = this.firstPiece();
    return [rewind(this.staging)];
  }

  /** False when this page was the last. */
  private advance(page: readonly { id: Buffer }[], bytes: number): boolean {
    const full = page.length >= this.piece.count;
    const last = page.at(-1);
    const next = last === undefined ? null : nextId(last.id);
    this.piece.observe(page.length, bytes);
    if (!full || next === null) return false;
    this.from = next;
    return true;
  }

  private end(info: StreamInfo): Args[] {
    this.step = 'done';
    return setPositions(this.staging, info, this.options.features);
  }

  private firstPiece(): PieceSize {
    return new PieceSize(this.options.chunkElements, this.options.chunkBytes);
  }

  private group(): StreamGroup {
    return this.knownInfo().groups[this.groupIndex];
  }

  private knownInfo(): StreamInfo {
    if (this.info === null) throw new Error('the stream has not been described yet');
    return this.info;
  }
}
