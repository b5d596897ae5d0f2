/**
 * What Ferry leaves on both sides about itself, under one key: which migration this is, how far it is, who has the
 * authority, and which process is at work.
 *
 * It has no time to live, so that a state directory that was lost or is an old copy cannot split the brain: the servers
 * know better, and say so at the next start. `beatMs` is renewed by the process that holds the lease, on the clock of the
 * server that it is on; `holder` is empty after a clean end.
 */
import { isPhase, PHASE_RULES, type Phase, type Side } from './phase.js';
import type { MigrationState } from './state.js';

export const LEASE_KEY = '__ferry:lease';

export interface LeaseRecord {
  readonly migration: string;
  /** Which side of it this server is. */
  readonly side: Side;
  readonly epoch: number;
  readonly phase: Phase;
  readonly authority: Side;
  /** The process, '' when none is at work. */
  readonly holder: string;
  /** For people: which one that is, as `process 4711 on db-7`; not there in records of before. */
  readonly where?: string;
  /** ms since 1970, on that server's clock */
  readonly beatMs: number;
  /** Which keys are to be on the target, and under which names, as in the state; not there in records of before. */
  readonly scope?: string;
  readonly dbPrefix?: Readonly<Record<string, string>>;
}

export function recordOf(
  state: MigrationState,
  side: Side,
  { holder, where }: Pick<LeaseRecord, 'holder' | 'where'>,
  beatMs: number,
): LeaseRecord {
  const { migrationId: migration, epoch, phase, scope, dbPrefix } = state;
  const { authority } = PHASE_RULES[phase];
  return { migration, side, epoch, phase, authority, holder, where, beatMs: Math.round(beatMs), scope, dbPrefix };
}

/** What the key holds; null when there is none, 'unreadable' when it is something else. */
export function readRecord(value: unknown): LeaseRecord | null | 'unreadable' {
  if (value === null || value === undefined) return null;
  let found: Partial<LeaseRecord>;
  try {
    found = JSON.parse(String(value)) as Partial<LeaseRecord>;
  } catch {
    return 'unreadable';
  }
  const { migration, side, epoch, phase, holder, beatMs, scope, dbPrefix } = found ?? {};
  if (typeof migration !== 'string' || (side !== 'source' && side !== 'target') || typeof holder !== 'string') {
    return 'unreadable';
  }
  if (typeof phase !== 'string' || !isPhase(phase) || !Number.isSafeInteger(epoch) || !Number.isFinite(beatMs))
    return 'unreadable';
  const { authority } = PHASE_RULES[phase];
  const where = typeof found.where === 'string' ? found.where : undefined;
  return { migration, side, epoch: epoch!, phase, authority, holder, where, beatMs: beatMs!, scope, dbPrefix };
}

export type Verdict =
  /** The state directory is the newest that there is. */
  | { readonly kind: 'ours' }
  /** The servers know of a later state than the directory, or the directory knows nothing. */
  | { readonly kind: 'behind'; readonly record: LeaseRecord }
  /** A server belongs to a migration that this cannot be. */
  | { readonly kind: 'foreign'; readonly record: LeaseRecord; readonly on: Side };

/**
 * What the records of both sides say to a process that starts with `state`. A target whose migration was finalized may
 * become the source of the next one.
 */
export function judge(state: MigrationState, records: Readonly<Record<Side, LeaseRecord | null>>): Verdict {
  const { source, target } = records;
  const relevant = { source: isRetired(source) ? null : source, target };
  let newest: LeaseRecord | null = null;
  for (const side of ['source', 'target'] as const) {
    const record = relevant[side];
    if (record === null) continue;
    if (record.side !== side) return { kind: 'foreign', record, on: side };
    if (newest === null || record.epoch > newest.epoch) newest = record;
  }
  if (newest === null) return { kind: 'ours' };
  const others = [relevant.source, relevant.target].filter((record) => record !== null);
  const other = others.find((record) => record.migration !== newest.migration);
  if (other !== undefined) {
    // one of them may be what this directory knows
    const strange = other.migration === state.migrationId ? newest : other;
    return { kind: 'foreign', record: strange, on: strange.side };
  }
  if (newest.migration !== state.migrationId || newest.epoch > state.epoch) return { kind: 'behind', record: newest };
  return { kind: 'ours' };
}

/** It was the target of a migration that is over: nothing stands against its being a source now. */
function isRetired(source: LeaseRecord | null): boolean {
  return source?.side === 'target' && source.phase === 'target-only';
}

/** The state that the servers tell of; everything may differ between them. */
export function adopt(state: MigrationState, record: LeaseRecord): MigrationState {
  return { ...state, migrationId: record.migration, epoch: record.epoch, phase: record.phase, clean: false };
}
