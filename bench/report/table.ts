/**
 * What the terminal shows: for each row every figure with its own verdict, and the contests behind them (of the matrix, which
 * has two hundred, only run.json has these); at the end the table, one line for each row.
 */
import type { RowResult } from './document.js';
import { figure, range, times } from './figures.js';
import type { Measure } from './measure.js';

const TITLE_WIDTH = 78;
const CONTEST_HEAD = ['commands/s', 'µs CPU', 'p50 ms', 'p99 ms', 'p99.9 ms', 'peak MB'];
const MARKS = { reached: '✔', 'not reached': '✘', 'not measured': '?', information: '·' } as const;

export function tableText(rows: readonly RowResult[]): string {
  const details = rows.flatMap((row) => [...rowLines(row), '']);
  const table = rows.map(
    ({ title, verdict }) => `${MARKS[verdict]} ${title.padEnd(TITLE_WIDTH)} ${verdict.toUpperCase()}`,
  );
  const count = (verdict: RowResult['verdict']): number => rows.filter((row) => row.verdict === verdict).length;
  const judged = rows.length - count('information');
  const sums = `${count('reached')} of ${judged} rows reached, ${count('not reached')} not, ${count('not measured')} not measured`;
  return [...details, ...table, '', sums].join('\n');
}

function rowLines(row: RowResult): string[] {
  const lines = [
    `${MARKS[row.verdict]} ${row.title}  [${row.id}]: ${row.verdict.toUpperCase()}`,
    `    bar: ${row.bar}`,
  ];
  if (row.error !== '') lines.push(`    broke: ${row.error}`);
  const isMatrix = row.id.startsWith('matrix-');
  const measures = isMatrix ? matrixLines(row.measures) : row.measures.map(measureLine);
  lines.push(...measures.map((line) => `  ${line}`));
  if (row.contests.length > 0 && !isMatrix) lines.push(...contestLines(row.contests));
  lines.push(...row.notes.map((note) => `    note: ${note}`));
  return lines;
}

function contestLines(contests: RowResult['contests']): string[] {
  const lines = [
    `    ${'workload'.padEnd(40)}${'contestant'.padEnd(24)}${CONTEST_HEAD.map((head) => head.padStart(12)).join('')}`,
  ];
  for (const { workload, contestants, absent } of contests) {
    for (const { name, perSecond, cpuMicros, p50Ms, p99Ms, p999Ms, peakRssMb } of contestants) {
      const figures = [perSecond, cpuMicros, p50Ms, p99Ms, p999Ms].map((summary) => figure(summary?.median ?? null));
      const cells = [...figures, figure(peakRssMb)].map((cell) => cell.padStart(12)).join('');
      lines.push(`    ${workload.padEnd(40)}${name.padEnd(24)}${cells}`);
    }
    for (const { name, why } of absent)
      lines.push(`    ${workload.padEnd(40)}${name.padEnd(24)} not possible: ${firstLine(why)}`);
  }
  return lines;
}

/** One line for each workload: what Ferry does, and how many times that of each other. */
function matrixLines(measures: readonly Measure[]): string[] {
  const names = [...new Set(measures.map(({ name }) => name))];
  return names.map((name) => {
    const those = measures.filter((measure) => measure.name === name);
    const ratios = those.map(({ peerName, ratio }) => `${times(ratio)} ${peerName}`.padEnd(20));
    return `· ${name.padEnd(36)} ${figure(those[0]!.ferry).padStart(10)} ${those[0]!.unit}: ${ratios.join(' ')}`.trimEnd();
  });
}

function measureLine(measure: Measure): string {
  const { name, unit, ferry, ferryRange, peer, peerRange, peerName, ratio, ratioRange, note } = measure;
  const mark = measure.bar === null ? '·' : measure.reached === null ? '?' : measure.reached ? '✔' : '✘';
  const parts = [`${mark} ${name.padEnd(22)} ${unit.padEnd(19)}`];
  parts.push(ferry === null ? '' : `${figure(ferry)} (${range(ferryRange)})`.padEnd(28));
  if (peerName !== '')
    parts.push(`${peerName} ${peer === null ? '–' : `${figure(peer)} (${range(peerRange)})`}`.padEnd(40));
  if (ratio !== null) parts.push(`${times(ratio)} (${range(ratioRange, (value) => value.toFixed(2))})`);
  if (measure.bar !== null) parts.push(barText(measure));
  if (note !== '') parts.push(`– ${note}`);
  return parts.join(' ').trimEnd();
}

export function barText({ bar, barIs, barOn }: Measure): string {
  if (bar === null) return '';
  return `${barIs === 'at least' ? '≥' : '≤'} ${bar}${barOn === 'ratio' ? '×' : ''}`;
}

/** Of an error that may be long; its end says what happened. */
export function firstLine(content: string): string {
  return content.split('\n')[0]!.slice(-120);
}
