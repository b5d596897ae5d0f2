/**
 * Contestants one after the other, A B C A B C …, in one run: what else happens on the machine happens to all of them.
 *
 * All do the same number of requests, found by trying: the middle one of them takes about as long as asked for. Those trials, and one
 * whole round that does not count, also warm up what compiles itself while it runs.
 */
import { cpuSeconds, peakRssMb, resetPeak } from './process-figures.js';
import { benchmark, type LoadReport, type Workload } from './redis-benchmark.js';
import { median } from './statistics.js';

/** Who answers, and which process is the one whose cost counts; null for a server itself. */
export interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly pid: number | null;
  /** instead of the contest's own */
  readonly workload?: Workload;
}

export interface Sample extends LoadReport {
  /** Processor time of the contestant's process for one request, µs; NaN where it is not known. */
  readonly cpuMicros: number;
}

export interface Entry {
  readonly contestant: Contestant;
  readonly samples: readonly Sample[];
  /** Of its process in this contest, MiB; null where it is not known. */
  readonly peakRssMb: number | null;
}

export interface Contest {
  readonly workload: Workload;
  readonly entries: readonly Entry[];
}

export interface ContestOptions {
  readonly rounds: number;
  /** how long a round of one contestant should take */
  readonly seconds: number;
  /** told how many of its rounds are over, of all contestants together */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** Trials grow until one takes so long. */
const TRIAL_SECONDS = 0.2;
const TRIAL_GROWTH = 6;

export async function holdContest(
  workload: Workload,
  contestants: readonly Contestant[],
  options: ContestOptions,
): Promise<Contest> {
  const { rounds, seconds, signal } = options;
  const workloadOf = (contestant: Contestant): Workload => contestant.workload ?? workload;
  const rates: number[] = [];
  for (const contestant of contestants) rates.push(await rateOf(contestant.port, workloadOf(contestant), options));
  const requests = inBatches(median(rates) * seconds, contestants.map(workloadOf));

  const samples = contestants.map((): Sample[] => []);
  for (const { pid } of contestants) if (pid !== null) resetPeak(pid);
  for (let round = -1; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      signal.throwIfAborted();
      const sample = await sampleOf(contestant, workloadOf(contestant), requests, signal);
      if (round >= 0) samples[i]!.push(sample);
      options.onProgress?.((round + 1) * contestants.length + i + 1, (rounds + 1) * contestants.length);
    }
  }
  const entries = contestants.map((contestant, i) => ({
    contestant,
    samples: samples[i]!,
    peakRssMb: contestant.pid === null ? null : peakRssMb(contestant.pid),
  }));
  return { workload, entries };
}

async function sampleOf(
  { port, pid }: Contestant,
  workload: Workload,
  requests: number,
  signal: AbortSignal,
): Promise<Sample> {
  const before = pid === null ? null : cpuSeconds(pid);
  const report = await benchmark(port, workload, requests, signal);
  const after = pid === null ? null : cpuSeconds(pid);
  const cpuMicros = before === null || after === null ? Number.NaN : ((after - before) * 1e6) / requests;
  return { ...report, cpuMicros };
}

/** Requests per second, roughly. */
async function rateOf(port: number, workload: Workload, { seconds, signal }: ContestOptions): Promise<number> {
  const enough = Math.min(TRIAL_SECONDS, seconds);
  for (let requests = inBatches(0, [workload]); ; requests *= TRIAL_GROWTH) {
    signal.throwIfAborted();
    const { perSecond } = await benchmark(port, workload, requests, signal);
    if (requests / perSecond >= enough) return perSecond;
  }
}

/** A number that every client can share in, by whole pipelines. */
function inBatches(requests: number, workloads: readonly Workload[]): number {
  const batch = Math.max(...workloads.map(({ clients, pipeline }) => clients * pipeline));
  return Math.max(2, Math.ceil(requests / batch)) * batch;
}
