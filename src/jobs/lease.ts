/**
 * The lease: one Ferry at a time serves a pair of servers, and both servers know which, and how far the migration is.
 *
 *   acquire    reads both sides' records; waits until their holder is known to be dead, or refuses; then writes its own:
 *              where there is none only if there is still none (SET NX), so that of several that start the first has it
 *   confirm    looks again, before anybody is served (a predecessor's death seen by two of them decides nothing yet)
 *   begin      renews them every second; a record that is gone (FLUSHALL) is written again if nobody else's is there
 *   publish    with each new phase, when it is on disk, and ahead of whatever anybody sends in it
 *   release    at a clean end
 *
 * A holder is dead when its record was not renewed for HOLD_MS, or when neither server has a connection of its name: a
 * process that was killed is out of CLIENT LIST at once, so its successor need not wait. `takeover` does not ask: it
 * writes its own record and kills the other's connections until none comes back; the other one sees a holder that is not
 * itself, and stops.
 *
 * Where Ferry's account may not write the key, there is no lease (told in the log): the state directory is all there is.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '../config/errors.js';
import { callLane } from '../lanes/call.js';
import { type ListedClient, parseClientList } from '../lanes/client-list.js';
import type { Upstream } from '../lanes/upstream.js';
import type { Logger } from '../observe/log.js';
import { judge, LEASE_KEY, type LeaseRecord, readRecord, recordOf, type Verdict } from '../phases/lease-record.js';
import type { Side } from '../phases/phase.js';
import type { MigrationState } from '../phases/state.js';
import { type Reply, ReplyFault } from '../resp/values.js';
import { keySlot } from '../topology/crc16.js';

const HOLD_MS = 10_000;
const BEAT_MS = 1000;
const ASK_MS = 2000;
const LOOK_EVERY_MS = 100;
const LOOK_AGAIN_MS = 100;
/** After a takeover the other process is dead once none of its connections came back for so long. */
const QUIET_MS = 1500;
const KEY = Buffer.from(LEASE_KEY);
const SLOT = keySlot(KEY, 0, KEY.length);
const SIDES = ['source', 'target'] as const;
const NOBODY = { holder: '' };

interface Records extends Record<Side, LeaseRecord | null> {
  /** Asked, and answered: where there is no record there is none, as far as that can be known. */
  readonly answered: readonly Side[];
}

type Claim =
  /** there was no record on either side, and of those that saw none this one came first: the others are refused */
  | 'first'
  /** written over what a dead process left, or it is not known what was there; another may do the same now */
  | 'last'
  /** somebody else's record came between: nothing was written over it */
  | 'late';

export type Holder = Pick<LeaseRecord, 'holder' | 'where'>;

export interface LeaseOptions {
  readonly sides: Readonly<Record<Side, Upstream>>;
  /** The database of both sides that the key lies in. */
  readonly db: number;
  /** This process, as in the names of its connections. */
  readonly holder: string;
  /** And for people. */
  readonly where?: string;
  readonly log: Logger;
}

export class Lease {
  /** Another process holds it now: this one must not serve any more. */
  onLost: (holder: Holder) => void = () => {};
  private timer: NodeJS.Timeout | null = null;
  private readonly busy = new Set<Side>();
  /** Sides whose account may not write the key; told once. */
  private readonly denied = new Set<Side>();
  private isLost = false;
  private claimedAtMs = 0;
  private state: MigrationState | null = null;

  constructor(private readonly options: LeaseOptions) {}

  /** What the sides' records say to a process with this state; those that cannot be asked say nothing. */
  async look(state: MigrationState): Promise<Verdict> {
    return judge(state, await this.readBoth());
  }

  /** The process that is at work on the pair; null when none can be alive. */
  async otherAtWork(): Promise<Holder | null> {
    const found = await this.watchOther();
    return 'alive' in found ? found.alive : null;
  }

  /** The sides that were asked just now and know of no migration at all. */
  async unaware(): Promise<readonly Side[]> {
    const found = await this.readBoth();
    return found.answered.filter((side) => found[side] === null);
  }

  /** Throws a StartError when another process is at work. To be followed by `confirm`. */
  async acquire(state: MigrationState, takeover: boolean): Promise<void> {
    this.state = state;
    for (;;) {
      const claim = await this.claim(takeover ? await this.takeOver(state) : await this.waitForDeath());
      this.claimedAtMs = performance.now();
      if (claim === 'first') return;
      await this.confirm();
      if (claim === 'last') return;
    }
  }

