/**
 * What servers say about a stream, in RESP2 (shapes taken from Redis 7.0.15; fields are found by name, so that
 * other versions' additional ones do no harm).
 *
 * XINFO STREAM key FULL COUNT n: n = 0 everything; otherwise the first n entries and the first n pending entries of
 * each group, yet always every group and every consumer.
 */
import type { Reply } from '../../resp/values.js';
import { byteList, bytes, integer, integerText, keptBytes, list, namedFields, timeMs } from './replies.js';

export interface StreamInfo {
  length: number;
  lastGeneratedId: Buffer;
  /** undefined: the server (< 7.0) does not keep it. */
  maxDeletedEntryId: Buffer | undefined;
  entriesAdded: string | undefined;
  entries: StreamEntry[];
  groups: StreamGroup[];
}

export interface StreamGroup {
  name: Buffer;
  lastDeliveredId: Buffer;
  /** null: the server does not know it; undefined: the server (< 7.0) does not keep it. */
  entriesRead: string | null | undefined;
  /** The length of the whole list of pending entries; `pending` may hold only its beginning. */
  pendingCount: number;
  pending: PendingEntry[];
  /** Every consumer's name, those with nothing pending too. */
  consumers: Buffer[];
}

export interface StreamEntry {
  id: Buffer;
  /** [field, value, field, value, …] */
  fields: Buffer[];
}

export interface PendingEntry {
  id: Buffer;
  consumer: Buffer;
  deliveryTimeMs: number;
  deliveryCount: string;
}

/** The reply of XINFO STREAM key FULL. Positions and names are copies; entries and pending entries are views. */
export function streamInfo(reply: Reply | undefined): StreamInfo {
  const fields = namedFields(reply);
  const maxDeleted = fields.get('max-deleted-entry-id');
  const added = fields.get('entries-added');
  return {
    length: integer(fields.get('length')),
    lastGeneratedId: keptBytes(fields.get('last-generated-id')),
    maxDeletedEntryId: maxDeleted === undefined ? undefined : keptBytes(maxDeleted),
    entriesAdded: added === undefined ? undefined : integerText(added),
    entries: streamEntries(fields.get('entries')),
    groups: list(fields.get('groups')).map(streamGroup),
  };
}

function streamGroup(reply: Reply): StreamGroup {
  const fields = namedFields(reply);
  const read = fields.get('entries-read');
  return {
    name: keptBytes(fields.get('name')),
    lastDeliveredId: keptBytes(fields.get('last-delivered-id')),
    entriesRead: read === undefined || read === null ? read : integerText(read),
    pendingCount: integer(fields.get('pel-count')),
    pending: list(fields.get('pending')).map((entry) => {
      const [id, consumer, time, count] = list(entry);
      return {
        id: bytes(id),
        consumer: bytes(consumer),
        deliveryTimeMs: integer(time),
        deliveryCount: integerText(count),
      };
    }),
    consumers: list(fields.get('consumers')).map((consumer) => keptBytes(namedFields(consumer).get('name'))),
  };
}

/** The reply of XRANGE, or the entries of XINFO STREAM FULL. */
export function streamEntries(reply: Reply | undefined): StreamEntry[] {
  return list(reply).map((entry) => {
    const [id, fields] = list(entry);
    return { id: bytes(id), fields: byteList(fields) };
  });
}

/**
 * The replies of TIME and XPENDING key group start end count. XPENDING tells for how long an entry is idle; with
 * the server's clock read next to it the delivery time is exact to the few milliseconds between the two.
 */
export function pendingPage(time: Reply | undefined, pending: Reply | undefined): PendingEntry[] {
  const nowMs = timeMs(time);
  return list(pending).map((entry) => {
    const [id, consumer, idle, count] = list(entry);
    return {
      id: bytes(id),
      consumer: bytes(consumer),
      deliveryTimeMs: nowMs - integer(idle),
      deliveryCount: integerText(count),
    };
  });
}

const MAX_PART = 2n ** 64n - 1n;

/** The smallest id after this one ("5-7" → "5-8"), for paging on servers without "(id"; null after the greatest. */
export function nextId(id: Buffer): Buffer | null {
  const [ms, sequence] = idParts(id);
  if (sequence < MAX_PART) return Buffer.from(`${ms}-${sequence + 1n}`);
  return ms < MAX_PART ? Buffer.from(`${ms + 1n}-0`) : null;
}

/** Negative when a is the smaller id. */
export function compareIds(a: Buffer, b: Buffer): number {
  const [msA, sequenceA] = idParts(a);
  const [msB, sequenceB] = idParts(b);
  if (msA !== msB) return msA < msB ? -1 : 1;
  return sequenceA === sequenceB ? 0 : sequenceA < sequenceB ? -1 : 1;
}

function idParts(id: Buffer): [bigint, bigint] {
  const [ms, sequence] = id.toString('latin1').split('-');
  return [BigInt(ms), BigInt(sequence)];
}
