/** The table, the page and the charts, from results that were made up. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../../bench/harness/package-root.js';
import { barChart } from '../../../bench/report/bar-chart.js';
import { charts } from '../../../bench/report/charts.js';
import { type BenchDocument, merged, type RowResult } from '../../../bench/report/document.js';
import { figure } from '../../../bench/report/figures.js';
import { lineChart } from '../../../bench/report/line-chart.js';
import { sections, withSections } from '../../../bench/report/markdown.js';
import { atLeast, compared, unmeasured } from '../../../bench/report/measure.js';
import { publish } from '../../../bench/report/publish.js';
import { ticksTo } from '../../../bench/report/svg.js';
import { tableText } from '../../../bench/report/table.js';

const SUMMARY = { median: 10, min: 9, max: 12 };
const ABOUT = { row: 'source-only', name: 'GET', unit: 'commands/s' };

function row(id: string, changes: Partial<RowResult> = {}): RowResult {
  const contestant = { perSecond: SUMMARY, cpuMicros: SUMMARY, p50Ms: SUMMARY, p99Ms: SUMMARY, p999Ms: SUMMARY };
  return {
    id,
    title: `the row ${id}`,
    bar: '≥ 1× nutcracker',
    verdict: 'not reached',
    error: '',
    measures: [
      compared({ ...ABOUT, peerName: 'nutcracker', bar: atLeast(1) }, [90, 80, 100], [100, 100, 100]),
      unmeasured({ ...ABOUT, peerName: 'haproxy', bar: atLeast(1.2) }, 'haproxy is not here'),
    ],
    contests: [
      {
        workload: 'GET, no pipeline',
        pipeline: 1,
        clients: 50,
        valueBytes: 64,
        contestants: [
          { name: 'Ferry', ...contestant, peakRssMb: 100 },
          { name: 'directly', ...contestant, cpuMicros: null, peakRssMb: null },
        ],
        absent: [{ name: 'haproxy', why: 'too many <clients> & "files"' }],
      },
    ],
    series: [],
    notes: ['a note'],
    measuredAt: '2026-01-02T03:04:05.678Z',
    commit: 'abc1234',
    rounds: 3,
    seconds: 12,
    scale: 1,
    ...changes,
  };
}

const MACHINE = { cpu: 'a cpu', cores: 2, memoryGb: 8, system: 's', node: '20', redis: '7', peers: { haproxy: '2.6' } };
const RESULTS: BenchDocument = { machine: MACHINE, rows: [row('source-only')] };

test('numbers have three digits that count', () => {
  expect([0.01234, 1.234, 12.34, 123.4, 1234.5, 1234567, 0].map(figure)).toEqual([
    '0.012',
    '1.23',
    '12.3',
    '123',
    '1,235',
    '1,234,567',
    '0.00',
  ]);
  expect(figure(null)).toBe('–');
});

test('the table has a verdict for each row, and says what is missing', () => {
  const text = tableText(RESULTS.rows);
  expect(text).toContain('✘ the row source-only  [source-only]');
  expect(text).toMatch(/✘ the row source-only +NOT REACHED\n/);
  expect(text).toMatch(/GET, no pipeline +Ferry +10\.0 +10\.0 +10\.0 +10\.0 +10\.0 +100\n/);
  expect(text).toMatch(/GET, no pipeline +haproxy +not possible: too many/);
  expect(text).toContain('0.90× (0.80–1.00) ≥ 1×');
  expect(text).toContain('haproxy is not here');
  expect(text).toContain('note: a note');
  expect(text).toContain('0 of 1 rows reached, 1 not, 0 not measured');
});

describe('the page', () => {
  const page = (names: Iterable<string>): string =>
    [...names].map((name) => `## ${name}\n\n<!-- bench:${name} -->\nold\n<!-- /bench:${name} -->\n`).join('\n');

  test('gets what was found between its markers, and keeps the rest', () => {
    const parts = sections(RESULTS, charts(RESULTS), 'performance');
    const once = withSections(page(parts.keys()), parts);
    expect(once).not.toContain('old');
    for (const name of parts.keys()) expect(once).toContain(`## ${name}`);
    expect(once).toContain('**not reached** (a note)');
    expect(once).toContain('| source-only | GET | nutcracker | commands/s | 90.0 | 100 | 0.90× |');
    expect(once).toContain('](performance/throughput-source-only.svg)');
    expect(once).toContain('not possible: too many');
    expect(withSections(once, parts)).toBe(once);
  });

  test('without a place for something is refused', () => {
    expect(() => withSections('# nothing', new Map([['verdicts', 'x']]))).toThrow('bench:verdicts');
  });

  test('as it is has a place for everything', async () => {
    const real = await readFile(join(PACKAGE_ROOT, 'docs', 'performance.md'), 'utf8');
    expect(() => withSections(real, sections(RESULTS, [], 'performance'))).not.toThrow();
  });
});

test('rows of a newer run replace their own, in the order of the table', () => {
  const newer = { machine: MACHINE, rows: [row('b', { commit: 'new' }), row('a')] };
  const machine = { ...MACHINE, peers: { nutcracker: '0.5', haproxy: '2.4' } };
  const both = merged({ machine, rows: [row('b'), row('c'), row('gone')] }, newer, ['a', 'b', 'c']);
  expect(both.rows.map(({ id, commit }) => `${id} ${commit}`)).toEqual(['a abc1234', 'b new', 'c abc1234']);
  expect(both.machine.peers).toEqual({ haproxy: '2.6', nutcracker: '0.5' });
  expect(merged(null, newer, ['a', 'b']).rows).toHaveLength(2);
});

describe('publishing', () => {
  let docs: string;
  beforeEach(async () => {
    docs = await mkdtemp(join(tmpdir(), 'ferry-docs-'));
    const names = sections(RESULTS, [], '').keys();
    const page = [...names].map((name) => `<!-- bench:${name} -->\n<!-- /bench:${name} -->`).join('\n');
    await writeFile(join(docs, 'performance.md'), page);
  });
  afterEach(() => rm(docs, { recursive: true }));

  test('writes page, results and charts, and drawing again changes nothing', async () => {
    await publish(docs, RESULTS, ['source-only']);
    const files = await readdir(docs, { recursive: true });
    expect(files).toEqual(expect.arrayContaining(['performance.json', join('performance', 'cpu-source-only.svg')]));
    const contents = (): Promise<string[]> =>
      Promise.all(files.filter((name) => name.includes('.')).map((name) => readFile(join(docs, name), 'utf8')));
    const before = await contents();
    await publish(docs, null, ['source-only']);
    expect(await contents()).toEqual(before);
  });

  test('without results there is nothing to draw', async () => {
    await expect(publish(docs, null, [])).rejects.toThrow('publish a run first');
  });
});

describe('charts', () => {
  const bar = { value: 80, min: 70, max: 100 };
  const bars = barChart({
    title: 'A <b> & "c"',
    unit: 'ms',
    series: ['one', 'two'],
    groups: [{ name: 'g', bars: [bar, null], target: 90 }],
  });
  const lines = lineChart({
    title: 'course',
    xUnit: 's',
    yUnit: 'keys/s',
    series: [
      {
        name: 'one',
        points: [
          [0, 1],
          [10, 5],
        ],
      },
    ],
  });

  test.each([
    ['bars', bars],
    ['lines', lines],
  ])('%s: one well-formed document, for light and dark', (_, svg) => {
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^>]*>[\s\S]*<\/svg>\n$/);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(unclosed(svg)).toEqual([]);
  });

  test('text is escaped', () => {
    expect(bars).toContain('A &lt;b&gt; &amp; &quot;c&quot;');
  });

  test('a bar is as long as it is large', () => {
    const width = Number(/<rect [^>]*y="66"[^>]*width="([\d.]+)"/.exec(bars)![1]);
    expect(width).toBeCloseTo(0.8 * (760 - 190 - 70), 0);
  });

  test('ticks are round, and reach over the greatest value', () => {
    expect(ticksTo(100)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticksTo(0.7)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
    expect(ticksTo(123_456).at(-1)).toBeGreaterThanOrEqual(123_456);
    expect(ticksTo(0)).toEqual([0, 1]);
  });
});

/** Elements that are opened and not closed, in a document of elements and text only. */
function unclosed(svg: string): string[] {
  const open: string[] = [];
  for (const [, slash, name, selfClosing] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (slash === '/') expect(open.pop()).toBe(name);
    else if (selfClosing !== '/') open.push(name!);
  }
  return open;
}
