/**
 * Repair: dirty keys are copied again; dirty slots are swept on both sides.
 *
 * Runs whenever something is marked, the mirror is connected and no lost connection of ours is still being fenced (a
 * write buffered in a dead connection must not execute after the repair, divergence 6); where one cannot be fenced, keys
 * take longer (settling.ts). Failures slow it down: the mirror may be refusing everything. A slot's mark is cleared only
 * if nobody marked it again since its sweep began.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SLOTS } from '../ledger/slots.js';
import { keySlot } from '../topology/crc16.js';
import { CopyWindow } from './copy-window.js';
import type { Migration } from './migration.js';
import { scanKeys } from './scan.js';
import { Settling } from './settling.js';
import { databasesToVisit } from './used-databases.js';

const WINDOW = 128;
const COUNT = 500;
const IDLE_MS = 20;
const BETWEEN_ROUNDS_MS = 1;
const BACKOFF_MAX_MS = 2000;

export class Repair {
  private stopped = false;
  private running: Promise<void>;
  private pausedBy = 0;
  private active = false;
  private onceClean: (() => void)[] = [];
  /** Set by the app: a backfill will visit every key anyway, so slots need no sweep of their own meanwhile. */
  isBackfilling: () => boolean = () => false;
  /** Set by the app: are the two sides the same in that key? */
  agrees: (db: number, key: Buffer) => Promise<boolean> = () => Promise.resolve(false);
  private readonly settling: Settling;

  constructor(private readonly migration: Migration) {
    this.settling = new Settling(migration);
    this.running = this.loop();
  }

  /** Nothing is started until `release`; resolves when the present round is over, or after `limitMs`. */
  async hold(limitMs: number): Promise<void> {
    this.pausedBy++;
    const until = performance.now() + limitMs;
    while (this.active && performance.now() < until) await sleep(1);
  }

  release(): void {
    this.pausedBy--;
  }

  /** Calls back once, as soon as nothing is dirty. */
  whenClean(then: () => void): void {
    this.onceClean.push(then);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private get mayRun(): boolean {
    const { board } = this.migration;
    if (this.stopped || this.pausedBy > 0 || board.gateClosed || board.mirror === null) return false;
    return board.mirror.lane.isUp && board.source.fencing === 0 && board.target.fencing === 0;
  }

  private async loop(): Promise<void> {
    let backoffMs = IDLE_MS;
    while (!this.stopped) {
      const { dirty } = this.migration.board;
      if (this.mayRun) this.migration.board.mirror!.copies.staging.deleteLeftovers(this.migration.board.mirror!.copies);
      if (dirty.isClean && this.onceClean.length > 0 && this.mayRun)
        for (const then of this.onceClean.splice(0)) then();
      // where nothing follows there is nothing to settle
      const mayRelease = this.mayRun || this.migration.board.mirror === null;
      if (this.settling.isNeeded && mayRelease) this.settling.releaseIfSettled();
      if (dirty.isClean || !this.mayRun) {
        await sleep(IDLE_MS);
        continue;
      }
      this.active = true;
      let failed = true;
      try {
        failed = await this.round();
      } catch (error) {
        this.migration.log.warn({ reason: (error as Error).message }, 'a repair round failed');
      }
      this.active = false;
      backoffMs = failed ? Math.min(BACKOFF_MAX_MS, backoffMs * 2) : IDLE_MS;
      // never straight on: a round may find nothing that it may do, and must not keep the event loop from everybody
      await sleep(failed ? backoffMs : BETWEEN_ROUNDS_MS);
    }
  }

  /** True when something failed. */
  private async round(): Promise<boolean> {
    const { board } = this.migration;
    const window = new CopyWindow(WINDOW);
    if (board.databases.awaited.size > 0) await this.proveAwaited();
    for (const mark of [...board.dirty.entries()].slice(0, 10_000)) {
      if (!this.mayRun) break;
      if (mark.quarantined) {
        await this.settling.treat(mark, window, this.agrees);
        continue;
      }
      board.counters.repairs++;
      await window.copy(board.mirror!, mark.db, mark.key);
    }
    if (board.dirty.size === 0 || window.copiedKeys + window.failedKeys === 0) {
      const maySweep = board.dirty.dirtySlots > 0 && performance.now() >= this.settling.sweepsAtMs;
      if (maySweep && this.mayRun && !this.isBackfilling()) await this.sweepSlots(window);
    }
    await window.settled();
    return window.failedKeys > 0;
  }

  /** The mirror is back: databases that came into use while it was away can be proven now. */
  private async proveAwaited(): Promise<void> {
    const { databases, mirror } = this.migration.board;
    for (const db of [...databases.awaited]) {
      await databases.prove(db);
      await mirror?.lane.selectProven(db);
    }
  }

  private async sweepSlots(window: CopyWindow): Promise<void> {
    const { board } = this.migration;
    const { dirty } = board;
    const generations = dirty.slotGeneration.slice();
    const { hazards } = this.migration;
    const { epoch } = board;
    const everything = dirty.dirtySlots === SLOTS;
    const dbs = await databasesToVisit(board);
    for (const side of [board.authority, board.follower]) {
      for (const db of dbs) {
        for await (const batch of scanKeys(side, 'repair', db, '0', COUNT)) {
          for (const key of batch.keys) {
            if (generations[keySlot(key, 0, key.length)] === 0) continue;
            while (!this.mayRun) {
              if (this.stopped || this.pausedBy > 0) return;
              await sleep(5);
            }
            board.counters.repairs++;
            await window.copy(board.mirror!, db, key);
          }
        }
      }
    }
    await window.settled();
    // another process now, or other roles: once more
    if (hazards !== this.migration.hazards || epoch !== board.epoch) return;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (generations[slot] !== 0) dirty.clearSlot(slot, generations[slot]!);
    }
    if (everything && !board.targetProven) {
      board.targetProven = true;
      await this.migration.update({ targetProven: true });
    }
  }
}
