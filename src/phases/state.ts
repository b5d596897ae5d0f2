/**
 * The durable state of a migration: one small JSON file, replaced atomically and fsynced before it takes effect.
 *
 * `save` resolves only when the bytes and the rename are on disk, so a phase is never acted upon before it would be
 * found again after a crash (divergence 14). Files are 0600. `clean` tells whether the last process drained before
 * it ended; without it writes may have been in flight, so the sides count as unproven.
 *
 * Where clients wait for a save it is made in two parts: `prepare` has the bytes on disk under another name, and `commit` is
 * the rename and its sync. What a crash leaves is the same: the state before, or this one; no start looks at the other name.
 */
import { randomBytes } from 'node:crypto';
import { fsyncSync, renameSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isPhase, type Phase } from './phase.js';

export interface BackfillState {
  readonly state: 'idle' | 'running' | 'paused' | 'done' | 'failed';
  /** Where to go on: a SCAN cursor is good only for the server process that gave it. */
  readonly db: number;
  readonly cursor: string;
  readonly runId: string;
  readonly scanned: number;
  readonly copied: number;
  /** Keys that it passed by because they are not migrated; not there in files of before. */
  readonly leftOut?: number;
}

/** A swap of the authority, in either direction. */
export interface CutoverRecord {
  readonly at: string;
  readonly from: Phase;
  readonly to: Phase;
  readonly pauseMs: number;
}

/** Who asked for a step: what they call themselves, and where they were connected from ('' for Ferry itself). */
export interface Actor {
  readonly name: string;
  readonly address: string;
}

/** One line of the record of the migration. */
export interface HistoryEntry {
  readonly at: string;
  readonly event: string;
  /** Missing: it happened by itself, or in a record of before there was this. */
  readonly by?: Actor;
  /** Of a step: the epoch that began with it. */
  readonly epoch?: number;
  /** Of a forced step: what stood in the way. */
  readonly passed?: readonly { readonly code: string; readonly message: string }[];
}

export interface MigrationState {
  readonly migrationId: string;
  /** host:port of both sides: a state directory belongs to one pair. */
  readonly source: string;
  readonly target: string;
  /** What keys begin with on a Cluster, by database (topology/key-prefixes.ts); not there in files of before. */
  readonly dbPrefix?: Readonly<Record<string, string>>;
  /** What is migrated, as on a command line (topology/scope.ts); not there in files of before. */
  readonly scope?: string;
  readonly phase: Phase;
  readonly epoch: number;
  /** Reads may go to the target for what concerns stale values: it was empty, or both sides were swept. */
  readonly targetProven: boolean;
  /** Backfilled and verified clean since. */
  readonly verifiedClean: boolean;
  readonly share: number;
  readonly clean: boolean;
  /** The run ids of the servers of both sides, '' when unknown: what was equal on them, others need not have. */
  readonly processes?: { readonly source: string; readonly target: string };
  readonly backfill: BackfillState;
  readonly lastCutover: CutoverRecord | null;
  readonly history: readonly HistoryEntry[];
}

export const NO_BACKFILL: BackfillState = {
  state: 'idle',
  db: 0,
  cursor: '0',
  runId: '',
  scanned: 0,
  copied: 0,
};

export function newState(source: string, target: string, phase: Phase): MigrationState {
  return {
    migrationId: randomBytes(4).toString('hex'),
    source,
    target,
    phase,
    epoch: 1,
    targetProven: false,
    verifiedClean: false,
    share: 100,
    clean: true,
    backfill: NO_BACKFILL,
    lastCutover: null,
    history: [],
  };
}

/** For people: what is wrong with the directory, and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError';
}

const FILE = 'state.json';
const NEW = `${FILE}.new`;
const PREPARED = `${FILE}.next`;
const DRAFT = `${FILE}.draft`;

/** Everything of a save but its last step. One at a time; `commit` or `discard` ends it. */
export class PreparedState {
  constructor(
    readonly state: MigrationState,
    readonly directory: FileHandle,
    /** How long the last step will take, as far as the disk is as it was a moment ago. */
    readonly commitMs: number,
  ) {}
}

export class StateDirectory {
  private saving: Promise<void> = Promise.resolve();

  constructor(readonly path: string) {}

  /** The state found, or null in a new directory. @throws StateError when the file is there and makes no sense */
  async load(): Promise<MigrationState | null> {
    const path = join(this.path, FILE);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      throw new StateError(`The state directory ${this.path} cannot be read: ${message}.`);
    }
    const state = stateIn(text);
    if (state !== null) return state;
    throw new StateError(
      `The state directory ${this.path} cannot be read: ${path} is damaged, or is no state of a migration. Put a copy back, or start with --adopt and an empty --state-dir: the servers know how far the migration is.`,
    );
  }

  /** One save at a time, in order of the calls. */
  save(state: MigrationState): Promise<void> {
    const next = this.saving.catch(() => {}).then(() => this.write(state).catch((error) => this.fail(error)));
    this.saving = next;
    return next;
  }

  /** Nothing was begun: as if there had been no `save`. What another process saved there meanwhile stays. */
  async remove(migrationId: string): Promise<void> {
    await this.saving.catch(() => {});
    const found = await this.load().catch(() => null);
    if (found?.migrationId !== migrationId) return;
    for (const name of [DRAFT, PREPARED, FILE]) await rm(join(this.path, name), { force: true });
  }

  /** Counts for nothing until `commit`, which may follow other saves. */
  prepare(state: MigrationState): Promise<PreparedState> {
    return this.writeAhead(state).catch((error) => this.fail(error));
  }

  private async writeAhead(state: MigrationState): Promise<PreparedState> {
    await this.writeBeside(DRAFT, state);
    const directory = await open(this.path, 'r');
    // the same as the commit will do
    const startedMs = performance.now();
    await rename(join(this.path, DRAFT), join(this.path, PREPARED));
    await directory.sync();
    return new PreparedState(state, directory, performance.now() - startedMs);
  }

  /**
   * As `save` of what was prepared, in its turn among the saves. Of one piece, and in the way of everything else: who waits
   * for it waits a fraction of what handing it to the file system's threads and back takes.
   */
  commit(prepared: PreparedState): Promise<void> {
    const next = this.saving
      .catch(() => {})
      .then(() => {
        renameSync(join(this.path, PREPARED), join(this.path, FILE));
        fsyncSync(prepared.directory.fd);
      })
      .catch((error) => this.fail(error))
      .finally(() => void prepared.directory.close());
    this.saving = next;
    return next;
  }

  async discard(prepared: PreparedState): Promise<void> {
    await prepared.directory.close();
    await rm(join(this.path, PREPARED), { force: true });
  }

  private fail(error: Error): never {
    throw new StateError(
      `The state directory ${this.path} cannot be written (${error.message}): make room there, or see that Ferry may write it.`,
    );
  }

  private async write(state: MigrationState): Promise<void> {
    await this.writeBeside(NEW, state);
    await rename(join(this.path, NEW), join(this.path, FILE));
    const directory = await open(this.path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  private async writeBeside(name: string, state: MigrationState): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const file = await open(join(this.path, name), 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

/** Null: it is none, or a part of one. */
function stateIn(text: string): MigrationState | null {
  try {
    const state = JSON.parse(text) as MigrationState;
    const { migrationId, source, target, phase, epoch } = state;
    const areTexts = [migrationId, source, target].every((value) => typeof value === 'string');
    return areTexts && isPhase(phase) && Number.isSafeInteger(epoch) ? state : null;
  } catch {
    return null;
  }
}
