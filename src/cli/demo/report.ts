/**
 * What the demo found: the document of `--json`, and the same for a person.
 *
 * `ok` means that the application noticed nothing and nothing was lost: no failed request, no error, no acknowledged
 * write missing on the target, no effect that nobody wrote, no key that differs between the two sides.
 */
import type { LoadStep } from '../../../bench/app/load.js';

export interface DemoReport {
  ok: boolean;
  /** what the source, one server, was migrated to */
  target: 'standalone' | 'cluster';
  requests: number;
  non2xx: number;
  errors: number;
  acknowledgedWrites: number;
  /** acknowledged to the application, and not on the target at the end */
  lostWrites: number;
  /** on the target at the end, and explained by no acknowledged write */
  unexpectedWrites: number;
  /** keys that differ between source and target, by the demo's own comparison after the last quiet point */
  differences: number;
  keysCompared: number;
  keysCopied: number;
  keysPerSecond: number;
  verifications: number;
  cutoverPauseMs: number[];
  rollbackPauseMs: number[];
  phases: {
    phase: string;
    requests: number;
    non2xx: number;
    errors: number;
    p50Ms: number;
    p99Ms: number;
    maxMs: number;
  }[];
  seconds: number;
  /** what went wrong, the first of each kind */
  problems: string[];
}

export function emptyReport(): DemoReport {
  return {
    ok: false,
    target: 'standalone',
    requests: 0,
    non2xx: 0,
    errors: 0,
    acknowledgedWrites: 0,
    lostWrites: 0,
    unexpectedWrites: 0,
    differences: 0,
    keysCompared: 0,
    keysCopied: 0,
    keysPerSecond: 0,
    verifications: 0,
    cutoverPauseMs: [],
    rollbackPauseMs: [],
    phases: [],
    seconds: 0,
    problems: [],
  };
}

export function addLoad(report: DemoReport, steps: readonly LoadStep[]): void {
  report.phases = steps.map(({ step, requests, non2xx, errors, p50Ms, p99Ms, maxMs }) => {
    return { phase: step, requests, non2xx, errors, p50Ms, p99Ms, maxMs };
  });
  const sum = (figure: 'requests' | 'non2xx' | 'errors'): number =>
    steps.reduce((total, step) => total + step[figure], 0);
  report.requests = sum('requests');
  report.non2xx = sum('non2xx');
  report.errors = sum('errors');
}

/** A run that served nothing or acknowledged nothing proves nothing. */
export function judge(report: DemoReport): boolean {
  const { non2xx, errors, lostWrites, unexpectedWrites, differences } = report;
  const worked = report.requests > 0 && report.acknowledgedWrites > 0 && report.keysCompared > 0;
  return worked && non2xx + errors + lostWrites + unexpectedWrites + differences === 0;
}

export function reportText(report: DemoReport): string {
  const rows = [
    ['phase', 'requests', 'non-2xx', 'errors', 'p50 ms', 'p99 ms', 'max ms'],
    ...report.phases.map((phase) => [
      phase.phase,
      whole(phase.requests),
      whole(phase.non2xx),
      whole(phase.errors),
      phase.p50Ms.toFixed(1),
      phase.p99Ms.toFixed(1),
      phase.maxMs.toFixed(1),
    ]),
    ['all', whole(report.requests), whole(report.non2xx), whole(report.errors), '', '', ''],
  ];
  const facts = [
    ['keys copied', `${whole(report.keysCopied)}, ${whole(report.keysPerSecond)} per second under load`],
    ['cutover pauses', milliseconds(report.cutoverPauseMs)],
    ['rollback pauses', milliseconds(report.rollbackPauseMs)],
    ['acknowledged writes', whole(report.acknowledgedWrites)],
    ['  of these lost', whole(report.lostWrites)],
    ['  made twice or by nobody', whole(report.unexpectedWrites)],
    ['keys compared', `${whole(report.keysCompared)} on both sides, one by one`],
    ['  of these different', whole(report.differences)],
    ['time', `${report.seconds.toFixed(1)} s`],
  ];
  const verdict = report.ok
    ? 'Nothing was lost: every acknowledged write is on the target, and both sides were equal.'
    : 'This run fell short.';
  return [
    '',
    ...table(rows),
    '',
    ...facts.map(([name = '', value = '']) => `  ${name.padEnd(26)}${value}`),
    '',
    verdict,
    ...report.problems.map((problem) => `  ${problem}`),
  ].join('\n');
}

function table(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, i) => (i === 0 ? `  ${cell.padEnd(widths[0]!)}` : cell.padStart(widths[i]! + 3))).join(''),
  );
  const rule = `  ${'─'.repeat(lines[0]!.length - 2)}`;
  return [lines[0]!, rule, ...lines.slice(1, -1), rule, lines.at(-1)!];
}

function whole(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

function milliseconds(pauses: readonly number[]): string {
  return pauses.length === 0 ? 'none' : pauses.map((ms) => `${ms.toFixed(1)} ms`).join(', ');
}
