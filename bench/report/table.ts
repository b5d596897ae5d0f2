/** The table on the terminal: each row with its verdict, and beneath it every figure with its own. */
import type { RowResult } from './document.js';
import { figure, range, times } from './figures.js';
import type { Measure } from './measure.js';

const MARKS = { reached: '✔', 'not reached': '✘', 'not measured': '?', information: '·' } as const;

export function tableText(rows: readonly RowResult[]): string {
  const lines = rows.flatMap((row) => ['', ...rowLines(row)]);
  const count = (verdict: RowResult['verdict']): number => rows.filter((row) => row.verdict === verdict).length;
  const judged = rows.length - count('information');
  lines.push(
    '',
    `${count('reached')} of ${judged} rows reached, ${count('not reached')} not, ${count('not measured')} not measured`,
  );
  return lines.slice(1).join('\n');
}

function rowLines(row: RowResult): string[] {
  const head = `${MARKS[row.verdict]} ${row.title}  [${row.id}]`;
  const lines = [`${head.padEnd(84)} ${row.verdict.toUpperCase()}`, `    bar: ${row.bar}`];
  if (row.error !== '') lines.push(`    broke: ${row.error}`);
  const measures = row.id.startsWith('matrix-') ? matrixLines(row.measures) : row.measures.map(measureLine);
  lines.push(...measures.map((line) => `  ${line}`));
  lines.push(...row.notes.map((note) => `    note: ${note}`));
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
