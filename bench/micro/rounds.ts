/**
 * Contestants side by side, in one process and one run: each round runs every one of them once (A B A B …), so that a noisy
 * machine is noisy for all. What is said of a contestant is the median of its rounds, with the best and the worst.
 *
 * `allocatedBytes` counts what is allocated, garbage included: the heap's growth, chunk by chunk, where it grew. A chunk in
 * which the collector ran counts for nothing, so chunks are short.
 */

export interface Contestant {
  readonly name: string;
  /** Does it `count` times. */
  run(count: number): void;
}

const CHUNK = 4096;

/** Processor time for one, ns, of each contestant: what others do on the machine counts less than by the clock. */
export function timed(
  contestants: readonly Contestant[],
  rounds: number,
  count: number,
): ReadonlyMap<Contestant, number[]> {
  const samples = new Map<Contestant, number[]>(contestants.map((contestant) => [contestant, []]));
  // the first round only makes the compiler's choices
  for (let round = -1; round < rounds; round++) {
    for (const contestant of contestants) {
      const before = process.cpuUsage();
      contestant.run(count);
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) samples.get(contestant)!.push(((user + system) * 1000) / count);
    }
  }
  return samples;
}

/** Bytes allocated for one, when the compiler is done with it. */
export function allocatedBytes(contestant: Contestant, count: number): number {
  contestant.run(count);
  let allocated = 0;
  for (let done = 0; done < count; done += CHUNK) {
    const before = process.memoryUsage().heapUsed;
    contestant.run(CHUNK);
    allocated += Math.max(0, process.memoryUsage().heapUsed - before);
  }
  return allocated / (Math.ceil(count / CHUNK) * CHUNK);
}
