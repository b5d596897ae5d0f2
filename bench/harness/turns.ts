/**
 * One after the other, A B C A B C …: what else happens on the machine happens to all of them. Round -1 is the one that does
 * not count, where there is one: it warms up what compiles itself while it runs.
 */

export interface Turns {
  readonly rounds: number;
  readonly warmUp: boolean;
  readonly signal: AbortSignal;
  /** told how many runs are over, of all contestants together */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The results of each contestant, by round. */
export async function inTurns<T>(
  contestants: readonly ((round: number) => Promise<T>)[],
  { rounds, warmUp, signal, onProgress }: Turns,
): Promise<T[][]> {
  const results = contestants.map((): T[] => []);
  const first = warmUp ? -1 : 0;
  for (let round = first; round < rounds; round++) {
    for (const [i, run] of contestants.entries()) {
      signal.throwIfAborted();
      const result = await run(round);
      if (round >= 0) results[i]!.push(result);
      onProgress?.((round - first) * contestants.length + i + 1, (rounds - first) * contestants.length);
    }
  }
  return results;
}
