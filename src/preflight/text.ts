/**
 * A preflight as a person reads it on a terminal: the two sides, the findings by severity, and the verdict. Colours only where
 * they are asked for.
 */

import { number } from '../observe/figures.js';
import { type Facts, isCluster, productOf, type SideFacts } from './facts.js';
import type { Finding, PreflightReport, Severity } from './finding.js';

const HEADINGS: Readonly<Record<Severity, string>> = {
  blocker: 'BLOCKERS',
  warning: 'WARNINGS',
  note: 'NOTES',
};
const COLOURS: Readonly<Record<Severity, string>> = { blocker: '\x1b[31m', warning: '\x1b[33m', note: '\x1b[36m' };
const BOLD = '\x1b[1m';
const DIM = '\x1b[2m';
const RESET = '\x1b[0m';

export interface TextOptions {
  readonly colour: boolean;
  /** characters in a line */
  readonly width: number;
}

export function reportText(facts: Facts, report: PreflightReport, options: TextOptions): string {
  const paint = (code: string, text: string): string => (options.colour ? `${code}${text}${RESET}` : text);
  const lines = [`source  ${sideText(facts.source)}`, `target  ${sideText(facts.target)}`];
  for (const severity of ['blocker', 'warning', 'note'] as const) {
    const found = report.findings.filter((finding) => finding.severity === severity);
    if (found.length === 0) continue;
    lines.push('', paint(`${BOLD}${COLOURS[severity]}`, `${HEADINGS[severity]} (${found.length})`));
    for (const finding of found) {
      lines.push(
        '',
        paint(COLOURS[severity], finding.code),
        ...body(finding, options.width, (text) => paint(DIM, text)),
      );
    }
  }
  return [...lines, '', paint(BOLD, verdict(report))].join('\n');
}

export function verdict({ ok, findings }: PreflightReport): string {
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  const counted = `${plural(count('blocker'), 'blocker')}, ${plural(count('warning'), 'warning')}, ${plural(count('note'), 'note')}.`;
  return ok ? `Nothing blocks: ${counted}` : `Blocked: ${counted} Fix the blockers first.`;
}

/** `redis://old:6379, Redis 7.0.15, 3 masters` */
export function sideText(side: SideFacts): string {
  const size = isCluster(side) ? `, ${number(side.servers.length)} masters` : '';
  return `${side.endpoint.url} (${productOf(side)}, ${side.endpoint.kind}${size})`;
}

function body({ message, evidence, fix }: Finding, width: number, dim: (text: string) => string): string[] {
  return [
    ...wrap(message, width, '  ', '  '),
    ...wrap(evidence, width, '  seen: ', '        ').map(dim),
    // a command to copy stays in one piece
    ...(fix.startsWith('ACL SETUSER') ? [`  do:   ${fix}`] : wrap(fix, width, '  do:   ', '        ')),
  ];
}

function wrap(text: string, width: number, first: string, next: string): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = next;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
