/** Which charts docs/performance.md has, and what of the results each shows. A chart without results is not drawn. */
import { type BarChart, type BarGroup, barChart } from './bar-chart.js';
import type { BenchDocument, ContestantResult, ContestResult, RowResult } from './document.js';
import { lineChart } from './line-chart.js';

export interface Chart {
  /** of the file, without its ending */
  readonly name: string;
  readonly caption: string;
  readonly svg: string;
}

type Rows = ReadonlyMap<string, RowResult>;
type Of = (
  contestant: ContestantResult,
) => { readonly median: number; readonly min: number; readonly max: number } | null;

export function charts({ rows }: BenchDocument): Chart[] {
  const byId: Rows = new Map(rows.map((row) => [row.id, row]));
  const drawn = [
    ...['source-only', 'source-only-16'].flatMap((id) => [
      contests(byId, [id], `throughput-${id}`, 'Throughput', 'commands/s', ({ perSecond }) => perSecond),
      contests(byId, [id], `cpu-${id}`, 'Processor time of the proxy alone', 'µs per command', (c) => c.cpuMicros),
      contests(byId, [id], `p99-${id}`, 'Latency, p99', 'ms', ({ p99Ms }) => p99Ms),
    ]),
    ownRatios(byId),
    contests(byId, ['big-values'], 'big-values', 'Values of 1 MB', 'commands/s', ({ perSecond }) => perSecond),
    rates(byId),
    course(byId, 'backfill', 'backfill-course', 'The backfill of 5 million keys'),
    course(byId, 'memory', 'backfill-memory', "Ferry's memory meanwhile"),
    pauses(byId),
    ...['no pipeline', 'pipeline 16', 'pipeline 128'].map((pipeline) => commands(byId, pipeline)),
    ...['GET', 'SET'].flatMap((test) =>
      [1, 16].flatMap((pipeline) => [values(byId, test, pipeline), clients(byId, test, pipeline)]),
    ),
  ];
  return drawn.filter((chart) => chart !== null);
}

/** One group for each contest of these rows, one bar for each contestant. */
function contests(rows: Rows, ids: readonly string[], name: string, title: string, unit: string, of: Of): Chart | null {
  const all = ids.flatMap((id) => rows.get(id)?.contests ?? []);
  const series = [...new Set(all.flatMap(({ contestants }) => contestants.map((contestant) => contestant.name)))];
  const groups = all.map(({ workload, contestants }): BarGroup => {
    const bars = series.map((one) => {
      const contestant = contestants.find((other) => other.name === one);
      const summary = contestant === undefined ? null : of(contestant);
      return summary === null ? null : { value: summary.median, min: summary.min, max: summary.max };
    });
    return { name: workload, bars };
  });
  // the server itself has no processor time of a proxy
  const kept = series.map((_, s) => groups.some(({ bars }) => bars[s] !== null));
  const chart: BarChart = {
    title,
    unit,
    series: series.filter((_, s) => kept[s]),
    groups: groups.map((group) => ({ ...group, bars: group.bars.filter((_, s) => kept[s]) })),
  };
  if (chart.series.length === 0) return null;
  const clients = all[0]!.clients;
  return { name, caption: `${title}, ${clients} clients, in ${unit}`, svg: barChart(chart) };
}

function ownRatios(rows: Rows): Chart | null {
  const groups = ['dual-write', 'target-read', 'cluster', 'clients-1000'].flatMap((id) =>
    (rows.get(id)?.measures ?? [])
      .filter(({ unit, ratio, bar }) => unit === 'commands/s' && ratio !== null && bar !== null)
      .map(({ name, ratio, ratioRange, bar }): BarGroup => {
        const [min, max] = ratioRange ?? [ratio!, ratio!];
        return {
          name: `${id}: ${name.replace(', no pipeline', '')}`,
          bars: [{ value: ratio!, min, max }],
          target: bar!,
        };
      }),
  );
  if (groups.length === 0) return null;
  const title = "Throughput against Ferry's own";
  const unit = 'times that in source-only, on one server, with 50 clients; dashed: the bar';
  return { name: 'own-ratios', caption: title, svg: barChart({ title, unit, series: ['Ferry'], groups }) };
}

