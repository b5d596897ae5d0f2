/**
 * What stands in the way of a step: pure reading, each blocker with a code and a sentence that says what to do.
 *
 * `--force` passes those in FORCEABLE; the others would lose data silently or cannot work at all.
 */
import type { StepName } from '../phases/phase.js';
import type { Backfill } from './backfill.js';
import type { BypassWatch } from './bypass/watch.js';
import type { DirectClients } from './direct-clients.js';
import { evictionBlockers } from './eviction.js';
import type { Blocker, Migration } from './migration.js';
import type { Verify } from './verify.js';

export interface GuardedJobs {
  readonly migration: Migration;
  readonly backfill: Backfill;
  readonly verify: Verify;
  readonly bypass: BypassWatch;
  readonly direct: DirectClients;
}

const FORCEABLE = new Set([
  'backfill-incomplete',
  'not-verified',
  'keys-missing',
  'nothing-included',
  'verification-running',
  'target-evicts',
  'scripts-missing',
  'functions-missing',
  'login-refused',
  'dirty',
  'mirror-down',
  'unfenced',
  'cross-slot',
  'memory-unknown',
  'target-memory',
  'uncovered-writers',
  'direct-clients-unknown',
  'direct-clients-unanswered',
]);

export function isForceable(blocker: Blocker, step: StepName): boolean {
  // forcing dirty keys over a cutover would make old values the truth; a rollback away from a dead target has no choice
  if (step === 'cutover' && (blocker.code === 'dirty' || blocker.code === 'mirror-down')) return false;
  return FORCEABLE.has(blocker.code);
}

/** `known`: who was named as one that may stay connected past Ferry, null if nobody was asked for names. */
export function blockersOf(step: StepName, jobs: GuardedJobs, known: readonly string[] | null): Blocker[] {
  if (step === 'cutover') return cutoverBlockers(jobs, known);
  if (step === 'rollback') return [...swapBlockers(jobs), ...notVouched(jobs)];
  if (step === 'finalize') return jobs.verify.isRunning ? [VERIFYING] : [];
  return [];
}

const VERIFYING: Blocker = {
  code: 'verification-running',
  message: 'A verification is running: wait for it to end (ferry verify --wait).',
};

/** What both directions of a swap need: nothing may differ, and the other side must be there. */
function swapBlockers({ migration, verify }: GuardedJobs): Blocker[] {
  const { board } = migration;
  const blockers: Blocker[] = [];
  const { mirror, dirty, source, target, follower } = board;
  if (mirror === null || !mirror.lane.isUp) {
    blockers.push({
      code: 'mirror-down',
      message: `The ${follower.side} is not connected${mirror?.lane.lastError ? ` (${mirror.lane.lastError})` : ''}: wait until it is back.`,
    });
  }
  if (!dirty.isClean) {
    blockers.push({
      code: 'dirty',
      message: `${dirty.size} keys and ${dirty.dirtySlots} slots may differ and are being copied again: wait until there are none.`,
    });
  }
  if (source.unfenced + target.unfenced > 0) {
    blockers.push({
      code: 'unfenced',
      message: 'A lost connection of Ferry is not yet known to be dead on its server: wait until it is.',
    });
  }
  if (migration.unsettled > 0) {
    blockers.push({
      code: 'failover',
      message: 'A server took the place of another a moment ago, and what it lacks is being found out: wait.',
    });
  }
  if (verify.isRunning) blockers.push(VERIFYING);
  return blockers;
}

/** No clean verification, or something that can hide a difference happened since it began. */
function notVouched({ migration, verify }: GuardedJobs): Blocker[] {
  if (verify.vouches) return [];
  const since = migration.lastHazard === '' ? '' : ` since: ${migration.lastHazard}`;
  const message = `There is no clean verification${since}. Run ferry verify --repair --wait, then ferry verify --wait.`;
  return [{ code: 'not-verified', message }];
}

/**
 * A last look at how many keys both sides have: a target that somebody emptied after the verification shows here.
 * Counts may differ by keys that expired and were not yet removed, so only a large shortfall speaks.
 */
export function shortfall(authorityKeys: number, followerKeys: number, follower: string): Blocker[] {
  const missing = authorityKeys - followerKeys;
  if (missing <= 100 || missing <= authorityKeys * 0.05) return [];
  const message = `The ${follower} has ${followerKeys} keys and the other side ${authorityKeys}: verify again (ferry verify --wait).`;
  return [{ code: 'keys-missing', message }];
}

/** Commands that the source takes and the Cluster will refuse. */
function crossings({ board }: Migration): Blocker[] {
  const { byName, total } = board.crossings;
  if (!board.target.hasSlots || total === 0) return [];
  const names = [...byName].map(([name, { count }]) => `${name} (${count})`).join(', ');
  const message = `Clients sent ${total} commands or transactions with keys in several slots, which the Cluster will refuse (CROSSSLOT) after the cutover: ${names}. Give their keys a common hash tag, or force it.`;
  return [{ code: 'cross-slot', message }];
}

/** Everything is left out: the target would become the authority over none of the keys that there are. */
function nothingIncluded({ backfill, verify }: GuardedJobs): Blocker[] {
  const { copied, leftOut } = backfill.progress;
  if (!backfill.isDone || leftOut === 0 || copied + verify.progress.compared > 0) return [];
  const message = `Every key of the source is left out of the migration (${leftOut} of them): check --include and --exclude, whose patterns are matched whole (user:* and not user:), or force it.`;
  return [{ code: 'nothing-included', message }];
}

function cutoverBlockers(jobs: GuardedJobs, known: readonly string[] | null): Blocker[] {
  const { migration, backfill } = jobs;
  const blockers = swapBlockers(jobs);
  if (!backfill.isDone) {
    blockers.push({
      code: 'backfill-incomplete',
      message: 'The backfill is not complete: start it and wait for its end (ferry backfill start --wait).',
    });
  }
  blockers.push(...notVouched(jobs), ...nothingIncluded(jobs));
  blockers.push(...crossings(migration));
  blockers.push(...evictionBlockers(migration), ...jobs.bypass.blockers, ...jobs.direct.blockers(known));
  return blockers;
}
