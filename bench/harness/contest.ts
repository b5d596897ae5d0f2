/**
 * Contestants in turns, under redis-benchmark.
 *
 * All do the same number of requests, found by trying: the middle one of them takes about as long as asked for. Those trials, and one
 * whole round that does not count, also warm up what compiles itself while it runs.
 */
import { cpuSeconds, peakRssMb, resetPeak } from './process-figures.js';
import { benchmark, type LoadReport, type Workload } from './redis-benchmark.js';
import { median } from './statistics.js';
import { inTurns, type Turns } from './turns.js';

/** Who answers, and which process is the one whose cost counts; null for a server itself. */
export interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly pid: number | null;
  /** instead of the contest's own */
  readonly workload?: Workload;
  /** Goes on beside each of its runs; the answer ends it. */
  readonly beside?: () => Promise<() => Promise<void>>;
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
  /** contestants that could not take part, and why; only where that is allowed */
  readonly absent: readonly { readonly name: string; readonly why: string }[];
}

export interface ContestOptions extends Omit<Turns, 'warmUp'> {
  /** how long a round of one contestant should take */
  readonly seconds: number;
  /** Whoever fails at the first trial is left out; otherwise it is an error. */
  readonly mayLack?: boolean;
}

/** Trials grow until one takes so long. */
const TRIAL_SECONDS = 0.2;
const TRIAL_GROWTH = 6;
/** How many times longer than it should a run may take. */
const PATIENCE = 30;
const LEAST_PATIENCE_MS = 60_000;

export async function holdContest(
  workload: Workload,
  invited: readonly Contestant[],
  options: ContestOptions,
): Promise<Contest> {
  const { seconds, signal } = options;
  const workloadOf = (contestant: Contestant): Workload => contestant.workload ?? workload;
  const rates: number[] = [];
  const contestants: Contestant[] = [];
  const absent: { name: string; why: string }[] = [];
  for (const contestant of invited) {
    try {
      rates.push(await rateOf(contestant, workloadOf(contestant), options));
      contestants.push(contestant);
    } catch (error) {
      signal.throwIfAborted();
      if (options.mayLack !== true) throw error;
      absent.push({ name: contestant.name, why: (error as Error).message });
    }
  }
  if (contestants.length === 0) throw new Error(absent[0]?.why ?? 'nobody takes part');
  const requests = inBatches(median(rates) * seconds, contestants.map(workloadOf));

  for (const { pid } of contestants) if (pid !== null) resetPeak(pid);
  const runs = contestants.map((contestant) => () => sampleOf(contestant, workloadOf(contestant), requests, options));
  const samples = await inTurns(runs, { ...options, warmUp: true });
  const entries = contestants.map((contestant, i) => ({
    contestant,
    samples: samples[i]!,
    peakRssMb: contestant.pid === null ? null : peakRssMb(contestant.pid),
  }));
  return { workload, entries, absent };
}

async function sampleOf(
  { port, pid, beside }: Contestant,
  workload: Workload,
  requests: number,
  { signal, seconds }: ContestOptions,
): Promise<Sample> {
  const patienceMs = Math.max(LEAST_PATIENCE_MS, seconds * 1000 * PATIENCE);
  const end = await beside?.();
  try {
    const before = pid === null ? null : cpuSeconds(pid);
    const report = await benchmark(port, workload, requests, { signal, patienceMs });
    const after = pid === null ? null : cpuSeconds(pid);
    const cpuMicros = before === null || after === null ? Number.NaN : ((after - before) * 1e6) / requests;
    return { ...report, cpuMicros };
  } finally {
    await end?.();
  }
}

/** Requests per second, roughly. */
async function rateOf(contestant: Contestant, workload: Workload, options: ContestOptions): Promise<number> {
  const { seconds, signal } = options;
  const enough = Math.min(TRIAL_SECONDS, seconds);
  for (let requests = inBatches(0, [workload]); ; requests *= TRIAL_GROWTH) {
    signal.throwIfAborted();
    const { perSecond } = await sampleOf(contestant, workload, requests, options);
    if (requests / perSecond >= enough) return perSecond;
  }
}

/** A number that every client can share in, by whole pipelines. */
function inBatches(requests: number, workloads: readonly Workload[]): number {
  const batch = Math.max(...workloads.map(({ clients, pipeline }) => clients * pipeline));
  return Math.max(2, Math.ceil(requests / batch)) * batch;
}
