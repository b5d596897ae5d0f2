/**
 * Lists, sets, hashes and sorted sets.
 *
 * - Lists and sorted sets have one order, the same on every server: both sides are read by position and compared
 *   element by element.
 * - Sets and hashes have none: as many elements on both sides, and all of a's (by scan) found on b: equal.
 * - Where hash fields can have TTLs, HLEN also counts fields that have expired and are not yet removed, so counts
 *   prove nothing and b is scanned as well. A field that is gone on one side and about to expire on the other is no
 *   difference.
 */
import type { Reply } from '../../resp/values.js';
import type { Difference, Pair } from './pair.js';
import { PieceSize } from './pieces.js';
import { scanPage } from './read-collections.js';
import { fieldTimes, names } from './read-hash.js';
import { type Args, byteList, integer, list, printable, timeMs, totalBytes } from './replies.js';
import { equalScores } from './scores.js';

function pieceSize(pair: Pair): PieceSize {
  return new PieceSize(pair.chunkElements, pair.chunkBytes, pair.firstElements);
}

export async function compareLists(pair: Pair): Promise<Difference | null> {
  return compareByPosition(
    pair,
    'LLEN',
    1,
    (key, from, to) => ['LRANGE', key, from, to],
    (index, a, b) => (a[0].equals(b[0]) ? null : pair.differs(`element ${index}`)),
  );
}

export async function compareSortedSets(pair: Pair): Promise<Difference | null> {
  return compareByPosition(
    pair,
    'ZCARD',
    2,
    (key, from, to) => ['ZRANGE', key, from, to, 'WITHSCORES'],
    (rank, a, b) => {
      if (!a[0].equals(b[0])) return pair.values(`the member of rank ${rank} is`, printable(a[0]), printable(b[0]));
      if (equalScores(a[1], b[1])) return null;
      return pair.values(`the score of ${printable(a[0])} is`, a[1].toString('latin1'), b[1].toString('latin1'));
    },
  );
}

async function compareByPosition(
  pair: Pair,
  lengthCommand: string,
  stride: number,
  range: (key: Buffer, from: number, to: number) => Args,
  compareElement: (index: number, a: Buffer[], b: Buffer[]) => Difference | null,
): Promise<Difference | null> {
  const piece = pieceSize(pair);
  for (let position = 0; ; ) {
    const first = position === 0;
    const [from, to] = [position, position + piece.count - 1];
    const [onA, onB] = await pair.both((key) => {
      const read = range(key, from, to);
      return first ? [read, [lengthCommand, key]] : [read];
    });
    const a = byteList(onA[0]);
    const b = byteList(onB[0]);
    for (let i = 0; i < a.length && i < b.length; i += stride) {
      const found = compareElement(position + i / stride, a.slice(i, i + stride), b.slice(i, i + stride));
      if (found !== null) return found;
    }
    if (first && integer(onA[1]) !== integer(onB[1])) {
      return pair.values('length', integer(onA[1]), integer(onB[1]));
    }
    if (a.length !== b.length) {
      return pair.only(`element ${position + Math.min(a.length, b.length) / stride}`, a.length > b.length ? 0 : 1);
    }
    const elements = a.length / stride;
    if (elements < piece.count) return null;
    position += elements;
    piece.observe(elements, Math.max(totalBytes(a), totalBytes(b)));
  }
}

export async function compareSets(pair: Pair): Promise<Difference | null> {
  const unequalSize = await compareSizes(pair, 'SCARD');
  if (unequalSize !== null) return unequalSize;
  for await (const members of scan(pair, 0, 'SSCAN', 1)) {
    const present = await membership(pair, members);
    const absent = present.indexOf(0);
    if (absent !== -1) return pair.only(`member ${printable(members[absent])}`, 0);
  }
  return null;
}

async function compareSizes(pair: Pair, command: string): Promise<Difference | null> {
  const [[a], [b]] = await pair.both((key) => [[command, key]]);
  return integer(a) === integer(b) ? null : pair.values('length', integer(a), integer(b));
}

async function membership(pair: Pair, members: Buffer[]): Promise<number[]> {
  if (pair.features[1].smismember) {
    const [reply] = await pair.b([['SMISMEMBER', pair.keys[1], ...members]]);
    return list(reply).map(integer);
  }
  return (await pair.b(members.map((member) => ['SISMEMBER', pair.keys[1], member]))).map(integer);
}

