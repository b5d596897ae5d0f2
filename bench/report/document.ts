/**
 * What a run found, as it is written: bench/results/run.json, and docs/performance.json when it is published.
 *
 * Each row says for itself when and how it was measured, because rows of several runs may stand in one published document;
 * within a row everything is of one run.
 */
import type { Contest } from '../harness/contest.js';
import { type Summary, summaryOf } from '../harness/statistics.js';
import type { Series } from '../rows/row.js';
import type { Measure } from './measure.js';
import type { Verdict } from './verdict.js';

export interface BenchDocument {
  readonly machine: Machine;
  readonly rows: readonly RowResult[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  /** name → version */
  readonly peers: Readonly<Record<string, string>>;
}

export interface RowResult {
  readonly id: string;
  readonly title: string;
  readonly bar: string;
  readonly verdict: Verdict;
  /** what broke; '' for nothing */
  readonly error: string;
  readonly measures: readonly Measure[];
  readonly contests: readonly ContestResult[];
  readonly series: readonly Series[];
  readonly notes: readonly string[];
  readonly measuredAt: string;
  readonly commit: string;
  readonly rounds: number;
  /** that it took */
  readonly seconds: number;
  readonly scale: number;
}

export interface ContestResult {
  readonly workload: string;
  readonly pipeline: number;
  readonly clients: number;
  readonly valueBytes: number;
  readonly contestants: readonly ContestantResult[];
  readonly absent: Contest['absent'];
}

export interface ContestantResult {
  readonly name: string;
  readonly perSecond: Summary;
  /** of its process alone, for one command; null for the server itself, and where it is not known */
  readonly cpuMicros: Summary | null;
  readonly p50Ms: Summary;
  readonly p99Ms: Summary;
  readonly p999Ms: Summary;
  readonly peakRssMb: number | null;
}

export function resultOf({ workload, entries, absent }: Contest): ContestResult {
  const contestants = entries.map(({ contestant, samples, peakRssMb }): ContestantResult => {
    const cpu = samples.map(({ cpuMicros }) => cpuMicros);
    return {
      name: contestant.name,
      perSecond: summaryOf(samples.map(({ perSecond }) => perSecond)),
      cpuMicros: cpu.some(Number.isNaN) ? null : summaryOf(cpu),
      p50Ms: summaryOf(samples.map(({ p50Ms }) => p50Ms)),
      p99Ms: summaryOf(samples.map(({ p99Ms }) => p99Ms)),
      p999Ms: summaryOf(samples.map(({ p999Ms }) => p999Ms)),
      peakRssMb,
    };
  });
  const { name, pipeline, clients, valueBytes } = workload;
  return { workload: name, pipeline, clients, valueBytes, contestants, absent };
}

/** The rows of `newer` in place of those of `older`, in the order of `ids`. */
export function merged(older: BenchDocument | null, newer: BenchDocument, ids: readonly string[]): BenchDocument {
  const rows = new Map([...(older?.rows ?? []), ...newer.rows].map((row) => [row.id, row]));
  const peers = { ...older?.machine.peers, ...newer.machine.peers };
  return { machine: { ...newer.machine, peers }, rows: ids.flatMap((id) => rows.get(id) ?? []) };
}
