/**
 * Rows one after the other, each in a scene of its own that is cleared away before the next one. A row that breaks is
 * reported as such, and the others are measured all the same; an interruption ends everything.
 */
import { startProgress } from '../../src/cli/progress.js';
import { type RowResult, resultOf } from '../report/document.js';
import { verdictOf } from '../report/verdict.js';
import type { Row, RowContext, RowOutcome } from '../rows/row.js';
import { holdContest } from './contest.js';
import type { BenchOptions } from './options.js';
import type { Peers } from './peers.js';
import { Site } from './site.js';

export interface Setting {
  readonly options: BenchOptions;
  readonly peers: Peers;
  readonly redisBinary: string;
  readonly commit: string;
  readonly signal: AbortSignal;
}

/** `onResult` is told all results so far, after each row. */
export async function runRows(
  rows: readonly Row[],
  setting: Setting,
  onResult: (results: readonly RowResult[]) => Promise<void>,
): Promise<void> {
  const results: RowResult[] = [];
  for (const [i, row] of rows.entries()) {
    setting.signal.throwIfAborted();
    results.push(await runRow(row, setting, `${i + 1}/${rows.length} ${row.id}`));
    await onResult(results);
  }
}

async function runRow(row: Row, setting: Setting, title: string): Promise<RowResult> {
  const { options, peers, signal } = setting;
  const { rounds, seconds, scale, full } = options;
  const startedMs = performance.now();
  const measuredAt = new Date().toISOString();
  const sites: Site[] = [];
  const progress = startProgress(title);
  const tell = (share: number, text: string): void => progress.update(Math.round(share * 1000), 1000, text);
  const context: RowContext = {
    rounds,
    seconds,
    scale,
    full,
    peers,
    signal,
    site() {
      const site = new Site(setting.redisBinary);
      sites.push(site);
      return site;
    },
    progress: tell,
    contest: (workload, contestants, { index, of, longer = 1, mayLack }) =>
      holdContest(workload, contestants, {
        rounds,
        seconds: seconds * longer,
        mayLack,
        signal,
        onProgress: (done, total) => tell((index + done / total) / of, `${workload.name}: ${done} of ${total} runs`),
      }),
  };
  let outcome: RowOutcome = { measures: [] };
  let error = '';
  try {
    tell(0, 'servers start');
    outcome = await Promise.race([row.measure(context), aborted(signal)]);
  } catch (reason) {
    signal.throwIfAborted();
    error = reason instanceof Error ? reason.message : String(reason);
  } finally {
    progress.stop();
    for (const site of sites.reverse()) await site.close();
  }
  const { measures, contests = [], series = [], notes = [] } = outcome;
  return {
    id: row.id,
    title: row.title,
    bar: row.bar,
    // a smaller migration is another one
    verdict: error === '' && scale === 1 ? verdictOf(measures) : 'not measured',
    error,
    measures,
    contests: contests.map(resultOf),
    series,
    notes: scale === 1 ? notes : [...notes, `a trial on a scale of ${scale}: no verdict`],
    measuredAt,
    commit: setting.commit,
    rounds,
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
    scale,
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