export async function compareHashes(pair: Pair): Promise<Difference | null> {
  if (pair.features[0].hashFieldTtl || pair.features[1].hashFieldTtl) {
    return (await compareFields(pair, 0, true)) ?? compareFields(pair, 1, true);
  }
  return (await compareSizes(pair, 'HLEN')) ?? compareFields(pair, 0, false);
}

/** Every field of one side looked up on the other. */
async function compareFields(pair: Pair, scanned: 0 | 1, fieldTtls: boolean): Promise<Difference | null> {
  const there = scanned === 0 ? pair.b : pair.a;
  for await (const page of scan(pair, scanned, 'HSCAN', 2)) {
    const fields = names(page);
    const values = list((await there([['HMGET', pair.keys[1 - scanned]!, ...fields]]))[0]);
    const unequal = fields.findIndex((_, i) => !isBytes(values[i], page[2 * i + 1]));
    if (unequal === -1 && !fieldTtls) continue;
    const times = fieldTtls
      ? await Promise.all([fieldDeadlines(pair, 0, fields), fieldDeadlines(pair, 1, fields)])
      : null;
    for (let i = 0; i < fields.length; i++) {
      const name = `field ${printable(fields[i])}`;
      const equal = isBytes(values[i], page[2 * i + 1]);
      if (times === null) {
        if (equal) continue;
        return values[i] === null ? pair.only(name, scanned) : pair.differs(name);
      }
      const found = compareField(pair, name, equal, times[0].of(i), times[1].of(i));
      if (found !== null) return found;
    }
  }
  return null;
}

/** A field's life on one side. */
type FieldState = { present: false } | { present: true; deadlineMs: number | null; remainingMs: number };

function compareField(pair: Pair, name: string, equal: boolean, onA: FieldState, onB: FieldState): Difference | null {
  if (!onA.present && !onB.present) return null;
  if (onA.present && onB.present) {
    return equal ? pair.deadlines(name, onA.deadlineMs, onB.deadlineMs) : pair.differs(name);
  }
  const [survivor, side] = onA.present ? [onA, 0 as const] : [onB, 1 as const];
  if (survivor.present && survivor.remainingMs <= pair.ttlToleranceMs) return null;
  return pair.only(name, side);
}

async function fieldDeadlines(pair: Pair, side: 0 | 1, fields: Buffer[]): Promise<{ of(i: number): FieldState }> {
  const call = side === 0 ? pair.a : pair.b;
  const key = pair.keys[side];
  const withTtls = pair.features[side].hashFieldTtl;
  // A side without field TTLs still tells which of them it has.
  const read: Args[] = withTtls
    ? [['TIME'], fieldTimes(key, fields)]
    : [['TIME'], ...fields.map((field): Args => ['HEXISTS', key, field])];
  const [time, ...rest] = await call(read);
  const nowMs = timeMs(time);
  const deadlines: Reply[] = !withTtls
    ? rest.map((exists) => (exists === 1 ? -1 : -2))
    : rest[0] === null
      ? []
      : list(rest[0]);
  return {
    of(i) {
      const deadline = deadlines[i] === undefined ? -2 : integer(deadlines[i]);
      if (deadline === -2) return { present: false };
      if (deadline < 0) return { present: true, deadlineMs: null, remainingMs: Number.POSITIVE_INFINITY };
      return { present: true, deadlineMs: deadline, remainingMs: deadline - nowMs };
    },
  };
}

function isBytes(reply: Reply | undefined, expected: Buffer): boolean {
  return Buffer.isBuffer(reply) && reply.equals(expected);
}

/** The pages of SSCAN or HSCAN that hold anything. */
async function* scan(pair: Pair, side: 0 | 1, command: string, stride: number): AsyncGenerator<Buffer[]> {
  const call = side === 0 ? pair.a : pair.b;
  const piece = pieceSize(pair);
  let cursor: Buffer | null = Buffer.from('0');
  while (cursor !== null) {
    const [reply]: Reply[] = await call([[command, pair.keys[side], cursor, 'COUNT', piece.count]]);
    const page = scanPage(reply);
    cursor = page.cursor;
    piece.observe(page.items.length / stride, totalBytes(page.items));
    if (page.items.length > 0) yield page.items;
  }
}
