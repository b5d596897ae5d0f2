/**
 * Steps between the phases: guard, drain, make durable, swap, resume.
 *
 *   1. everything slow first, with clients served: guards, connections for the new authority, the new mirror, its table of
 *      commands, the new state on disk but for its last step; then what waited meanwhile is let go
 *   2. close the gate: sessions stop admitting; nothing is refused, it waits
 *   3. drain what is in flight on both sides, under a deadline (else: open the gate, nothing has changed)
 *   4. the guards once more: nothing dirty may have come up
 *   5. make the new phase count on disk, tell the servers, swap, open the gate
 *
 * Clients keep their connections. The pause (2 to 5) is measured and reported. A dry run does 1 to 4.
 */
import { PHASE_RULES, PHASES, type Phase, type StepName, stepBetween } from '../phases/phase.js';
import { type Actor, type CutoverRecord, type MigrationState, NO_BACKFILL } from '../phases/state.js';
import { caughtUp } from './caught-up.js';
import { blockersOf, type GuardedJobs, isForceable, shortfall } from './guards.js';
import { leftBehind, report } from './left-behind.js';
import type { Blocker, PreparedChange } from './migration.js';
import type { Repair } from './repair.js';
import { keysOf, usedDatabases } from './used-databases.js';
import { withoutPlace } from './without-place.js';

export interface StepRequest {
  readonly to: Phase;
  /**
   * The phase that the step was decided in: it is refused in another one. For whoever looked some time ago, since what was a
   * step forward then may be a rollback now.
   */
  readonly from?: Phase;
  /** pass the guards that may be passed, and record it */
  readonly force?: boolean;
  /** percent of the slots whose reads move, with `target-read` */
  readonly share?: number;
  /** drain, measure the pause, resume; nothing changes */
  readonly dryRun?: boolean;
  /** give the step up when the pause gets longer */
  readonly maxPauseMs?: number;
  /** who may stay connected past Ferry, though it be nobody; missing: it is not said (direct-clients.ts) */
  readonly known?: readonly string[];
}

export type StepOutcome =
  | { ok: true /** measured, when the step paused the clients */; pauseMs?: number; note?: string }
  | { ok: false; error: string; blockers: Blocker[] };

/** What the app does for a step: building and closing the parts that change with the phase. */
export interface Swapping {
  /** Makes what `to` needs (mirror, lanes of the sessions' users) and waits for it; returns what is missing. */
  prepare(to: Phase): Promise<Blocker[]>;
  /** The gate was closed a moment ago: begins what `settle` waits for, as far as it need not come behind the draining. */
  draining(): void;
  /** Everything that was drained has reached those who listen; false when that takes longer. */
  settle(limitMs: number): Promise<boolean>;
  /** Makes it so. The gate is closed and nothing is in flight. */
  swap(to: Phase, epoch: number): void;
  /** Gives up what `prepare` made. */
  unprepare(): void;
}

export interface DryRun {
  readonly at: string;
  readonly to: Phase;
  readonly pauseMs: number;
  readonly by?: Actor;
}

const DRY_RUNS_KEPT = 100;

export class Transitions {
  /** Those of this process, oldest first: a dry run changes nothing, so the state directory does not know them. */
  dryRuns: readonly DryRun[] = [];
  private busy = false;

  constructor(
    private readonly jobs: GuardedJobs,
    private readonly repair: Repair,
    private readonly swapping: Swapping,
  ) {}

  /** `by`: who asked, for the record. */
  async change(request: StepRequest, by?: Actor): Promise<StepOutcome> {
    const { board, log } = this.jobs.migration;
    if (this.busy) return refused('busy', 'Another step is under way: try again when it is over.');
    if (request.from !== undefined && request.from !== board.phase) return phaseChanged(request.from, board.phase);
    const step = stepBetween(board.phase, request.to);
    if (step === null) return refused('no-such-step', this.whyNot(request.to));
    if (step === 'stay') return this.stay(request, by);
    this.busy = true;
    await this.repair.hold(board.config.cutover.drainTimeoutMs);
    try {
      const outcome = await this.take(step, request, by);
      if (!outcome.ok) log.warn({ to: request.to, blockers: outcome.blockers }, 'step refused');
      return outcome;
    } finally {
      this.repair.release();
      this.busy = false;
    }
  }

