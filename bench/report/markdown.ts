/** The parts of docs/performance.md that come from the results, as Markdown. */
import type { Chart } from './charts.js';
import type { BenchDocument, RowResult } from './document.js';
import { figure, range, times } from './figures.js';
import type { Measure } from './measure.js';
import { barText, firstLine } from './table.js';

/** By the name of the markers that each stands between. */
export function sections(results: BenchDocument, drawn: readonly Chart[], folder: string): Map<string, string> {
  return new Map([
    ['machine', machine(results)],
    ['verdicts', verdicts(results)],
    ['figures', figures(results)],
    ['slower', slower(results)],
    ['charts', drawn.map(({ name, caption }) => `![${caption}](${folder}/${name}.svg)`).join('\n\n')],
    ['contests', contests(results)],
  ]);
}

/**
 * Puts each section between `<!-- bench:name -->` and `<!-- /bench:name -->`, in place of what is there.
 * @throws when a section has no place in the page
 */
export function withSections(page: string, parts: ReadonlyMap<string, string>): string {
  let result = page;
  for (const [name, content] of parts) {
    const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
    const [from, to] = [result.indexOf(begin), result.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`the page has no ${begin} … ${end}`);
    result = `${result.slice(0, from + begin.length)}\n${content}\n${result.slice(to)}`;
  }
  return result;
}

function machine({ machine, rows }: BenchDocument): string {
  const { cpu, cores, memoryGb, system, node, redis, peers } = machine;
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  const runs = new Set(
    rows.map(({ measuredAt, commit }) => `${measuredAt.slice(0, 10)}${commit === '' ? '' : ` at ${commit}`}`),
  );
  return [
    `${cores} cores (${cpu}), ${memoryGb} GB, ${system}; Node.js ${node}, Redis ${redis}, ${versions.join(', ') || 'no peers'}.`,
    `Measured ${[...runs].join(' and ')}, ${[...new Set(rows.map(({ rounds }) => rounds))].join(' or ')} rounds.`,
  ].join('\n');
}

function verdicts({ rows }: BenchDocument): string {
  const judged = rows.filter(({ verdict }) => verdict !== 'information');
  const lines = judged.map(({ title, bar, verdict, error, notes }) => {
    const remarks = [error === '' ? '' : `broke: ${error}`, ...notes].filter((remark) => remark !== '');
    const shown = verdict === 'reached' ? verdict : `**${verdict}**`;
    return row([title, bar, `${shown}${remarks.length > 0 ? ` (${remarks.join('; ')})` : ''}`]);
  });
  return table(['', 'bar', 'verdict'], lines);
}

function figures({ rows }: BenchDocument): string {
  const lines = rows
    .filter(({ id }) => !id.startsWith('matrix-'))
    .flatMap(({ title, measures }) =>
      measures.map((measure, i) => row([i === 0 ? title : '', ...figureCells(measure)])),
    );
  const head = ['', 'what', 'unit', 'Ferry, median (range)', 'against, median (range)', 'ratio (range)', 'bar'];
  return table(head, lines);
}

function figureCells(measure: Measure): string[] {
  const { name, unit, ferry, ferryRange, peer, peerRange, peerName, ratio, ratioRange, reached, note } = measure;
  const own = ferry === null ? `– (${note})` : spread(ferry, ferryRange, measure.rounds);
  const theirs = peer === null ? peerName : `${peerName} ${spread(peer, peerRange, measure.rounds)}`;
  const factor = ratio === null ? '' : `${times(ratio)} (${range(ratioRange, (value) => value.toFixed(2))})`;
  const mark = measure.bar === null ? '' : reached === null ? ` ? ${note}` : reached ? ' ✔' : ' ✘';
  return [name, unit, own, theirs, factor, `${barText(measure)}${mark}`];
}

function spread(value: number, between: readonly [number, number] | null, rounds: number): string {
  return rounds > 1 ? `${figure(value)} (${range(between)})` : figure(value);
}

const LESS_IS_BETTER = /^(µs|ms|MB RSS)/;
/** What is not another proxy, or Redis itself. */
const OWN = /clients$|^(source-only|standalone|no backfill|backfill|Ferry.*)$/;

/** Ferry falls behind somebody else here, whatever the bar says. */
function slower({ rows }: BenchDocument): string {
  const behind = rows
    .flatMap(({ measures }) => measures)
    .filter(({ ratio, peerName, unit }) => {
      if (ratio === null || OWN.test(peerName)) return false;
      return LESS_IS_BETTER.test(unit) ? ratio > 1 : ratio < 1;
    });
  const [matrix, table16] = [behind.filter(isOfMatrix), behind.filter((measure) => !isOfMatrix(measure))];
  const lines = [...table16, ...matrix].map(({ row: id, name, unit, ferry, peer, peerName, ratio }) =>
    row([id, name, peerName, unit, figure(ferry), figure(peer), times(ratio)]),
  );
  if (lines.length === 0) return 'Nothing that was measured.';
  return table(['row', 'what', 'than', 'unit', 'Ferry', 'the other', 'ratio'], lines);
}

function isOfMatrix({ row: id }: Measure): boolean {
  return id.startsWith('matrix-');
}

function contests({ rows }: BenchDocument): string {
  const lines = rows.flatMap(({ id, contests }) => contests.flatMap((contest) => contestLines(id, contest)));
  const head = [
    'row',
    'workload',
    'contestant',
    'commands/s (range)',
    'µs CPU',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'peak RSS MB',
  ];
  return table(head, lines);
}

function contestLines(id: string, { workload, contestants, absent }: RowResult['contests'][number]): string[] {
  const present = contestants.map((one, i) => {
    const { name, perSecond, cpuMicros, p50Ms, p99Ms, p999Ms, peakRssMb } = one;
    const first = i === 0 ? [id, workload] : ['', ''];
    const rate = `${figure(perSecond.median)} (${range([perSecond.min, perSecond.max])})`;
    const latencies = [p50Ms, p99Ms, p999Ms].map(({ median }) => figure(median));
    const memory = peakRssMb === null ? '' : figure(peakRssMb);
    return row([...first, name, rate, cpuMicros === null ? '' : figure(cpuMicros.median), ...latencies, memory]);
  });
  return [
    ...present,
    ...absent.map(({ name, why }) => row(['', '', name, `not possible: ${firstLine(why)}`, '', '', '', '', ''])),
  ];
}

function table(head: readonly string[], lines: readonly string[]): string {
  return [row(head), row(head.map(() => '---')), ...lines].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}
