/**
 * The results of chaos runs, in files that outlive a run: one line of JSON per result, one file per part. A long run that
 * was interrupted goes on with what is missing, and its totals are those of all of its parts.
 *
 * Without FERRY_CHAOS_RESULTS nothing is kept: the short run of every part, which is always whole.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What every kind of result adds to the totals. */
export interface Result {
  /** its place in its part: a seed, or the number of a batch */
  readonly id: number;
  readonly runs: number;
  readonly acknowledgedWrites: number;
  readonly lost: number;
  readonly silentDifferences: number;
  /** runs in which only the mirror was sick, and of those the ones in which a client saw it */
  readonly mirrorOnly: number;
  readonly unavailable: number;
  /** everything that is wrong, in words; empty if nothing is */
  readonly wrong: readonly string[];
  /** further numbers that add up, by name */
  readonly counts?: Readonly<Record<string, number>>;
}

export const RESULTS_DIR = process.env.FERRY_CHAOS_RESULTS ?? '';
export const IS_LONG = RESULTS_DIR !== '';

export class Tally {
  readonly results: Result[] = [];
  private readonly done = new Set<number>();
  private readonly file: string;

  constructor(readonly part: string) {
    this.file = RESULTS_DIR === '' ? '' : join(RESULTS_DIR, `${part}.jsonl`);
    if (this.file === '') return;
    mkdirSync(RESULTS_DIR, { recursive: true });
    for (const result of readResults(this.file)) this.take(result);
  }

  has(id: number): boolean {
    return this.done.has(id);
  }

  add(result: Result): void {
    this.take(result);
    if (this.file !== '') appendFileSync(this.file, `${JSON.stringify(result)}\n`);
  }

  /** Empty if nothing is wrong. */
  report(shown = 6): string {
    const bad = this.results.filter(({ wrong }) => wrong.length > 0);
    if (bad.length === 0) return '';
    const lines = bad.slice(0, shown).flatMap(({ wrong }) => wrong.slice(0, 6));
    return [`${bad.length} of ${this.results.length} are wrong: ${bad.map(({ id }) => id).join(' ')}`, ...lines].join(
      '\n',
    );
  }

  private take(result: Result): void {
    this.results.push(result);
    this.done.add(result.id);
  }
}

/** The last line may be cut off by whatever interrupted the run. */
function readResults(file: string): Result[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Result];
      } catch {
        return [];
      }
    });
}

/** One line of totals. */
export function totals(name: string, results: readonly Result[]): string {
  const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
  const counts = new Map<string, number>();
  for (const result of results) {
    for (const [what, count] of Object.entries(result.counts ?? {})) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  const mirrorOnly = sum((r) => r.mirrorOnly);
  const available =
    mirrorOnly === 0
      ? ''
      : `, availability with only the mirror sick ${percent(mirrorOnly - sum((r) => r.unavailable), mirrorOnly)}`;
  const others = [...counts].map(([what, count]) => `, ${count} ${what}`).join('');
  const writes = sum((r) => r.acknowledgedWrites);
  return `${name}: ${sum((r) => r.runs)} runs, ${writes} acknowledged writes, ${sum((r) => r.lost)} lost, ${sum((r) => r.silentDifferences)} silent differences${available}${others}, ${results.filter(({ wrong }) => wrong.length > 0).length} wrong`;
}

/** The totals of each part that has results, and of all together. */
export function allTotals(dir: string): string[] {
  const parts = readdirSync(dir)
    .filter((name) => name.endsWith('.jsonl'))
    .sort();
  const all = parts.map((name) => readResults(join(dir, name)));
  return [...parts.map((name, i) => totals(name.replace('.jsonl', ''), all[i]!)), totals('all parts', all.flat())];
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(2)} %`;
}
