/**
 * The record of a migration, made from what was noted in the state directory (phases/state.ts) and from the present
 * status. Pure.
 *
 * Steps and swaps are told apart by their words, which jobs/transition.ts writes: records of earlier versions have
 * nothing else.
 */
import type { TrafficTotals } from '../jobs/traffic-record.js';
import type { DryRun } from '../jobs/transition.js';
import { PHASES, type Phase } from '../phases/phase.js';
import type { HistoryEntry, MigrationState } from '../phases/state.js';
import type { MigrationReport, Status } from './control.js';

export interface ReportFacts {
  readonly state: MigrationState;
  /** of this process */
  readonly dryRuns: readonly DryRun[];
  readonly startedAt: Date;
  readonly now: Date;
  readonly traffic: TrafficTotals;
  readonly status: Status;
}

export function reportOf({ state, dryRuns, startedAt, now, traffic, status }: ReportFacts): MigrationReport {
  const { history } = state;
  const cutovers = swapsOf(state);
  return {
    version: status.version,
    startedAt: startedAt.toISOString(),
    writtenAt: now.toISOString(),
    source: status.source.url,
    target: status.target.url,
    phases: phasesOf(history),
    forced: history.filter(isForced).map(({ at, event, by, passed }) => ({ at, event, by, passed: passed ?? null })),
    cutovers,
    pauses: [
      ...cutovers.map(({ at, from, to, pauseMs, by }) => ({ at, what: `${from} → ${to}`, pauseMs, by })),
      ...dryRuns.map(({ at, to, pauseMs, by }) => ({ at, what: `dry run of ${to}`, pauseMs, by })),
    ].sort((a, b) => (a.at < b.at ? -1 : 1)),
    verifications: history.flatMap(({ at, event }) => {
      const result = /^verification: (.*)$/.exec(event)?.[1];
      return result === undefined ? [] : [{ at, result }];
    }),
    traffic,
    history,
    risks: risksOf(history, status),
    status,
  };
}

/** A step as it was noted: from, to. */
function stepIn({ event }: HistoryEntry): { from: string; to: Phase } | null {
  const [, from, to] = /^([a-z-]+) → ([a-z-]+)(?!\S*:)/.exec(event) ?? [];
  const phase = PHASES.find((one) => one === to);
  return from === undefined || phase === undefined ? null : { from, to: phase };
}

function isForced({ event, passed }: HistoryEntry): boolean {
  return event.includes('(forced)') || (passed !== undefined && passed.length > 0);
}

/** The epoch of a step that did not say it, in a record of before it did, is that of the step before and one more. */
function phasesOf(history: readonly HistoryEntry[]): MigrationReport['phases'] {
  let epoch = 1;
  return history.flatMap((entry) => {
    const step = stepIn(entry);
    if (step === null) return [];
    epoch = entry.epoch ?? epoch + 1;
    return [{ phase: step.to, epoch, at: entry.at, forced: isForced(entry), by: entry.by }];
  });
}

/** The swaps that were noted; of a record of before there was such a note, the last one. */
function swapsOf({ history, lastCutover }: MigrationState): MigrationReport['cutovers'] {
  const noted = history.flatMap(({ at, event, by }) => {
    const [, from, to, pauseMs] =
      /^swap of the authority: (\S+) to (\S+), clients waited ([\d.]+) ms$/.exec(event) ?? [];
    if (from === undefined) return [];
    return [{ at, from: from as Phase, to: to as Phase, pauseMs: Number(pauseMs), by }];
  });
  return noted.length > 0 || lastCutover === null ? noted : [lastCutover];
}

function risksOf(history: readonly HistoryEntry[], status: Status): string[] {
  return [...forcedRisks(history), ...uncovered(history, status), ...standing(status)];
}

function forcedRisks(history: readonly HistoryEntry[]): string[] {
  return history.filter(isForced).map(({ at, event, passed }) => {
    const what = event.replace(' (forced)', '');
    if (passed === undefined) return `Forced at ${at}: ${what}.`;
    if (passed.length === 0) return `Forced at ${at}, though nothing stood in the way: ${what}.`;
    return `Forced at ${at}: ${what}, past ${passed.map(({ code, message }) => `${code} (${message})`).join(' ')}`;
  });
}

/** What nobody has looked at, or not since. */
function uncovered(history: readonly HistoryEntry[], status: Status): string[] {
  const { bypass, verify, phase, directClients } = status;
  const risks: string[] = [];
  if (bypass.mode === 'off') risks.push('Changes past Ferry were not looked for (--detect-bypass off).');
  if (bypass.refusal !== '') risks.push(`Changes past Ferry could not be looked for: ${bypass.refusal}.`);
  const isBefore = phase === 'source-only';
  const verified = history.filter(({ event }) => event.startsWith('verification: ')).at(-1);
  if (!isBefore && verified === undefined && verify.clean === null) risks.push('The two sides were never compared.');
  const swapped = history.filter(({ event }) => event.startsWith('swap of the authority: ')).at(-1);
  if (verified !== undefined && swapped !== undefined && verified.at < swapped.at) {
    risks.push(`The two sides were last compared at ${verified.at}, before the last swap of the authority.`);
  }
  if (phase === 'source-only' || phase === 'target-only') return risks;
  for (const side of ['source', 'target'] as const) {
    if (directClients[side] !== null) continue;
    risks.push(`Who is connected to the ${side} past Ferry is not known: it was not listed there (CLIENT LIST).`);
  }
  return risks;
}

/** What is not as it should be. */
function standing({
  bypass,
  commands,
  verify,
  crossSlot,
  directClients,
  mirror,
  scope,
  source,
  target,
}: Status): string[] {
  const risks: string[] = [];
  if (bypass.found > 0) risks.push(`${bypass.found} keys were changed past Ferry, the last at ${bypass.lastFoundAt}.`);
  if (commands.uncertain > 0) risks.push(`${commands.uncertain} writes had an unknown outcome for their clients.`);
  if (verify.clean === false) risks.push(unclean(verify));
  if (mirror.dirtyKeys + mirror.dirtySlots > 0) {
    risks.push(`${mirror.dirtyKeys} keys and ${mirror.dirtySlots} slots may differ now and are to be copied again.`);
  }
  if (scope !== null) risks.push(scope.note);
  if (crossSlot.total > 0) risks.push(`${crossSlot.total} commands had keys in several slots of the target.`);
  for (const side of ['source', 'target'] as const) {
    const there = directClients[side]?.length ?? 0;
    if (there > 0) risks.push(`${there} clients are connected to the ${side} past Ferry.`);
    const { missingRights } = { source, target }[side];
    if (missingRights.length > 0) {
      risks.push(`Ferry's account on the ${side} lacks rights, so less was looked at: ${missingRights.join(', ')}.`);
    }
  }
  return risks;
}

function unclean({ differences, uncompared }: Status['verify']): string {
  const differ = uncompared === 0 || Object.values(differences).some((count) => count > 0);
  if (differ) return 'The last verification found differences.';
  return `The last verification could not compare ${uncompared} keys.`;
}
