/**
 * Streams: length, last-generated-id, max-deleted-entry-id and entries-added (where both servers keep them), every
 * entry, every group with its position and entries-read, its consumers by name (also those with nothing pending), and
 * every pending entry: id, owner and delivery count exactly, delivery time within `deliveryToleranceMs`.
 *
 * Not compared: consumers' seen-time and active-time, which no command can set, and the radix tree's shape.
 */
import type { Difference, Pair } from './pair.js';
import { PieceSize } from './pieces.js';
import { type Args, printable, totalBytes } from './replies.js';
import {
  nextId,
  type PendingEntry,
  pendingPage,
  type StreamEntry,
  type StreamGroup,
  type StreamInfo,
  streamEntries,
  streamInfo,
} from './stream-info.js';

/** Bytes of a pending entry beside its owner's name. */
const PENDING_BYTES = 64;

export async function compareStreams(pair: Pair): Promise<Difference | null> {
  const [[replyA], [replyB]] = await pair.both((key) => [['XINFO', 'STREAM', key, 'FULL', 'COUNT', 1]]);
  const onA = streamInfo(replyA);
  const onB = streamInfo(replyB);
  const found =
    comparePositions(pair, onA, onB) ?? compareGroups(pair, onA.groups, onB.groups) ?? (await compareEntries(pair));
  if (found !== null) return found;
  for (const group of onA.groups) {
    const inPending = group.pendingCount === 0 ? null : await comparePending(pair, group.name);
    if (inPending !== null) return inPending;
  }
  return null;
}

function comparePositions(pair: Pair, a: StreamInfo, b: StreamInfo): Difference | null {
  return (
    compareText(pair, 'length', a.length, b.length) ??
    compareText(pair, 'last-generated-id', a.lastGeneratedId, b.lastGeneratedId) ??
    compareText(pair, 'max-deleted-entry-id', a.maxDeletedEntryId, b.maxDeletedEntryId) ??
    compareText(pair, 'entries-added', a.entriesAdded, b.entriesAdded)
  );
}

function compareGroups(pair: Pair, a: StreamGroup[], b: StreamGroup[]): Difference | null {
  const inNames = compareNames(pair, 'group', groupNames(a), groupNames(b));
  if (inNames !== null) return inNames;
  const byName = new Map(b.map((group) => [group.name.toString('latin1'), group]));
  for (const group of a) {
    const other = byName.get(group.name.toString('latin1')) as StreamGroup;
    const where = `group ${printable(group.name)}:`;
    const found =
      compareText(pair, `${where} last-delivered-id`, group.lastDeliveredId, other.lastDeliveredId) ??
      compareText(pair, `${where} entries-read`, group.entriesRead, other.entriesRead) ??
      compareNames(pair, `${where} consumer`, group.consumers, other.consumers) ??
      compareText(pair, `${where} pending entries`, group.pendingCount, other.pendingCount);
    if (found !== null) return found;
  }
  return null;
}

function groupNames(groups: StreamGroup[]): Buffer[] {
  return groups.map(({ name }) => name);
}

function compareNames(pair: Pair, what: string, a: Buffer[], b: Buffer[]): Difference | null {
  const onA = new Set(a.map((name) => name.toString('latin1')));
  const onB = new Set(b.map((name) => name.toString('latin1')));
  const missing = a.find((name) => !onB.has(name.toString('latin1')));
  if (missing !== undefined) return pair.only(`${what} ${printable(missing)}`, 0);
  const extra = b.find((name) => !onA.has(name.toString('latin1')));
  return extra === undefined ? null : pair.only(`${what} ${printable(extra)}`, 1);
}

/** undefined: that server does not keep it, so nothing can differ. null: it does not know it, which is a state. */
function compareText(
  pair: Pair,
  what: string,
  a: Buffer | string | number | null | undefined,
  b: Buffer | string | number | null | undefined,
): Difference | null {
  if (a === undefined || b === undefined) return null;
  const onA = a === null ? 'unknown' : a.toString();
  const onB = b === null ? 'unknown' : b.toString();
  return onA === onB ? null : pair.values(what, onA, onB);
}

