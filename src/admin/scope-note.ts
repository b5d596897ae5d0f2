/** What is left out of the migration, and what becomes of it: said in every status, before the cutover and after it. */
import type { Backfill } from '../jobs/backfill.js';
import type { Phase } from '../phases/phase.js';
import { type ScopeOptions, scopeText } from '../topology/scope.js';

export interface ScopeStatus {
  /** as on a command line: "--include user:* --exclude-dbs 3" */
  rule: string;
  /** keys of the source that are left out, as the backfill counted them; null: it has not been over all of them yet */
  leftOutKeys: number | null;
  /** what it means for them, in sentences */
  note: string;
}

/** Null: everything is migrated. */
export function scopeStatus(options: ScopeOptions, phase: Phase, backfill: Backfill): ScopeStatus | null {
  const rule = scopeText(options);
  if (rule === '') return null;
  const leftOutKeys = backfill.isDone ? backfill.progress.leftOut : null;
  return { rule, leftOutKeys, note: `${countText(leftOutKeys)} (${rule}). ${consequence(phase)}` };
}

function countText(keys: number | null): string {
  if (keys === null) return 'Some keys are left out of the migration';
  const count = `${keys.toLocaleString('en')} ${keys === 1 ? 'key is' : 'keys are'}`;
  return `${count} left out of the migration, as the backfill counted them`;
}

function consequence(phase: Phase): string {
  switch (phase) {
    case 'source-only':
    case 'dual-write':
    case 'target-read':
      return 'Until the cutover the source goes on serving them. At the cutover they stay behind on the source: clients see of such names what the target has, and what they write there is not brought back by a rollback.';
    case 'target-first':
      return 'They stayed behind on the source: clients see of such names what the target has, and what they write there is not brought back by a rollback.';
    case 'target-only':
      return 'They stayed behind on the source; copy what is still needed before it is shut down.';
  }
}
