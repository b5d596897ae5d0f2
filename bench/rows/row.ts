/**
 * A row of the table: something that Ferry is to reach, and how it is measured.
 *
 * A row sets its own scene (`context.site()`), which is cleared away when the row is over. What it cannot measure it
 * answers as an unmeasured figure with the reason; what goes wrong it throws.
 */
import type { Contest, Contestant, ContestOptions } from '../harness/contest.js';
import type { Peer, PeerName, Peers } from '../harness/peers.js';
import type { Workload } from '../harness/redis-benchmark.js';
import type { Site } from '../harness/site.js';
import type { Measure } from '../report/measure.js';

export interface Row {
  /** for --only */
  readonly id: string;
  readonly title: string;
  /** what is to be reached, in words */
  readonly bar: string;
  /** only with --full, or when it is named */
  readonly onlyFull?: true;
  /** it needs one of these at least */
  readonly peers?: readonly PeerName[];
  measure(context: RowContext): Promise<RowOutcome>;
}

export interface RowOutcome {
  readonly measures: readonly Measure[];
  /** every contest behind them, as it was */
  readonly contests?: readonly Contest[];
  /** for the charts */
  readonly series?: readonly Series[];
  /** what a reader must know to understand the figures */
  readonly notes?: readonly string[];
}

/** y over x, e.g. keys per second over time. */
export interface Series {
  readonly name: string;
  readonly xUnit: string;
  readonly yUnit: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface RowContext {
  readonly rounds: number;
  /** how long a sample takes */
  readonly seconds: number;
  /** 1, or less to see only that it works: keys, clients and durations of the rows with sizes of their own shrink by it */
  readonly scale: number;
  readonly full: boolean;
  readonly peers: Peers;
  readonly signal: AbortSignal;
  /** closed after the row */
  site(): Site;
  /** `share` from 0 to 1; what is being done */
  progress(share: number, text: string): void;
  contest(workload: Workload, contestants: readonly Contestant[], part: Part): Promise<Contest>;
}

/** One of so many contests of a row. */
export interface Part {
  readonly index: number;
  readonly of: number;
  /** times the usual length of a sample; default 1 */
  readonly longer?: number;
  /** Whoever cannot take part is left out, and named in the contest. */
  readonly mayLack?: boolean;
}

export type { ContestOptions, Peer };
