/**
 * The backfill: every key of the authority is copied to the mirror while both serve (dual-write, target-read).
 *
 * Keys that clients read meanwhile are copied ahead (warming.ts). SCAN by database, copies on their own lanes under a window and the byte budget, an optional rate. Keys that live
 * traffic has made known are skipped. When the target was not proven empty, a sweep of the target follows, which
 * deletes what only the target has. States: idle → running ⇄ paused → done | failed; cancel → idle. The cursor is
 * saved once a second, so a restarted Ferry goes on where it was, if the source is still the same process. A new
 * process on the mirror's side means that what was copied may be gone: it begins again by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackfillState } from '../phases/state.js';
import { NO_BACKFILL } from '../phases/state.js';
import { CopyWindow } from './copy-window.js';
import type { Migration } from './migration.js';
import { Moves, type ScanBatch, scanKeys, scanNode } from './scan.js';
import { sweepExtras } from './sweep.js';
import { databasesToVisit, keysInOtherDatabases, keysOf } from './used-databases.js';
import { WarmKeys } from './warming.js';
import { takenText } from './without-place.js';

const WINDOW = 512;
const SAVE_EVERY_MS = 1000;
const RATE_SLICE_MS = 20;
/** So many keys may be copied for clients beyond what the scan has seen. */
const WARM_AHEAD = 10_000;

export interface BackfillProgress {
  readonly state: BackfillState['state'];
  readonly scanned: number;
  readonly copied: number;
  readonly failed: number;
  readonly estimated: number;
  readonly keysPerSecond: number;
  readonly etaSeconds: number | null;
  /** keys that were copied ahead of the scan because clients read them */
  readonly warmed: number;
  /** keys that are left where they are (--include, --exclude), among `scanned` */
  readonly leftOut: number;
}

/** Keys by what became of them. */
export type BackfillTotals = Pick<BackfillProgress, 'copied' | 'failed' | 'warmed' | 'leftOut'>;

class Interrupted extends Error {}

export class Backfill {
  private state: BackfillState['state'];
  private scanned = 0;
  private copiedBefore = 0;
  private estimated = 0;
  private rateKeysPerSecond: number;
  private window = new CopyWindow(WINDOW);
  private startedMs = 0;
  private scannedAtStart = 0;
  private endedMs = 0;
  /** When the present rate began to count, and what had been done by then. */
  private ratedMs = 0;
  private doneWhenRated = 0;
  private warmedWhenRated = 0;
  /** Another run makes this one stop at its next step. */
  private run = 0;
  private resumeWaiters: (() => void)[] = [];
  private skipped = 0;
  private leftOut = 0;
  /** Where another process would go on, and how far it was there. */
  private atCursor: Omit<BackfillState, 'state' | 'runId'>;
  private warm: WarmKeys;
  /** What backfills before this one came to. */
  private earlier: BackfillTotals = { copied: 0, failed: 0, warmed: 0, leftOut: 0 };

  constructor(private readonly migration: Migration) {
    const saved = migration.state.backfill;
    this.state = saved.state === 'running' ? 'paused' : saved.state;
    this.scanned = saved.scanned;
    this.copiedBefore = saved.copied;
    this.leftOut = saved.leftOut ?? 0;
    this.atCursor = saved;
    this.warm = this.warmer();
    this.rateKeysPerSecond = migration.board.config.backfill.rateKeysPerSecond;
  }

  get isRunning(): boolean {
    return this.state === 'running';
  }

  get isDone(): boolean {
    return this.state === 'done';
  }

