/** The record of the migration for a terminal, and the phrases that its page (report-html.ts) has too. Pure. */
import type { Actor, MigrationReport } from '../admin/control.js';
import { statusText } from './status-text.js';

export function reportText(report: MigrationReport): string {
  const { phases, forced, cutovers, pauses, verifications, traffic, risks, history } = report;
  const swaps = cutovers.map(
    ({ at, from, to, pauseMs, by }) => `${at}  ${from} → ${to}, clients waited ${pauseMs.toFixed(1)} ms${byText(by)}`,
  );
  return [
    `From ${report.source} to ${report.target}, since ${report.startedAt}`,
    ...section(
      'Phases:',
      phases.map(
        ({ phase, epoch, at, forced, by }) =>
          `${at}  ${phase} (epoch ${epoch}${forced ? ', forced' : ''})${byText(by)}`,
      ),
    ),
    ...section(
      'Forced:',
      forced.map(({ at, event, by, passed }) => `${at}  ${event}${byText(by)}: past ${passedText(passed)}`),
    ),
    ...section('Swaps of the authority, and how long clients waited:', swaps),
    ...section('All pauses, the dry runs since this Ferry started too:', [pausesText(pauses)]),
    ...section(
      'Verifications:',
      verifications.map(({ at, result }) => `${at}  ${result}`),
    ),
    ...section(`Commands and bytes per side, ${sinceText(traffic)}:`, trafficLines(traffic)),
    ...section('To be known:', risks),
    ...section(
      'Everything that was noted:',
      history.map(({ at, event, by }) => `${at}  ${event}${byText(by)}`),
    ),
    '',
    statusText(report.status),
  ].join('\n');
}

function section(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [head, ...lines.map((line) => `  ${line}`)];
}

function byText(by: Actor | undefined): string {
  return by === undefined ? '' : `, by ${actorText(by)}`;
}

/** `anna@ops (10.0.0.7)`; what happened by itself was Ferry's doing. */
export function actorText(by: Actor | undefined): string {
  if (by === undefined) return 'Ferry';
  if (by.address === '') return by.name;
  return `${by.name === '' ? 'somebody' : by.name} (${by.address})`;
}

export function passedText(passed: MigrationReport['forced'][number]['passed']): string {
  if (passed === null) return 'what the record does not say';
  if (passed.length === 0) return 'nothing: no guard stood in the way';
  return passed.map(({ code, message }) => `${code} (${message})`).join(' ');
}

export function pausesText(pauses: MigrationReport['pauses']): string {
  if (pauses.length === 0) return 'none';
  const sum = pauses.reduce((total, { pauseMs }) => total + pauseMs, 0);
  const longest = Math.max(...pauses.map(({ pauseMs }) => pauseMs));
  return `${pauses.length}, together ${sum.toFixed(1)} ms, the longest ${longest.toFixed(1)} ms`;
}

export function sinceText({ since, isWhole }: MigrationReport['traffic']): string {
  return `since ${since}${isWhole ? '' : ' (a Ferry was killed: its last seconds are not in it)'}`;
}

function trafficLines(traffic: MigrationReport['traffic']): string[] {
  return (['source', 'target'] as const).map((side) => {
    const { answered, commands, bytesOut, bytesIn } = traffic[side];
    return `${side}: ${commands} commands sent, ${answered} of clients answered; ${bytesOut} bytes to it, ${bytesIn} from it`;
  });
}
