/**
 * The commands that build a stream exactly, under a staging key that does not exist at first. In this order:
 *
 * 1. `createGroups`  an empty stream with its groups and all their consumers.
 * 2. `claimPending`  per group, in id order: the pending entries. XCLAIM refuses ids that are not in the stream, and
 *                    an entry may be pending although it was deleted or trimmed. So for every pending id a
 *                    placeholder is added, claimed with owner, time and count, and the stream is trimmed to nothing
 *                    again. Trimming (unlike XDEL) leaves max-deleted-entry-id alone, and an empty stream's last id
 *                    may be set back to 0-0 (`rewind`), so that ids may begin anew for the next group and at last
 *                    for the real entries. Nobody needs to know which pending entries still exist.
 * 3. `addEntries`    the real entries.
 * 4. `setPositions`  last id, entries-added, max-deleted id, and the groups' entries-read: the steps above moved them.
 *
 * Not settable by any command: consumers' seen-time.
 */
import { splitCommand } from './pieces.js';
import type { LogicalFeatures } from './reader.js';
import type { Args } from './replies.js';
import { compareIds, type PendingEntry, type StreamEntry, type StreamGroup, type StreamInfo } from './stream-info.js';

export function createGroups(staging: Buffer, groups: readonly StreamGroup[], features: LogicalFeatures): Args[] {
  if (groups.length === 0) {
    // The one way to an empty stream whose last id is 0-0.
    return [
      ['XGROUP', 'CREATE', staging, 'x', '0', 'MKSTREAM'],
      ['XGROUP', 'DESTROY', staging, 'x'],
    ];
  }
  const commands: Args[] = [];
  for (const { name, lastDeliveredId, consumers } of groups) {
    commands.push(['XGROUP', 'CREATE', staging, name, lastDeliveredId, 'MKSTREAM']);
    for (const consumer of consumers) {
      if (features.xgroupCreateConsumer ?? true) commands.push(['XGROUP', 'CREATECONSUMER', staging, name, consumer]);
      // Reading creates the consumer too, and there is nothing to read yet.
      else commands.push(['XREADGROUP', 'GROUP', name, consumer, 'COUNT', 1, 'STREAMS', staging, '>']);
    }
  }
  return commands;
}

/** Only while the stream is empty. */
export function rewind(staging: Buffer): Args {
  return ['XSETID', staging, '0-0'];
}

/**
 * A piece of one group's pending entries in id order; `rewind` goes before its first piece. `shiftMs` turns the authority's
 * time into the mirror's.
 */
export function claimPending(
  staging: Buffer,
  group: Buffer,
  pending: readonly PendingEntry[],
  shiftMs: number,
): Args[] {
  if (pending.length === 0) return [];
  const commands: Args[] = pending.map(({ id }) => ['XADD', staging, id, 'x', '']);
  for (const run of deliveries(pending)) {
    const { consumer, deliveryTimeMs, deliveryCount } = run[0];
    const ids = run.map(({ id }) => id);
    for (const claim of splitCommand(['XCLAIM', staging, group, consumer, 0], ids)) {
      commands.push([...claim, 'TIME', deliveryTimeMs + shiftMs, 'RETRYCOUNT', deliveryCount, 'FORCE', 'JUSTID']);
    }
  }
  commands.push(['XTRIM', staging, 'MAXLEN', 0]);
  return commands;
}

/** Neighbours with equal owner, time and count (as one XREADGROUP leaves them) can be claimed by one command. */
function deliveries(pending: readonly PendingEntry[]): PendingEntry[][] {
  const runs: PendingEntry[][] = [];
  for (const entry of pending) {
    const run = runs.at(-1);
    const same =
      run !== undefined &&
      run[0].deliveryTimeMs === entry.deliveryTimeMs &&
      run[0].deliveryCount === entry.deliveryCount &&
      run[0].consumer.equals(entry.consumer);
    if (same) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

export function addEntries(staging: Buffer, entries: readonly StreamEntry[]): Args[] {
  return entries.map(({ id, fields }) => ['XADD', staging, id, ...fields]);
}

export function setPositions(staging: Buffer, info: StreamInfo, features: LogicalFeatures): Args[] {
  const { lastGeneratedId, groups } = info;
  if (!features.xgroupEntriesRead) return [['XSETID', staging, lastGeneratedId]];
  // What Redis 7 itself assumes when it loads a stream that was written by an older server.
  const added = info.entriesAdded ?? info.length;
  const maxDeleted = info.maxDeletedEntryId ?? Buffer.from('0-0');
  // An id below the max-deleted one is refused together with it, and can be set after it (as on the authority).
  const setBack = compareIds(lastGeneratedId, maxDeleted) < 0;
  const commands: Args[] = [
    ['XSETID', staging, setBack ? maxDeleted : lastGeneratedId, 'ENTRIESADDED', added, 'MAXDELETEDID', maxDeleted],
  ];
  if (setBack) commands.push(['XSETID', staging, lastGeneratedId]);
  for (const { name, lastDeliveredId, entriesRead } of groups) {
    if (entriesRead === null || entriesRead === undefined) continue;
    // Only now: newer servers refuse or cut an entries-read above entries-added.
    commands.push(['XGROUP', 'SETID', staging, name, lastDeliveredId, 'ENTRIESREAD', entriesRead]);
  }
  return commands;
}