  get progress(): BackfillProgress {
    const seconds = ((this.endedMs || performance.now()) - this.startedMs) / 1000;
    const keysPerSecond = this.startedMs === 0 || seconds <= 0 ? 0 : (this.scanned - this.scannedAtStart) / seconds;
    const left = Math.max(0, this.estimated - this.scanned);
    return {
      state: this.state,
      scanned: this.scanned,
      copied: this.copiedBefore + this.window.copiedKeys + this.skipped,
      failed: this.window.failedKeys,
      estimated: Math.max(this.estimated, this.scanned),
      keysPerSecond: Math.round(keysPerSecond),
      warmed: this.warm.copiedKeys,
      leftOut: this.leftOut,
      etaSeconds: this.state === 'running' && keysPerSecond > 0 ? Math.ceil(left / keysPerSecond) : null,
    };
  }

  /** Of all backfills of this process together: what never goes back. */
  get totals(): BackfillTotals {
    const { earlier, progress } = this;
    return {
      copied: earlier.copied + progress.copied,
      failed: earlier.failed + progress.failed,
      warmed: earlier.warmed + progress.warmed,
      leftOut: earlier.leftOut + progress.leftOut,
    };
  }

  setRate(keysPerSecond: number): void {
    this.rateKeysPerSecond = keysPerSecond;
    this.beginRate();
  }

  /** Starts from the beginning. */
  start(): void {
    this.begin(NO_BACKFILL);
  }

  pause(): void {
    if (this.state !== 'running') return;
    this.state = 'paused';
    void this.save();
  }

  /** Goes on; after a restart of Ferry from the saved cursor. */
  resume(): void {
    if (this.state !== 'paused') return;
    if (this.startedMs === 0) {
      const saved = this.migration.state.backfill;
      const { authority } = this.migration.board;
      // of several servers there is no single place to go on from
      const sameServer = saved.runId !== '' && saved.runId === authority.runId && !authority.isRouted;
      this.begin(sameServer ? saved : NO_BACKFILL);
      return;
    }
    this.state = 'running';
    this.beginRate();
    const waiters = this.resumeWaiters;
    this.resumeWaiters = [];
    for (const waiter of waiters) waiter();
  }

  cancel(): void {
    this.run++;
    this.wake();
    this.keepTotals(NO_BACKFILL);
    this.state = 'idle';
    this.scanned = 0;
    this.copiedBefore = 0;
    this.skipped = 0;
    this.leftOut = 0;
    this.window = new CopyWindow(WINDOW);
    this.endWarming();
    this.warm = this.warmer();
    void this.migration.keep({ backfill: NO_BACKFILL });
  }

  /** What was copied is in doubt: begin again if anything had been copied. */
  restart(reason: string): void {
    if (this.state === 'idle') return;
    const wasPaused = this.state === 'paused';
    this.migration.log.warn({ reason }, 'the backfill begins again');
    this.begin(NO_BACKFILL);
    if (wasPaused) this.state = 'paused';
  }

  /** Stops for good (shutdown), keeping the cursor. */
  async stop(): Promise<void> {
    this.run++;
    this.wake();
    this.endWarming();
    await this.save();
  }

  private begin(from: BackfillState): void {
    const run = ++this.run;
    this.wake();
    this.keepTotals(from);
    this.state = 'running';
    this.window = new CopyWindow(WINDOW);
    this.skipped = 0;
    this.beginWarming();
    this.leftOut = from.leftOut ?? 0;
    this.scanned = from.scanned;
    this.copiedBefore = from.copied;
    this.startedMs = performance.now();
    this.endedMs = 0;
    this.scannedAtStart = this.scanned;
    this.beginRate();
    this.work(run, from).catch((error: Error) => {
      if (error instanceof Interrupted || run !== this.run) return;
      this.state = 'failed';
      this.endWarming();
      this.endedMs = performance.now();
      this.migration.log.error({ reason: error.message }, 'the backfill failed');
    });
  }

  /** Before the counting begins anew, at what had been done by `from`. */
  private keepTotals(from: BackfillState): void {
    const { copied, failed, warmed, leftOut } = this.totals;
    this.earlier = { copied: copied - from.copied, failed, warmed, leftOut: leftOut - (from.leftOut ?? 0) };
  }

