/**
 * Contestants in turns under a mix of GETs and SETs, which redis-benchmark has not: a load of our own, each client sending its
 * next batch when the one before is answered. It costs more of the machine than redis-benchmark does, so its figures are for
 * comparing these contestants, not for comparing with other workloads.
 */
import type { Cleanup } from '../../src/cli/demo/cleanup.js';
import { LoadDriver } from '../load/driver.js';
import { pause } from '../rows/timing.js';
import type { Contest, Contestant, ContestOptions, Sample } from './contest.js';
import { cpuSeconds, peakRssMb, resetPeak } from './process-figures.js';
import type { Workload } from './redis-benchmark.js';
import { inTurns } from './turns.js';

const WARM_UP_MS = 200;

export interface MixedWorkload extends Omit<Workload, 'command'> {
  readonly getShare: number;
}

export async function holdMixedContest(
  workload: MixedWorkload,
  contestants: readonly Contestant[],
  options: ContestOptions,
  cleanup: Cleanup,
): Promise<Contest> {
  const { signal, seconds } = options;
  for (const { pid } of contestants) if (pid !== null) resetPeak(pid);
  const runs = contestants.map(({ port, pid }) => async (): Promise<Sample> => {
    const load = await LoadDriver.load({ ...workload, port, perSecond: 0, seed: 1 }, cleanup);
    await load.go();
    await pause(Math.min(WARM_UP_MS, seconds * 1000), signal);
    await load.window();
    const before = pid === null ? null : cpuSeconds(pid);
    await pause(seconds * 1000, signal);
    const window = await load.window();
    const after = pid === null ? null : cpuSeconds(pid);
    await load.halt();
    await load.child.stop();
    if (window.failures > 0) throw new Error(window.failure);
    const { replies, p50Ms, p99Ms, p999Ms } = window;
    const cpuMicros = before === null || after === null ? Number.NaN : ((after - before) * 1e6) / replies;
    return { requests: replies, perSecond: replies / window.seconds, p50Ms, p99Ms, p999Ms, cpuMicros };
  });
  const samples = await inTurns(runs, { ...options, warmUp: true });
  const entries = contestants.map((contestant, i) => ({
    contestant,
    samples: samples[i]!,
    peakRssMb: contestant.pid === null ? null : peakRssMb(contestant.pid),
  }));
  return { workload: { ...workload, command: [] }, entries, absent: [] };
}
