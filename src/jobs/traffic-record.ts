/**
 * How many commands and bytes each side has had since the migration began, over restarts.
 *
 * The present process counts anyway (lanes/traffic.ts, routing/counters.ts); what its predecessors had is read from a small
 * file of the state directory, which is replaced every SAVE_EVERY_MS and at the end. It is not synced to disk: a process that
 * is killed loses the last seconds, and a machine perhaps more. That is said in the report (`isWhole`), and nothing but the
 * report depends on it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Traffic } from '../lanes/traffic.js';
import type { Counters } from '../routing/counters.js';

const FILE = 'traffic.json';
const SAVE_EVERY_MS = 10_000;

export interface SideTraffic {
  /** clients' commands that this side answered */
  answered: number;
  /** commands sent to it: those of clients, of the mirror, and of backfill, repair and verification */
  commands: number;
  /** to the side */
  bytesOut: number;
  /** from the side */
  bytesIn: number;
}

export interface TrafficTotals {
  /** when counting began */
  since: string;
  /** false: some process ended without saving, and its last seconds are missing */
  isWhole: boolean;
  source: SideTraffic;
  target: SideTraffic;
}

/** What counts in the present process: the switchboard. */
interface Counted {
  readonly counters: Counters;
  readonly source: { readonly traffic: Traffic };
  readonly target: { readonly traffic: Traffic };
}

const count = z.number().min(0);
const sideTraffic = z.object({ answered: count, commands: count, bytesOut: count, bytesIn: count });
const savedTotals = z.object({
  migrationId: z.string(),
  since: z.string(),
  isWhole: z.boolean(),
  /** the process that wrote it was at its end */
  isClosed: z.boolean(),
  source: sideTraffic,
  target: sideTraffic,
});

const NOTHING: SideTraffic = { answered: 0, commands: 0, bytesOut: 0, bytesIn: 0 };

export class TrafficRecord {
  private readonly path: string;
  private readonly before: TrafficTotals;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly board: Counted,
    stateDir: string,
    private readonly migrationId: string,
  ) {
    this.path = join(stateDir, FILE);
    this.before = this.load();
  }

  totals(): TrafficTotals {
    const { since, isWhole } = this.before;
    return { since, isWhole, source: this.totalsOf('source'), target: this.totalsOf('target') };
  }

  /** From now on it is kept: clients are served. */
  begin(): void {
    this.save(false);
    this.timer = setInterval(() => this.save(false), SAVE_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.save(true);
  }

  private totalsOf(side: 'source' | 'target'): SideTraffic {
    const { counters } = this.board;
    const { traffic } = this.board[side];
    const before = this.before[side];
    return {
      answered: before.answered + counters.durations[side].count,
      commands: before.commands + traffic.commands,
      bytesOut: before.bytesOut + traffic.bytesOut,
      bytesIn: before.bytesIn + traffic.bytesIn,
    };
  }

  /** What cannot be read, or is of another migration, counts as nothing. */
  private load(): TrafficTotals {
    try {
      const { migrationId, since, isWhole, isClosed, source, target } = savedTotals.parse(
        JSON.parse(readFileSync(this.path, 'utf8')),
      );
      if (migrationId === this.migrationId) return { since, isWhole: isWhole && isClosed, source, target };
    } catch {
      // there is none yet
    }
    return { since: new Date().toISOString(), isWhole: true, source: NOTHING, target: NOTHING };
  }

  private save(isClosed: boolean): void {
    const text = JSON.stringify({ migrationId: this.migrationId, isClosed, ...this.totals() });
    try {
      writeFileSync(`${this.path}.new`, `${text}\n`, { mode: 0o600 });
      renameSync(`${this.path}.new`, this.path);
    } catch {
      // a full disk: the figures of this process are there as long as it runs
    }
  }
}
