/**
 * What all jobs of a migration share: the switchboard, the durable state, and the events that can hide a difference.
 *
 * `hazards` counts such events (a new server process, an overflow of the dirty set, an unclean start). A verification
 * vouches for the two sides only as long as no hazard came after its beginning.
 */
import type { Logger } from '../observe/log.js';
import type { HistoryEntry, MigrationState, StateDirectory } from '../phases/state.js';
import type { Switchboard } from '../routing/switchboard.js';

export interface Blocker {
  readonly code: string;
  readonly message: string;
}

/** A change of the durable state that is on disk but for its last step. */
export interface PreparedChange {
  /** How long `commit` will take, as the disk is now. */
  readonly commitMs: number;
  /** Resolves when it counts, on disk as well. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Of the record: the oldest lines make room. */
const HISTORY_MAX = 1000;

/** It is no step, no forced thing and no swap. */
function isMinor({ event, epoch, passed }: HistoryEntry): boolean {
  return epoch === undefined && passed === undefined && !/^(swap of the authority|adopted)/.test(event);
}

export class Migration {
  hazards = 0;
  lastHazard = '';
  /** Failovers of which it is not known yet what they lost (failover.ts). */
  unsettled = 0;
  /** Told already. */
  private isUnsaved = false;

  /** Tells both servers how far the migration is, ahead of what is sent to them later; the app provides it. */
  publish: (state: MigrationState) => void = () => {};

  constructor(
    readonly board: Switchboard,
    readonly log: Logger,
    private readonly directory: StateDirectory,
    private current: MigrationState,
  ) {}

  get state(): MigrationState {
    return this.current;
  }

  /** Changes the durable state; resolves when it is on disk. */
  update(change: Partial<MigrationState>): Promise<void> {
    const wasDone = this.current.backfill.state === 'done';
    this.current = { ...this.current, ...change };
    if (change.backfill?.state === 'done' && !wasDone) {
      const { scanned, copied } = change.backfill;
      const event = `backfill done: ${scanned} keys looked at, ${copied} copied`;
      this.current = { ...this.current, history: this.note(event) };
    }
    return this.directory.save(this.current);
  }

  /**
   * `update` for what can do without the disk: a full one is told, and nothing ends for it. The next save that succeeds has
   * it all; a restart before that doubts everything anyway.
   */
  async keep(change: Partial<MigrationState>): Promise<void> {
    try {
      await this.update(change);
      this.isUnsaved = false;
    } catch (error) {
      if (!this.isUnsaved) this.log.error({ reason: (error as Error).message }, 'the state is not saved');
      this.isUnsaved = true;
    }
  }

  /**
   * `update` in two parts, of which the second is short. When the state has become another one in between, the change is
   * made anew, on top of that: `change` is asked again.
   */
  async prepare(change: () => Partial<MigrationState>): Promise<PreparedChange> {
    const before = this.current;
    const prepared = await this.directory.prepare({ ...before, ...change() });
    return {
      commitMs: prepared.commitMs,
      commit: async () => {
        const isSame = this.current === before;
        try {
          if (isSame) {
            this.current = prepared.state;
            await this.directory.commit(prepared);
          } else {
            await this.directory.discard(prepared);
            await this.update(change());
          }
        } catch (error) {
          // it was not taken, whatever is on disk now: no later save may say that it was
          const { phase, epoch, share } = before;
          await this.keep(this.current === prepared.state ? before : { phase, epoch, share });
          throw error;
        }
      },
      discard: () => this.directory.discard(prepared),
    };
  }

  /** Appends to the record of the migration. */
  note(event: string, more: Omit<HistoryEntry, 'at' | 'event'> = {}): MigrationState['history'] {
    const history = [...this.current.history, { at: new Date().toISOString(), event, ...more }];
    // the steps stay: who asked for a thousand other things must not push a forced one off the record
    if (history.length > HISTORY_MAX) history.splice(Math.max(0, history.findIndex(isMinor)), 1);
    return history;
  }

  hazard(what: string): void {
    this.hazards++;
    this.lastHazard = what;
    this.board.known.allKnown = false;
    if (this.current.verifiedClean) void this.keep({ verifiedClean: false });
  }
}