  /** What stands in the way of a step now, as far as looking tells. Taking the step, also as a dry run, finds out more. */
  standing(to: Phase): Blocker[] {
    const step = stepBetween(this.jobs.migration.board.phase, to);
    return step === null ? [] : blockersOf(step, this.jobs, []);
  }

  private whyNot(to: Phase): string {
    const { phase } = this.jobs.migration.board;
    if (phase === 'target-only') return 'The migration is finalized: target-only cannot be undone.';
    const at = PHASES.indexOf(phase);
    const next = PHASES[PHASES.indexOf(to) > at ? at + 1 : at - 1];
    return `There is no step from ${phase} to ${to}: go to ${next} first.`;
  }

  /** The same phase again: only the share may change, and needs no pause. */
  private async stay(request: StepRequest, by?: Actor): Promise<StepOutcome> {
    const { migration } = this.jobs;
    const { board } = migration;
    // asked for without a share, target-read means all reads, as it does on the way in
    const share = request.share ?? 100;
    if (board.phase !== 'target-read' || (request.share === undefined && share === board.share)) {
      return { ok: true, note: `The phase is ${board.phase} already.` };
    }
    if (request.dryRun === true) {
      const would = `${share} % of the slots would be read from the target, ${board.share} % are`;
      return { ok: true, note: `Dry run: ${would}; nothing was changed, and nobody would wait.` };
    }
    board.share = share;
    const note = `${share} % of the slots are read from the target`;
    await migration.update({ share, history: migration.note(note, { by }) });
    return { ok: true, note: `${note}.` };
  }

