/**
 * Compares two sides key by key, both directions, every db: existence, type, value, TTL within one second. Either may be
 * a server or a Cluster, of which all masters are read; the dbs that a Cluster lacks are behind prefixes there.
 *
 * It is the demo's own judge and shares nothing with Ferry's verification. Nobody may write meanwhile. A key that
 * differs is looked at again after a moment, up to three times, because keys may expire between the two readings.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Direct, type DirectCommand, isCluster, mastersOf, openDirectly } from '../../../bench/app/direct.js';
import { pipelined, type Reading, readKeys } from './reading.js';

export interface Difference {
  db: number;
  key: string;
  kind: 'missing' | 'extra' | 'type' | 'value' | 'ttl';
  detail: string;
}

export interface Comparison {
  compared: number;
  /** how many keys differ; `differences` has the first of them */
  count: number;
  differences: Difference[];
}

export interface CompareOptions {
  /** keys that belong to Ferry itself */
  ignore?: (key: Buffer) => boolean;
  /** db → what the names of its keys begin with in the target's db 0 */
  targetPrefixes?: ReadonlyMap<number, string>;
  onProgress?: (compared: number) => void;
  /** before looking again at keys that differ */
  roundPauseMs?: number;
}

const SCAN_COUNT = '500';
const TTL_TOLERANCE_MS = 1000;
const ROUNDS = 3;
const ROUND_PAUSE_MS = 1200;
const MAX_REPORTED = 100;
const MAX_RECHECKED = 2000;

export async function compareServers(
  source: string,
  target: string,
  options: CompareOptions = {},
): Promise<Comparison> {
  const result: Comparison = { compared: 0, count: 0, differences: [] };
  const prefixes = options.targetPrefixes ?? new Map<number, string>();
  const dbs = new Set([...(await usedDbs(source)), ...(await usedDbs(target)), ...prefixes.keys()]);
  for (const db of [...dbs].sort((a, b) => a - b)) {
    const sides: Sides = {
      db,
      source: await openDirectly(source, db),
      target: await openDirectly(target, prefixes.has(db) ? 0 : db),
      names: new TargetNames(prefixes.get(db) ?? '', [...prefixes.values()]),
    };
    try {
      const found = await compareDb(sides, options, result);
      result.count += found.length;
      result.differences.push(...found.slice(0, MAX_REPORTED - result.differences.length));
    } finally {
      sides.source.disconnect();
      sides.target.disconnect();
    }
  }
  return result;
}

interface Sides {
  db: number;
  source: Direct;
  target: Direct;
  names: TargetNames;
}

/** How a key of one of the source's dbs is called on the target. */
class TargetNames {
  constructor(
    private readonly prefix: string,
    private readonly prefixes: readonly string[],
  ) {}

  there(key: Buffer): Buffer {
    return this.prefix === '' ? key : Buffer.concat([Buffer.from(this.prefix), key]);
  }

  /** null: it is a key of another db */
  here(key: Buffer): Buffer | null {
    const prefix = this.prefixes.find((candidate) => key.indexOf(candidate) === 0) ?? '';
    return prefix === this.prefix ? key.subarray(Buffer.byteLength(prefix)) : null;
  }
}

async function compareDb(sides: Sides, options: CompareOptions, result: Comparison): Promise<Difference[]> {
  const suspects = new Map<string, Buffer>();
  const ignore = options.ignore ?? (() => false);
  for await (const page of scan(sides.source)) {
    const keys = page.filter((key) => !ignore(key));
    result.compared += keys.length;
    for (const key of await unequalDumps(sides, keys)) suspects.set(key.toString('latin1'), key);
    options.onProgress?.(result.compared);
  }
  for await (const page of scan(sides.target)) {
    const keys = page.flatMap((key) => sides.names.here(key) ?? []).filter((key) => !ignore(key));
    const onSource = await pipelined(
      sides.source,
      keys.map((key) => ['EXISTS', key]),
    );
    keys.forEach((key, i) => {
      if (onSource[i] === 0) suspects.set(key.toString('latin1'), key);
    });
  }
  let keys = [...suspects.values()];
  let differences: Difference[] = [];
  for (let round = 1; round <= ROUNDS && keys.length > 0; round++) {
    if (round > 1) await sleep(options.roundPauseMs ?? ROUND_PAUSE_MS);
    const found = new Map<Difference, Buffer>();
    for (let from = 0; from < keys.length; from += Number(SCAN_COUNT)) {
      const batch = keys.slice(from, from + Number(SCAN_COUNT));
      for (const [difference, key] of await examine(sides, batch)) found.set(difference, key);
    }
    differences = [...found.keys()];
    keys = [...found.values()];
    if (keys.length > MAX_RECHECKED) break; // that many did not expire just now
  }
  return differences;
}