  private async work(run: number, from: BackfillState): Promise<void> {
    const { board, log } = this.migration;
    const hazards = this.migration.hazards;
    const { authority } = board;
    const window = this.window;
    await this.saveAt(from.db, from.cursor); // at once: an earlier run's cursor must not be taken for this one's
    const keys = await keysOf(authority);
    const elsewhere = await keysInOtherDatabases(authority);
    if (run !== this.run) throw new Interrupted();
    this.estimated = keys + elsewhere;
    if (from === NO_BACKFILL) this.passOver(elsewhere);
    log.info({ estimated: this.estimated, from: from.cursor }, 'backfill started');
    await this.copyFunctions();
    const dbs = await this.databases(run);
    for (const db of dbs) {
      if (db < from.db) continue;
      const { scanCount } = board.config.backfill;
      const moves = new Moves(authority);
      if (authority.isRouted) {
        // one scanner for each node
        const scans = authority.masters.map((node) => scanNode(authority, node, 'backfill', db, '0', scanCount));
        await Promise.all(scans.map((batches) => this.copyAll(run, db, batches)));
        await this.copyAll(run, db, moves.scanAgain('backfill', db, scanCount));
      } else {
        const cursor = db === from.db ? from.cursor : '0';
        await this.copyAll(run, db, scanKeys(authority, 'backfill', db, cursor, scanCount));
      }
    }
    await window.settled();
    if (run !== this.run) throw new Interrupted();
    if (!board.targetProven) {
      await sweepExtras(board, dbs, window, () => this.turn(run));
      await window.settled();
      if (run !== this.run) throw new Interrupted();
      // a server that was replaced meanwhile may hold anything again
      if (hazards === this.migration.hazards) await this.proven();
      // cancelled while that was being written: what is left of this run must not pass for the next one's end
      if (run !== this.run) throw new Interrupted();
    }
    await board.keepDirtyMarks();
    if (run !== this.run) throw new Interrupted();
    this.state = 'done';
    this.endWarming();
    this.endedMs = performance.now();
    await this.saveAt(this.atCursor.db, this.atCursor.cursor);
    log.info(this.progress, 'backfill done');
  }

  /** Keys of databases that are left out, which nobody looks at one by one: so that what is seen adds up. */
  private passOver(keys: number): void {
    this.leftOut = keys;
    this.scanned = keys;
    this.scannedAtStart = keys;
    this.beginRate();
  }

  private async copyAll(run: number, db: number, batches: AsyncIterable<ScanBatch>): Promise<void> {
    const { board } = this.migration;
    const { window } = this;
    let savedMs = performance.now();
    for await (const batch of batches) {
      for (const key of batch.keys) {
        // a promise for each key would take longer than what is done for it here
        if (!this.mayGoOn(run)) await this.turn(run);
        if (board.follower.isTaken(db, key)) throw new Error(takenText(board.authority, db, key, board.follower));
        this.scanned++;
        if (this.isMirrored(db, key)) this.skipped++;
        else if (!window.tryCopy(board.mirror!, db, key)) await window.copy(board.mirror!, db, key);
      }
      this.leftOut += batch.leftOut;
      this.scanned += batch.leftOut;
      await this.turn(run);
      // a side of several nodes has no single place to go on from
      if (board.authority.isRouted || performance.now() - savedMs <= SAVE_EVERY_MS) continue;
      await window.settled(); // what the cursor passed is copied, or dirty
      await board.keepDirtyMarks();
      if (run !== this.run) throw new Interrupted();
      savedMs = performance.now();
      await this.saveAt(db, batch.cursor);
    }
  }

  /** A side that is away is waited for, as everywhere in a backfill; what it refuses is a failure. */
  private async databases(run: number): Promise<number[]> {
    const { board } = this.migration;
    for (;;) {
      await this.turn(run);
      try {
        return await databasesToVisit(board);
      } catch (error) {
        if (board.source.state === 'up' && board.target.state === 'up') throw error;
      }
    }
  }