  /**
   * To be called before anybody is served: looks whether the records are still its own, a while after they were written.
   * Of several that start at the same time over what a dead one left, the last one to write stays.
   */
  async confirm(): Promise<void> {
    await sleep(Math.max(0, this.claimedAtMs + LOOK_AGAIN_MS - performance.now()));
    const other = this.otherIn(await this.readBoth());
    if (other === null) return;
    this.isLost = true; // the record there is not this one's to remove
    throw inUse(other);
  }

  /** Writes its own records: where `found` says that there are none, only if there are still none. */
  private async claim(found: Records): Promise<Claim> {
    const areFree = SIDES.every((side) => found.answered.includes(side) && found[side] === null);
    let claim: Claim = areFree ? 'first' : 'last';
    // in one order for all: who has the source's goes on to the target, and nobody else does
    for (const side of SIDES) {
      try {
        if (!(await this.write(side, areFree))) return 'late';
      } catch {
        claim = 'last'; // it is away, or may not be written, or nobody knows
      }
    }
    return claim;
  }

  begin(): void {
    this.timer = setInterval(() => this.renew(), BEAT_MS);
  }

  renew(): void {
    if (this.timer !== null) for (const side of SIDES) void this.beat(side);
  }

  /**
   * Both sides are sent the new state, ahead of what is handed to their other connections later: a process that is killed
   * then does not take it back. The answers are not waited for, since clients wait meanwhile; the next beat writes again.
   */
  publish(state: MigrationState): void {
    this.state = state;
    if (this.isLost) return;
    for (const side of SIDES) void this.write(side).catch(() => {});
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** A clean end: the next process need not ask whether this one is alive. `isUndone`: as if it had never begun. */
  async release(state: MigrationState, isUndone = false): Promise<void> {
    this.stop();
    if (this.isLost) return;
    this.state = state;
    await Promise.all(
      SIDES.map((side) => {
        // nothing depends on it: before the first phase with a mirror, and on a target that is on its own
        const isOver =
          isUndone || state.phase === 'source-only' || (state.phase === 'target-only' && side === 'target');
        return (isOver ? this.remove(side) : this.write(side, false, NOBODY)).catch(() => {});
      }),
    );
  }

  // ── one side

  private async ask(side: Side, ...args: (string | Buffer)[]): Promise<Reply> {
    const upstream = this.options.sides[side];
    const [name, ...rest] = args;
    const command = [upstream.wireName(String(name)), ...rest];
    const answer = callLane(upstream.jobLane('lease', this.options.db), [command], SLOT);
    answer.catch(() => {});
    const late = new AbortController();
    const limit = sleep(ASK_MS, undefined, { signal: late.signal }).then(() => {
      throw new Error('no answer');
    });
    try {
      const [reply] = await Promise.race([answer, limit]);
      if (reply instanceof ReplyFault) throw reply;
      return reply!;
    } finally {
      late.abort();
      limit.catch(() => {});
    }
  }

  private async read(side: Side): Promise<LeaseRecord | null> {
    const record = readRecord(await this.ask(side, 'GET', KEY));
    if (record !== 'unreadable') return record;
    throw new StartError(
      1,
      `The key ${LEASE_KEY} on the ${side} is not what a Ferry writes there: look at it, and delete it if nothing needs it.`,
    );
  }

  /** A side that cannot be asked has none. */
  private async readBoth(): Promise<Records> {
    const answered: Side[] = [];
    const read = async (side: Side): Promise<LeaseRecord | null> => {
      if (this.options.sides[side].state === 'down') return null;
      try {
        const record = await this.read(side);
        answered.push(side);
        return record;
      } catch (error) {
        if (error instanceof StartError) throw error;
        this.options.log.warn({ side, reason: (error as Error).message }, 'the lease cannot be read');
        return null;
      }
    };
    const [source, target] = await Promise.all([read('source'), read('target')]);
    return { source, target, answered };
  }

  /** False: it was to be written only where there is none, and there is one. */
  private async write(side: Side, onlyIfFree = false, holder: Holder = this.options): Promise<boolean> {
    const upstream = this.options.sides[side];
    if (upstream.state === 'down') throw new Error('the server is not reachable');
    const record = recordOf(this.state!, side, holder, upstream.nowMs(SLOT));
    upstream.ownKeysDb = this.options.db;
    try {
      const reply = await this.ask(side, 'SET', KEY, JSON.stringify(record), ...(onlyIfFree ? ['NX'] : []));
      if (reply === null) return false;
      upstream.ownKeysIn = this.options.db;
      return true;
    } catch (error) {
      if (error instanceof ReplyFault && !this.denied.has(side)) {
        this.denied.add(side);
        this.options.log.warn(
          { side, reason: error.message },
          `no lease on this side: Ferry's account should be allowed GET, SET and DEL on ${LEASE_KEY}`,
        );
      }
      throw error;
    }
  }

  private async remove(side: Side): Promise<void> {
    await this.ask(side, 'DEL', KEY);
  }

  private async beat(side: Side): Promise<void> {
    if (this.busy.has(side) || this.isLost) return;
    this.busy.add(side);
    try {
      const record = await this.read(side);
      const other = this.otherThan(record);
      if (this.timer === null) return;
      if (other === null) await this.write(side, record === null);
      else if (!this.isLost) {
        this.isLost = true;
        this.stop();
        this.onLost(other);
      }
    } catch {
      // away, or not allowed: the next beat tries again
    } finally {
      this.busy.delete(side);
    }
  }

  // ── the other process

  private otherIn(records: Records): LeaseRecord | null {
    return this.otherThan(records.source) ?? this.otherThan(records.target);
  }

  /** The record, if it is another process's. */
  private otherThan(record: LeaseRecord | null): LeaseRecord | null {
    return record === null || record.holder === '' || record.holder === this.options.holder ? null : record;
  }

  /** Returns the records when none's holder can be alive. */
  private async waitForDeath(): Promise<Records> {
    const found = await this.watchOther();
    if ('alive' in found) throw inUse(found.alive);
    return found;
  }

  /** Until one is seen at work, or none can be alive: the records then. */
  private async watchOther(): Promise<Records | { readonly alive: LeaseRecord }> {
    const first = await this.readBoth();
    if (this.otherIn(first) === null) return first;
    const untilMs = performance.now() + HOLD_MS + BEAT_MS;
    for (;;) {
      const now = await this.readBoth();
      const other = this.otherIn(now);
      if (other === null) return now;
      const hasMoved = SIDES.some((side) => (now[side]?.beatMs ?? 0) > (first[side]?.beatMs ?? 0));
      if (hasMoved) return { alive: other };
      if (SIDES.every((side) => this.isStale(side, now[side]))) return now;
      const connections = await this.connectionsOf(other.holder);
      if (connections !== null && connections.length === 0) return now;
      if (performance.now() > untilMs) return now;
      await sleep(LOOK_EVERY_MS);
    }
  }

  private isStale(side: Side, record: LeaseRecord | null): boolean {
    if (record === null || record.holder === '' || record.holder === this.options.holder) return true;
    return this.options.sides[side].nowMs(SLOT) - record.beatMs > HOLD_MS;
  }

  private async takeOver(state: MigrationState): Promise<Records> {
    const found = await this.readBoth();
    const other = this.otherIn(found);
    if (other === null) return found;
    const { holder, where } = other;
    this.options.log.warn({ holder, where, epoch: state.epoch }, 'the pair is taken over from another Ferry');
    let quietSinceMs = performance.now();
    while (performance.now() - quietSinceMs < QUIET_MS) {
      for (const side of SIDES) await this.write(side).catch(() => {});
      for (const kill of (await this.connectionsOf(holder)) ?? []) {
        quietSinceMs = performance.now();
        await kill();
      }
      await sleep(LOOK_EVERY_MS);
    }
    return this.readBoth();
  }

  /** The connections of that process on both sides, as what kills them; null when nobody tells which there are. */
  private async connectionsOf(holder: string): Promise<(() => Promise<unknown>)[] | null> {
    const found: (() => Promise<unknown>)[] = [];
    for (const side of SIDES) {
      const upstream = this.options.sides[side];
      if (upstream.state === 'down') continue;
      for (const node of upstream.masters) {
        let clients: ListedClient[];
        try {
          clients = parseClientList(String(await node.call('CLIENT', 'LIST')));
        } catch {
          return null;
        }
        for (const { id, name } of clients) {
          if (!name.startsWith('ferry:') || !name.includes(`:${holder}`)) continue;
          found.push(() => node.call('CLIENT', 'KILL', 'ID', id).catch(() => {}));
        }
      }
    }
    return found;
  }
}

/** For messages: `: process 4711 on db-7`, or nothing where that is not known. */
export function placeText({ where }: Holder): string {
  return where === undefined ? '' : `: ${where}`;
}

function inUse(other: Holder): StartError {
  return new StartError(
    1,
    `Another Ferry (${other.holder}) serves this pair${placeText(other)}. Two of them would each order the writes alone: stop it first, or start this one with --takeover, which cuts the other one off.`,
  );
}
