/**
 * The sample, summed up: by type, by prefix, by size, by time to live. Findings and charts read from it.
 *
 * A key's prefix is its first part, up to the first ':'; where there is none, up to another usual separator. `user:17:name` is of
 * `user:`.
 */
import { keySlot } from '../topology/crc16.js';
import type { Sample, SampledKey } from './facts.js';

export interface Group {
  keys: number;
  bytes: number;
  withoutTtl: number;
}

export interface Profile {
  readonly keys: number;
  readonly bytes: number;
  /** whether sizes could be read at all */
  readonly hasSizes: boolean;
  readonly withoutTtl: number;
  readonly byType: ReadonlyMap<string, Group>;
  /** the largest first */
  readonly byPrefix: ReadonlyMap<string, Group>;
  /** how many keys have which separator, '' for none */
  readonly bySeparator: ReadonlyMap<string, number>;
  /** up to each bound, the last one without */
  readonly bySize: readonly { readonly upTo: number; readonly keys: number; readonly bytes: number }[];
  readonly byTtl: readonly { readonly label: string; readonly keys: number }[];
}

export const NO_PREFIX = '(no prefix)';
const SEPARATORS = [':', '/', '.', '|', '_', '-'];
const PREFIXES_MAX = 10_000;
const SIZE_BOUNDS = [128, 1024, 8192, 65_536, 1 << 20, 8 << 20, Number.POSITIVE_INFINITY];
const HOUR_MS = 3_600_000;
const TTL_BOUNDS: readonly (readonly [label: string, upToMs: number])[] = [
  ['up to a minute', 60_000],
  ['up to an hour', HOUR_MS],
  ['up to a day', 24 * HOUR_MS],
  ['up to 30 days', 720 * HOUR_MS],
  ['longer', Number.POSITIVE_INFINITY],
];

export function profileOf({ keys }: Sample): Profile {
  const byType = new Map<string, Group>();
  const byPrefix = new Map<string, Group>();
  const bySeparator = new Map<string, number>();
  const bySize = SIZE_BOUNDS.map((upTo) => ({ upTo, keys: 0, bytes: 0 }));
  const byTtl = [{ label: 'none', keys: 0 }, ...TTL_BOUNDS.map(([label]) => ({ label, keys: 0 }))];
  let [bytes, withoutTtl, sized] = [0, 0, 0];
  for (const key of keys) {
    const size = key.bytes ?? 0;
    bytes += size;
    if (key.bytes !== null) sized++;
    if (key.ttlMs < 0) withoutTtl++;
    add(byType, key.type, key);
    const { prefix, separator } = prefixOf(key.key);
    bySeparator.set(separator, (bySeparator.get(separator) ?? 0) + 1);
    if (byPrefix.has(prefix) || byPrefix.size < PREFIXES_MAX) add(byPrefix, prefix, key);
    const bucket = bySize[SIZE_BOUNDS.findIndex((bound) => size <= bound)]!;
    bucket.keys++;
    bucket.bytes += size;
    byTtl[key.ttlMs < 0 ? 0 : 1 + TTL_BOUNDS.findIndex(([, bound]) => key.ttlMs <= bound)]!.keys++;
  }
  const sorted = new Map([...byPrefix].sort(([, a], [, b]) => b.keys - a.keys));
  return {
    keys: keys.length,
    bytes,
    hasSizes: sized > 0,
    withoutTtl,
    byType,
    byPrefix: sorted,
    bySeparator,
    bySize,
    byTtl,
  };
}

function add(groups: Map<string, Group>, name: string, { bytes, ttlMs }: SampledKey): void {
  let group = groups.get(name);
  if (group === undefined) {
    group = { keys: 0, bytes: 0, withoutTtl: 0 };
    groups.set(name, group);
  }
  group.keys++;
  group.bytes += bytes ?? 0;
  if (ttlMs < 0) group.withoutTtl++;
}

export function prefixOf(key: Buffer): { prefix: string; separator: string } {
  const name = key.subarray(0, 256).toString('utf8');
  for (const separator of SEPARATORS) {
    const at = name.indexOf(separator);
    if (at > 0) return { prefix: shown(name.slice(0, at + 1)), separator };
  }
  return { prefix: NO_PREFIX, separator: '' };
}

function shown(prefix: string): string {
  const plain = prefix.replace(/[\p{Cc}�]/gu, '?');
  return plain.length > 40 ? `${plain.slice(0, 39)}…` : plain;
}

/** How many of the keys are in each slot. */
export function slotCounts({ keys }: Sample): Map<number, { keys: number; bytes: number; example: Buffer }> {
  const counts = new Map<number, { keys: number; bytes: number; example: Buffer }>();
  for (const { key, bytes } of keys) {
    const slot = keySlot(key, 0, key.length);
    const known = counts.get(slot);
    if (known === undefined) counts.set(slot, { keys: 1, bytes: bytes ?? 0, example: key });
    else {
      known.keys++;
      known.bytes += bytes ?? 0;
    }
  }
  return counts;
}