  private async proven(): Promise<void> {
    this.migration.board.targetProven = true;
    await this.migration.update({ targetProven: true });
  }

  /** Waits while paused, while the mirror is away, while a cutover drains, and for the rate. */
  private async turn(run: number): Promise<void> {
    const { board } = this.migration;
    while (run === this.run) {
      if (this.state === 'paused') await new Promise<void>((resolve) => this.resumeWaiters.push(resolve));
      else if (board.gateClosed || board.mirror === null || !board.mirror.lane.isUp) await sleep(5);
      else if (this.isTooFast()) await sleep(RATE_SLICE_MS);
      else return;
    }
    throw new Interrupted();
  }

  private mayGoOn(run: number): boolean {
    const { gateClosed, mirror } = this.migration.board;
    const isServed = !gateClosed && mirror?.lane.isUp === true;
    return run === this.run && this.state === 'running' && isServed && !this.isTooFast();
  }

  private isTooFast(): boolean {
    if (this.rateKeysPerSecond <= 0) return false;
    const seconds = (performance.now() - this.ratedMs) / 1000;
    const done = this.scanned + this.warm.asked - this.doneWhenRated;
    return done > this.rateKeysPerSecond * (seconds + RATE_SLICE_MS / 1000);
  }

  /** From now on the rate counts: another one, or after a pause. */
  private beginRate(): void {
    this.ratedMs = performance.now();
    this.doneWhenRated = this.scanned + this.warm.asked;
    this.warmedWhenRated = this.warm.asked;
  }

  private beginWarming(): void {
    const { board } = this.migration;
    this.warm = this.warmer();
    board.warming = this.warm;
  }

  private endWarming(): void {
    this.migration.board.warming = null;
  }

  private warmer(): WarmKeys {
    return new WarmKeys(this.migration.board, (asked) => {
      if (this.state !== 'running' || !this.migration.board.config.backfill.warmsFirst) return false;
      // where there are more keys than can be known, some are asked for again and again
      if (asked > this.scanned - this.scannedAtStart + WARM_AHEAD) return false;
      const seconds = (performance.now() - this.ratedMs) / 1000;
      return this.rateKeysPerSecond <= 0 || asked - this.warmedWhenRated < (this.rateKeysPerSecond * seconds) / 2;
    });
  }

  private isMirrored(db: number, key: Buffer): boolean {
    const { known, dirty, authority } = this.migration.board;
    return known.isKnown(db, key, 0, key.length, authority.nowMs()) && dirty.generationOf(db, key) === 0;
  }

  /** Libraries of functions travel in one piece (FUNCTION DUMP, ≥ 7.0). */
  private async copyFunctions(): Promise<void> {
    const { authority, follower, table } = this.migration.board;
    if (table.byName('function|dump')?.exists !== true) return;
    const dump = await authority.call('FUNCTION', 'DUMP').catch(() => null);
    if (!Buffer.isBuffer(dump) || dump.length < 16) return;
    await follower.callEach('FUNCTION', 'RESTORE', dump, 'REPLACE').catch((error: Error) => {
      this.migration.log.warn({ reason: error.message }, 'functions were not copied');
    });
  }

  private wake(): void {
    const waiters = this.resumeWaiters;
    this.resumeWaiters = [];
    for (const waiter of waiters) waiter();
  }

  /** At a cursor that everything before is copied of. */
  private saveAt(db: number, cursor: string): Promise<void> {
    this.atCursor = { db, cursor, scanned: this.scanned, copied: this.progress.copied, leftOut: this.leftOut };
    return this.save();
  }

  /** The counts go with the cursor: what was done beyond it will be done again, and counted then. */
  private save(): Promise<void> {
    const { runId } = this.migration.board.authority;
    const { db, cursor, scanned, copied, leftOut } = this.atCursor;
    return this.migration.update({ backfill: { state: this.state, db, cursor, runId, scanned, copied, leftOut } });
  }
}