async function compareEntries(pair: Pair): Promise<Difference | null> {
  const piece = new PieceSize(pair.chunkElements, pair.chunkBytes, pair.firstElements);
  for (let from: Buffer | null = Buffer.from('-'); from !== null; ) {
    const range: Args = [from, '+', 'COUNT', piece.count];
    const [[replyA], [replyB]] = await pair.both((key) => [['XRANGE', key, ...range]]);
    const a = streamEntries(replyA);
    const b = streamEntries(replyB);
    const found = compareById(pair, 'entry', a, b, (onA, onB, name) =>
      sameFields(onA, onB) ? null : pair.differs(name),
    );
    if (found !== null) return found;
    from = pageAfter(a, piece.count);
    piece.observe(a.length, Math.max(entryBytes(a), entryBytes(b)));
  }
  return null;
}

function sameFields(a: StreamEntry, b: StreamEntry): boolean {
  return a.fields.length === b.fields.length && a.fields.every((text, i) => text.equals(b.fields[i]));
}

function entryBytes(entries: StreamEntry[]): number {
  return entries.reduce((sum, { fields }) => sum + totalBytes(fields), 0);
}

async function comparePending(pair: Pair, group: Buffer): Promise<Difference | null> {
  const what = `group ${printable(group)}: pending entry`;
  const piece = new PieceSize(pair.chunkElements, pair.chunkBytes, pair.firstElements);
  for (let from: Buffer | null = Buffer.from('-'); from !== null; ) {
    const range: Args = [from, '+', piece.count];
    const [onA, onB] = await pair.both((key) => [['TIME'], ['XPENDING', key, group, ...range]]);
    const a = pendingPage(onA[0], onA[1]);
    const b = pendingPage(onB[0], onB[1]);
    const found = compareById(pair, what, a, b, (entryA, entryB, name) =>
      comparePendingEntry(pair, name, entryA, entryB),
    );
    if (found !== null) return found;
    from = pageAfter(a, piece.count);
    piece.observe(
      a.length,
      a.reduce((sum, { consumer }) => sum + consumer.length + PENDING_BYTES, 0),
    );
  }
  return null;
}

function comparePendingEntry(pair: Pair, name: string, a: PendingEntry, b: PendingEntry): Difference | null {
  if (!a.consumer.equals(b.consumer)) {
    return pair.values(`${name}: owner`, printable(a.consumer), printable(b.consumer));
  }
  if (a.deliveryCount !== b.deliveryCount) {
    return pair.values(`${name}: delivery count`, a.deliveryCount, b.deliveryCount);
  }
  const apartMs = b.deliveryTimeMs - pair.clockDifferenceMs - a.deliveryTimeMs;
  if (Math.abs(apartMs) <= pair.deliveryToleranceMs) return null;
  return pair.values(`${name}: delivery time (ms)`, a.deliveryTimeMs, b.deliveryTimeMs);
}

/** Two pages in id order, read from the same id with the same COUNT. */
function compareById<T extends { id: Buffer }>(
  pair: Pair,
  what: string,
  a: T[],
  b: T[],
  compareOne: (onA: T, onB: T, name: string) => Difference | null,
): Difference | null {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (!a[i].id.equals(b[i].id))
      return pair.values(`${what} number ${i} of a page is`, String(a[i].id), String(b[i].id));
    const found = compareOne(a[i], b[i], `${what} ${a[i].id}`);
    if (found !== null) return found;
  }
  if (a.length === b.length) return null;
  const longer = a.length > b.length ? a : b;
  return pair.only(`${what} ${longer[Math.min(a.length, b.length)].id}`, a.length > b.length ? 0 : 1);
}

/** Where the page after this one begins; null when this was the last. */
function pageAfter(page: { id: Buffer }[], count: number): Buffer | null {
  const last = page.at(-1);
  return last === undefined || page.length < count ? null : nextId(last.id);
}
