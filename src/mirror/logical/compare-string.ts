/**
 * Strings byte by byte, in pieces. If the bytes differ and both sides look like HyperLogLogs, their registers decide
 * (see hyperloglog.ts).
 */

import { HYPERLOGLOG_MAX_BYTES, hyperLogLogRegisters, looksLikeHyperLogLog } from './hyperloglog.js';
import type { Difference, Pair } from './pair.js';
import { type Args, bytes, integer } from './replies.js';

export async function compareStrings(pair: Pair): Promise<Difference | null> {
  const [firstA, firstB] = await pair.both((key) => [['STRLEN', key], piece(pair, key, 0)]);
  const lengthA = integer(firstA[0]);
  const lengthB = integer(firstB[0]);
  let pieceA = bytes(firstA[1]);
  let pieceB = bytes(firstB[1]);
  const maybeHyperLogLogs =
    looksLikeHyperLogLog(pieceA) &&
    looksLikeHyperLogLog(pieceB) &&
    lengthA <= HYPERLOGLOG_MAX_BYTES &&
    lengthB <= HYPERLOGLOG_MAX_BYTES;

  let difference = lengthA === lengthB ? null : pair.values('length', lengthA, lengthB);
  for (let offset = 0; difference === null; ) {
    if (!pieceA.equals(pieceB)) difference = pair.differs(`byte ${offset + firstUnequal(pieceA, pieceB)}`);
    offset += pair.chunkBytes;
    if (difference !== null || offset >= lengthA) break;
    const [nextA, nextB] = await pair.both((key) => [piece(pair, key, offset)]);
    pieceA = bytes(nextA[0]);
    pieceB = bytes(nextB[0]);
  }
  return difference !== null && maybeHyperLogLogs ? compareRegisters(pair, difference) : difference;
}

function piece(pair: Pair, key: Buffer, offset: number): Args {
  return ['GETRANGE', key, offset, offset + pair.chunkBytes - 1];
}

async function compareRegisters(pair: Pair, inBytes: Difference): Promise<Difference | null> {
  const [[valueA], [valueB]] = await pair.both((key) => [['GETRANGE', key, 0, HYPERLOGLOG_MAX_BYTES]]);
  const onA = hyperLogLogRegisters(bytes(valueA));
  const onB = hyperLogLogRegisters(bytes(valueB));
  if (onA === null || onB === null) return inBytes;
  const unequal = onA.findIndex((count, register) => count !== onB[register]);
  return unequal === -1 ? null : pair.values(`HyperLogLog register ${unequal} is`, onA[unequal], onB[unequal]);
}

function firstUnequal(a: Buffer, b: Buffer): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}