/** The cheap look at all keys: equal DUMPs and deadlines need no second one. */
async function unequalDumps({ source, target, names }: Sides, keys: readonly Buffer[]): Promise<Buffer[]> {
  const looksAt = (key: Buffer): DirectCommand[] => [
    ['PTTL', key],
    ['DUMP', key],
  ];
  const [a, b] = await Promise.all([
    pipelined(source, keys.flatMap(looksAt)),
    pipelined(
      target,
      keys.flatMap((key) => looksAt(names.there(key))),
    ),
  ]);
  return keys.filter((_, i) => {
    const [ttlA, dumpA, ttlB, dumpB] = [a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]];
    const sameDump = Buffer.isBuffer(dumpA) && Buffer.isBuffer(dumpB) ? dumpA.equals(dumpB) : dumpA === dumpB;
    return !sameDump || !sameTtl(Number(ttlA), Number(ttlB));
  });
}

/** The close look at a few keys, one side right after the other. */
async function examine({ db, source, target, names }: Sides, keys: readonly Buffer[]): Promise<[Difference, Buffer][]> {
  const there = keys.map((key) => names.there(key));
  const ttl = (key: Buffer): DirectCommand => ['PTTL', key];
  const [ttlsA, ttlsB] = await Promise.all([pipelined(source, keys.map(ttl)), pipelined(target, there.map(ttl))]);
  const [a, b] = await Promise.all([readKeys(source, keys), readKeys(target, there)]);
  return keys.flatMap((key, i): [Difference, Buffer][] => {
    const judged = judge(a[i]!, b[i]!, Number(ttlsA[i]), Number(ttlsB[i]));
    return judged === null ? [] : [[{ db, key: printable(key), ...judged }, key]];
  });
}

function judge(a: Reading, b: Reading, ttlA: number, ttlB: number): Pick<Difference, 'kind' | 'detail'> | null {
  if (a.type === 'none' && b.type === 'none') return null;
  if (b.type === 'none') return { kind: 'missing', detail: `${a.type} only on the source` };
  if (a.type === 'none') return { kind: 'extra', detail: `${b.type} only on the target` };
  if (a.type !== b.type) return { kind: 'type', detail: `${a.type} on the source, ${b.type} on the target` };
  if (a.content !== b.content) return { kind: 'value', detail: `${a.type}: ${firstDeviation(a.content, b.content)}` };
  const drift = a.timesMs.findIndex((timeMs, i) => Math.abs(timeMs - b.timesMs[i]!) > TTL_TOLERANCE_MS);
  if (drift >= 0) return { kind: 'value', detail: `delivery time of pending entry ${drift}` };
  if (!sameTtl(ttlA, ttlB)) return { kind: 'ttl', detail: `${ttlA} ms on the source, ${ttlB} ms on the target` };
  return null;
}

/** -1 (no TTL) and -2 (no key) are equal only to themselves. */
function sameTtl(a: number, b: number): boolean {
  return a === b || (a >= 0 && b >= 0 && Math.abs(a - b) <= TTL_TOLERANCE_MS);
}

function firstDeviation(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const excerpt = (content: string): string => JSON.stringify(content.slice(Math.max(0, at - 20), at + 40));
  return `at ${at} of ${a.length} and ${b.length}: ${excerpt(a)} and ${excerpt(b)}`;
}

async function* scan(direct: Direct): AsyncGenerator<Buffer[]> {
  for (const master of mastersOf(direct)) {
    let cursor = '0';
    do {
      const [next, keys] = await master.scanBuffer(cursor, 'COUNT', SCAN_COUNT);
      cursor = next.toString();
      yield keys;
    } while (cursor !== '0');
  }
}

async function usedDbs(url: string): Promise<number[]> {
  if (isCluster(url)) return [0];
  const redis = new Redis(url, { protocol: 2, maxRetriesPerRequest: 2 });
  try {
    return [...(await redis.info('keyspace')).matchAll(/^db(\d+):/gm)].map((match) => Number(match[1]));
  } finally {
    redis.disconnect();
  }
}

function printable(key: Buffer): string {
  return JSON.stringify(key.toString('latin1')).slice(1, -1);
}