  private async take(step: StepName, request: StepRequest, by?: Actor): Promise<StepOutcome> {
    const { migration, verify, backfill } = this.jobs;
    const { board, log } = migration;
    // by code: what was in the way of a forced step, for the record
    const passed = new Map<string, Blocker>();
    const stands = (b: Blocker): boolean => {
      if (request.force !== true || !isForceable(b, step)) return true;
      passed.set(b.code, b);
      return false;
    };
    const blocking = (): Blocker[] => blockersOf(step, this.jobs, request.known ?? null).filter(stands);
    // is it still one that does not evict, and who is there past Ferry?
    if (step === 'cutover') await Promise.all([board.target.refresh().catch(() => {}), this.jobs.direct.look()]);
    let blockers = blocking();
    if (blockers.length > 0) return { ok: false, error: `${request.to} is not possible now`, blockers };
    blockers = [...(await this.forward(request.to)), ...(await this.counts(step))];
    blockers = blockers.filter(stands);
    if (blockers.length === 0) blockers = (await this.swapping.prepare(request.to)).filter(stands);
    if (blockers.length > 0) {
      this.swapping.unprepare();
      return { ok: false, error: `${request.to} is not possible now`, blockers };
    }

    const from = board.phase;
    const epoch = board.epoch + 1;
    // of reads, which only there may be a part
    const share = request.to === 'target-read' ? (request.share ?? 100) : 100;
    const entersMirroring = !board.rules.mirrored && PHASE_RULES[request.to].mirrored;
    const leavesMirroring = !PHASE_RULES[request.to].mirrored;
    let recorded = 0;
    let isTaken = false;
    const change = (): Partial<MigrationState> => {
      recorded = passed.size;
      return {
        phase: request.to,
        epoch,
        share,
        ...(entersMirroring ? { processes: board.processes } : {}),
        ...(leavesMirroring ? { targetProven: false, verifiedClean: false, backfill: NO_BACKFILL } : {}),
        history: migration.note(stepText(from, request), { by, epoch, passed: passedIn(request, passed) }),
      };
    };
    // where mirroring begins, what is found out with the gate closed is part of it
    let prepared: PreparedChange | null = null;
    try {
      if (request.dryRun !== true && !entersMirroring) prepared = await migration.prepare(change);
    } catch (error) {
      this.swapping.unprepare();
      throw error;
    }
    await caughtUp();

    const maxPauseMs = request.maxPauseMs || board.config.cutover.maxPauseMs || Number.POSITIVE_INFINITY;
    const limitMs = Math.min(board.config.cutover.drainTimeoutMs, maxPauseMs);
    const pausedMs = performance.now();
    const { authority } = board;
    let cutover: CutoverRecord | null = null;
    const at = board.hooks.at ?? (() => {});
    board.closeGate();
    at('gate-closed');
    try {
      const changesAuthority = PHASE_RULES[request.to].authority !== board.rules.authority;
      if (changesAuthority) this.swapping.draining();
      const isRescue = step === 'rollback' && request.force === true;
      if (!(await (isRescue ? this.rescued(limitMs) : this.settled(limitMs, changesAuthority)))) {
        return refused('drain-timeout', `What was in flight did not end within ${limitMs} ms; nothing was changed.`);
      }
      at('drained');
      blockers = blocking();
      if (blockers.length > 0) {
        return { ok: false, error: `${request.to} became impossible while draining`, blockers };
      }
      // what is left cannot be taken back once it has begun
      const expectedMs = performance.now() - pausedMs + (prepared?.commitMs ?? 0);
      if (expectedMs > maxPauseMs && request.force !== true) {
        return refused(
          'pause-too-long',
          `Clients would have waited ${round(expectedMs)} ms, and ${maxPauseMs} ms are allowed; nothing was changed. Try again, since it may be quicker then, or allow more.`,
        );
      }
      if (request.dryRun === true) {
        const pauseMs = round(performance.now() - pausedMs);
        this.dryRuns = [
          ...this.dryRuns.slice(1 - DRY_RUNS_KEPT),
          { at: new Date().toISOString(), to: request.to, pauseMs, by },
        ];
        return { ok: true, pauseMs, note: 'Dry run: drained and resumed, nothing was changed.' };
      }
      const lost = authority.isAbandoned ? leftBehind(board.dirty) : null;
      const now = new Date().toISOString();
      const swaps = step === 'cutover' || step === 'rollback';
      if (entersMirroring) await this.enterMirroring();
      const { commit } = prepared ?? (await migration.prepare(change));
      prepared = null;
      await commit();
      at('state-saved');
      migration.publish(migration.state);
      at('lease-sent');
      board.share = share;
      this.swapping.swap(request.to, epoch);
      isTaken = true;
      at('swapped');
      await handedOver(); // so that no client's first write in the new phase is ahead of what the servers were told
      if (leavesMirroring && backfill.progress.state !== 'idle') backfill.cancel();
      if (leavesMirroring) verify.forget();
      const pauseMs = round(performance.now() - pausedMs);
      if (swaps) cutover = { at: now, from, to: request.to, pauseMs };
      log.info({ from, to: request.to, epoch, pauseMs, forced: request.force === true }, 'phase changed');
      if (lost !== null) {
        const note = await report(lost, board.config.stateDir, epoch);
        log.warn({ keys: lost.keys.length, slots: lost.slots.length }, note);
        await migration.keep({ history: migration.note(note, { by }) });
        return { ok: true, pauseMs, note };
      }
      const note =
        step === 'cutover' ? [this.jobs.bypass.note, this.jobs.direct.note].filter((n) => n !== '').join(' ') : '';
      return note === '' ? { ok: true, pauseMs } : { ok: true, pauseMs, note };
    } finally {
      if (!isTaken) this.swapping.unprepare();
      authority.isAbandoned = false;
      board.openGate();
      at('gate-opened');
      await prepared?.discard();
      if (cutover !== null) {
        const { from, to, pauseMs } = cutover;
        const note = `swap of the authority: ${from} to ${to}, clients waited ${pauseMs} ms`;
        await migration.keep({ lastCutover: cutover, history: migration.note(note, { by }) });
        if (step === 'cutover' && board.scope !== null) {
          const keys = backfill.progress.leftOut.toLocaleString('en');
          const left = `left behind on the source: ${keys} keys, as the backfill counted them (${migration.state.scope})`;
          await migration.keep({ history: migration.note(left, { by }) });
        }
      }
      if (isTaken && passed.size > recorded) {
        const note = `${from} → ${request.to}: forced past what came up while draining`;
        await migration.keep({ history: migration.note(note, { by, passed: [...passed.values()].slice(recorded) }) });
      }
    }
  }