function rates(rows: Rows): Chart | null {
  const groups = ['backfill', 'verify'].flatMap((id) =>
    (rows.get(id)?.measures ?? []).flatMap(({ name, ferry, ferryRange, peer, peerRange, peerName }): BarGroup[] => {
      if (ferry === null || peer === null || ferryRange === null || peerRange === null) return [];
      const bar = (value: number, [min, max]: readonly [number, number]) => ({ value, min, max });
      return [{ name: `${name} / ${peerName}`, bars: [bar(ferry, ferryRange), bar(peer, peerRange)] }];
    }),
  );
  if (groups.length === 0) return null;
  const title = 'Copying and comparing 300,000 small keys';
  const series = ['Ferry', 'what it is held against'];
  return { name: 'backfill', caption: title, svg: barChart({ title, unit: 'keys/s', series, groups }) };
}

function course(rows: Rows, series: string, name: string, title: string): Chart | null {
  const one = rows.get('five-million')?.series.find((other) => other.name === series);
  if (one === undefined || one.points.length === 0) return null;
  const svg = lineChart({ title, xUnit: 'seconds', yUnit: one.yUnit, series: [{ name: 'Ferry', points: one.points }] });
  return { name, caption: title, svg };
}

function pauses(rows: Rows): Chart | null {
  const series = rows.get('pauses')?.series ?? [];
  if (series.length === 0) return null;
  const title = 'Pauses of cutovers and rollbacks at 50,000 commands/s';
  const svg = lineChart({ title, xUnit: 'cycles', yUnit: 'ms', series, dots: true, target: 10 });
  return { name: 'pauses', caption: title, svg };
}

function commands(rows: Rows, pipeline: string): Chart | null {
  const all = rows.get('matrix-commands')?.contests.filter(({ workload }) => workload.endsWith(pipeline)) ?? [];
  if (all.length === 0) return null;
  const name = `commands-${pipeline.replaceAll(' ', '-')}`;
  const only = new Map([['it', { ...rows.get('matrix-commands')!, contests: all }]]);
  return contests(only, ['it'], name, `Other commands, ${pipeline}`, 'commands/s', ({ perSecond }) => perSecond);
}

function values(rows: Rows, test: string, pipeline: number): Chart | null {
  const title = `${test} of 16 bytes to 1 MB, ${pipelineText(pipeline)}`;
  const name = `values-${test.toLowerCase()}-${pipeline}`;
  const megabytes = ({ perSecond }: ContestantResult, { valueBytes }: ContestResult): number =>
    (perSecond.median * valueBytes) / 1e6;
  const of = { title, xUnit: 'bytes of a value', yUnit: 'MB/s' };
  return sweep(rows, 'matrix-values', { name, test, pipeline }, of, ({ valueBytes }) => valueBytes, megabytes);
}

function clients(rows: Rows, test: string, pipeline: number): Chart | null {
  const title = `${test} by 1 to 10,000 clients, ${pipelineText(pipeline)}`;
  const name = `clients-${test.toLowerCase()}-${pipeline}`;
  const of = { title, xUnit: 'clients', yUnit: 'commands/s' };
  const rate = ({ perSecond }: ContestantResult): number => perSecond.median;
  return sweep(rows, 'matrix-clients', { name, test, pipeline }, of, (contest) => contest.clients, rate);
}

function pipelineText(pipeline: number): string {
  return pipeline === 1 ? 'no pipeline' : `pipeline ${pipeline}`;
}

/** One line for each contestant, over what the contests of a row differ in. */
function sweep(
  rows: Rows,
  id: string,
  { name, test, pipeline }: { readonly name: string; readonly test: string; readonly pipeline: number },
  of: { readonly title: string; readonly xUnit: string; readonly yUnit: string },
  x: (contest: ContestResult) => number,
  y: (contestant: ContestantResult, contest: ContestResult) => number,
): Chart | null {
  const all = (rows.get(id)?.contests ?? []).filter(
    (contest) => contest.workload.startsWith(test) && contest.pipeline === pipeline,
  );
  const names = [...new Set(all.flatMap(({ contestants }) => contestants.map((contestant) => contestant.name)))];
  if (names.length === 0) return null;
  const series = names.map((one) => ({
    name: one,
    points: all.flatMap((contest) =>
      contest.contestants
        .filter((contestant) => contestant.name === one)
        .map((contestant) => [x(contest), y(contestant, contest)] as const),
    ),
  }));
  return { name, caption: of.title, svg: lineChart({ ...of, series, logX: true }) };
}
