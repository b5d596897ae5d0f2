/**
 * What is said of several rounds: the median, and how far they lay apart. Ratios are of medians; the least and the greatest
 * ratio of a single round tell how much of it is noise.
 */

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Ratio extends Summary {
  /** of the medians */
  readonly median: number;
}

/** Of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function summaryOf(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * Two contestants of the same rounds; `min` and `max` are those of a round. Null when there is nothing to divide by: rounds
 * so short that no processor time was counted, or a latency that nobody added. One such round among others only
 * has no ratio of its own.
 */
export function ratioOf(values: readonly number[], peers: readonly number[]): Ratio | null {
  if (values.length !== peers.length) throw new RangeError(`${values.length} rounds against ${peers.length}`);
  if (values.length === 0 || !(median(peers) > 0)) return null;
  const byRound = values.flatMap((value, round) => (peers[round]! > 0 ? [value / peers[round]!] : []));
  return { median: median(values) / median(peers), min: Math.min(...byRound), max: Math.max(...byRound) };
}