  private async settled(limitMs: number, changesAuthority: boolean): Promise<boolean> {
    return (await this.drained(limitMs)) && (!changesAuthority || (await this.swapping.settle(limitMs)));
  }

  /**
   * Away from an authority that may be dead: one that is not there is not waited for, one that does not answer not longer
   * than `limitMs`. Then whoever waits for it is told that no answer comes, and what it may have done makes keys dirty.
   */
  private async rescued(limitMs: number): Promise<boolean> {
    const { authority } = this.jobs.migration.board;
    if (authority.state !== 'down' && (await this.settled(limitMs, true))) return true;
    authority.abandon();
    return this.drained(limitMs);
  }

  /** Drains, and takes along what failed copies left on the mirror: it may be the authority in a moment. */
  private async drained(limitMs: number): Promise<boolean> {
    const { board } = this.jobs.migration;
    if (!(await board.drained(limitMs))) return false;
    const copies = board.mirror?.copies;
    if (copies === undefined || !copies.staging.deleteLeftovers(copies)) return true;
    return board.drained(limitMs);
  }

  /** What a mirrored phase needs of both sides before it begins. */
  private async forward(to: Phase): Promise<Blocker[]> {
    const { board } = this.jobs.migration;
    if (board.rules.mirrored || !PHASE_RULES[to].mirrored) return [];
    try {
      const placeless = await withoutPlace(board.source, board.target);
      if (placeless !== null) return [placeless];
      // what only the target has is to be found and swept too
      const used = new Set([
        ...(await usedDatabases(board.source)).keys(),
        ...(await usedDatabases(board.target)).keys(),
      ]);
      for (const db of used) await board.databases.prove(db);
    } catch (error) {
      return [{ code: 'database-unusable', message: `${sentence((error as Error).message)}` }];
    }
    return [];
  }

  private async counts(step: StepName): Promise<Blocker[]> {
    if (step !== 'cutover' && step !== 'rollback') return [];
    const { authority, follower, config, scope } = this.jobs.migration.board;
    // how many of a side's keys are migrated, only a walk over all of them would tell
    if (scope?.hasPatterns === true) return [];
    try {
      // what a cache evicted there is not missing
      const evicted = config.eviction === 'allow' ? await this.jobs.verify.evicted(follower) : 0;
      return shortfall((await keysOf(authority)) - evicted, await keysOf(follower), follower.side);
    } catch {
      return []; // a side that does not answer is another blocker's business
    }
  }

  /** Mirroring begins: nothing is known, and the target is proven only if it is empty. */
  private async enterMirroring(): Promise<void> {
    const { migration, verify } = this.jobs;
    const { board } = migration;
    board.known.forget();
    board.dirty.clearAll();
    verify.forget();
    let empty = false;
    try {
      empty = (await usedDatabases(board.target)).size === 0;
    } catch {
      // not reachable: it will be swept
    }
    board.targetProven = empty;
    await migration.update({ targetProven: empty, verifiedClean: false, backfill: NO_BACKFILL });
  }
}

/** As the record says it: read again by admin/report.ts. */
function stepText(from: Phase, { to, force, share, known }: StepRequest): string {
  const part = to === 'target-read' && share !== undefined && share < 100 ? `, reads of ${share} % of the slots` : '';
  const named = known === undefined || known.length === 0 ? '' : `, named as past Ferry: ${known.join(', ')}`;
  return `${from} → ${to}${part}${named}${force === true ? ' (forced)' : ''}`;
}

function passedIn({ force }: StepRequest, passed: ReadonlyMap<string, Blocker>): readonly Blocker[] | undefined {
  return force === true ? [...passed.values()] : undefined;
}

/** Resolves when everything sent until now was handed to its socket: that is done at the end of the event loop's turn. */
function handedOver(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** `from`: what it was when somebody decided what to do. */
export function phaseChanged(from: Phase, now: Phase): StepOutcome {
  return refused('phase-changed', `The phase is ${now} now, and was ${from} when this was asked for: look again.`);
}

export function refused(code: string, message: string): StepOutcome {
  return { ok: false, error: message, blockers: [{ code, message }] };
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!]$/.test(capital) ? capital : `${capital}.`;
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
