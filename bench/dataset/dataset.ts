/**
 * A dataset of every type and size that a migration has to carry, the same for the same seed.
 *
 * Exactly `keys` keys: a few big ones (a string of 20 MB, hashes of 10,000 fields, a sorted set, a list, a set and a
 * stream of thousands), the rest in the proportions of MIX. One key in twenty has a binary name; one in a hundred lives
 * in another db than 0.
 */
import { seededRandom } from './random.js';
import type { RedisCommand, Shape } from './shapes.js';
import * as shapes from './shapes.js';

export interface DatasetOptions {
  keys: number;
  seed?: number;
  bigStringBytes?: number;
  bigFields?: number;
}

export interface Entry {
  db: number;
  kind: string;
  commands: Iterable<RedisCommand>;
}

const MIB = 1024 * 1024;
const BIG_HASHES = 5;
/** beside 0 */
export const OTHER_DBS = [1, 5];

/** name, shape, share of the small keys in parts per thousand */
const MIX: readonly [kind: string, shape: Shape, share: number][] = [
  ['text', shapes.text, 260],
  ['binary', shapes.binary, 60],
  ['counter', shapes.counter, 60],
  ['expiring', shapes.expiring, 80],
  ['short-lived', shapes.shortLived, 20],
  ['hash', shapes.smallHash, 160],
  ['table-hash', shapes.tableHash, 40],
  ['list', shapes.list, 100],
  ['integer-set', shapes.integerSet, 50],
  ['set', shapes.set, 50],
  ['zset', shapes.sortedSet, 90],
  ['geo', shapes.geo, 10],
  ['bitmap', shapes.bitmap, 7],
  ['hll', shapes.hyperLogLog, 8],
  ['stream', shapes.stream, 5],
];

export function* dataset(options: DatasetOptions): Generator<Entry> {
  const random = seededRandom(options.seed ?? 1);
  const big = bigKeys(options, random).slice(0, options.keys);
  yield* big;
  for (let i = 0; i < options.keys - big.length; i++) {
    const [kind, shape] = pick(random() * 1000);
    const name = `${kind}:${i}`;
    const key = i % 20 === 7 ? shapes.binaryKey(name, random) : name;
    const db = i % 100 === 42 ? OTHER_DBS[Math.floor(i / 100) % OTHER_DBS.length]! : 0;
    yield { db, kind, commands: shape(key, random) };
  }
}

function bigKeys({ bigStringBytes = 20 * MIB, bigFields = 10_000 }: DatasetOptions, random: () => number): Entry[] {
  const big: [name: string, commands: Iterable<RedisCommand>][] = [
    ['big:string', shapes.bigString('big:string', random, bigStringBytes)],
    ['big:zset', shapes.bigSortedSet('big:zset', random, 2 * bigFields)],
    ['big:list', shapes.bigList('big:list', random, 2 * bigFields)],
    ['big:set', shapes.bigSet('big:set', random, 2 * bigFields)],
    ['big:stream', shapes.streamOf('big:stream', random, bigFields / 2)],
  ];
  for (let i = 0; i < BIG_HASHES; i++) big.push([`big:hash:${i}`, shapes.bigHash(`big:hash:${i}`, random, bigFields)]);
  return big.map(([kind, commands]) => ({ db: 0, kind, commands }));
}

function pick(point: number): (typeof MIX)[number] {
  let left = point;
  return MIX.find(([, , share]) => (left -= share) < 0) ?? MIX[0]!;
}
