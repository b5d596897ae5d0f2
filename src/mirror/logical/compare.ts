/**
 * Exact comparison of one key on two servers, for when two DUMP payloads differ, which proves nothing: hash tables
 * are dumped in the order of their buckets, streams with their consumers' seen-time.
 *
 * → null when equal, else the first difference found:
 *   missing  only on side a (the authority)        extra  only on side b
 *   type     the types differ
 *   value    the values differ; `detail` says where
 *   ttl      a TTL on one side only, or deadlines more than `ttlToleranceMs` apart (hash fields' TTLs too)
 *
 * - Values are read in bounded pieces, on both sides side by side; no value is ever held whole (HyperLogLogs apart).
 * - Equal means equal in what a client can read: encodings, access times and consumers' seen-time do not count.
 *   Scores are compared as 64-bit numbers; -0 equals 0, as Redis itself turns one into the other.
 * - Every side's TTL is turned into a deadline by its own clock; `clockDifferenceMs` (b's minus a's) is taken off.
 * - A key that expires while it is compared is no difference: gone on one side and within `ttlToleranceMs` of its
 *   deadline on the other counts as equal.
 * - It compares what it reads; the caller makes sure that nobody wrote meanwhile, or asks again. A server error is
 *   thrown; UnsupportedType is thrown for modules' types.
 */
import type { Reply } from '../../resp/values.js';
import { compareHashes, compareLists, compareSets, compareSortedSets } from './compare-collections.js';
import { compareStreams } from './compare-stream.js';
import { compareStrings } from './compare-string.js';
import { compareVectorSets } from './compare-vector-set.js';
import { type Caller, type CompareOptions, type Difference, Pair } from './pair.js';
import { UnsupportedType } from './reader.js';
import { bytes, integer, timeMs } from './replies.js';

export type { Caller, CompareFeatures, CompareOptions, Difference } from './pair.js';

interface KeyState {
  type: string;
  remainingMs: number | null;
  deadlineMs: number | null;
}

export async function compareKey(
  a: Caller,
  b: Caller,
  key: Buffer,
  options: CompareOptions,
): Promise<Difference | null> {
  const pair = new Pair(a, b, key, options);
  const [onA, onB] = await keyStates(pair);
  const first = comparePresence(pair, onA, onB);
  if (first !== 'both') return first;
  const found = (await compareValue(pair, onA.type)) ?? pair.deadlines('the key', onA.deadlineMs, onB.deadlineMs);
  if (found === null || (onA.deadlineMs === null && onB.deadlineMs === null)) return found;
  // It may have expired under our hands.
  const [nowA, nowB] = await keyStates(pair);
  return nowA.type === 'none' || nowB.type === 'none' ? presenceNow(pair, nowA, nowB, found) : found;
}

async function keyStates(pair: Pair): Promise<[KeyState, KeyState]> {
  const [onA, onB] = await pair.both((key) => [['TYPE', key], ['PTTL', key], ['TIME']]);
  return [keyState(onA), keyState(onB)];
}

function keyState([type, pttl, time]: Reply[]): KeyState {
  const left = integer(pttl);
  const remainingMs = left < 0 ? null : left;
  return {
    type: bytes(type).toString('latin1'),
    remainingMs,
    deadlineMs: remainingMs === null ? null : timeMs(time) + remainingMs,
  };
}

function comparePresence(pair: Pair, onA: KeyState, onB: KeyState): Difference | null | 'both' {
  if (onA.type === 'none' || onB.type === 'none') return presenceNow(pair, onA, onB, null);
  if (onA.type === onB.type) return 'both';
  const detail = `${onA.type} on ${pair.names[0]}, ${onB.type} on ${pair.names[1]}`;
  return { kind: 'type', detail, onA: onA.type, onB: onB.type };
}

/** One side or both have no such key. `found`: what was seen while both still had it. */
function presenceNow(pair: Pair, onA: KeyState, onB: KeyState, found: Difference | null): Difference | null {
  if (onA.type === 'none' && onB.type === 'none') return null;
  const remaining = onA.type === 'none' ? onB.remainingMs : onA.remainingMs;
  if (remaining !== null && remaining <= pair.ttlToleranceMs) return null;
  if (found !== null) return found;
  if (onB.type === 'none') return { kind: 'missing', detail: `${onA.type} only on ${pair.names[0]}`, onA: onA.type };
  return { kind: 'extra', detail: `${onB.type} only on ${pair.names[1]}`, onB: onB.type };
}

function compareValue(pair: Pair, type: string): Promise<Difference | null> {
  switch (type) {
    case 'string':
      return compareStrings(pair);
    case 'list':
      return compareLists(pair);
    case 'set':
      return compareSets(pair);
    case 'hash':
      return compareHashes(pair);
    case 'zset':
      return compareSortedSets(pair);
    case 'stream':
      return compareStreams(pair);
    case 'vectorset':
      return compareVectorSets(pair);
    default:
      throw new UnsupportedType(type);
  }
}
