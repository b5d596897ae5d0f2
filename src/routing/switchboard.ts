/**
 * The switchboard: everything a command's way depends on, in one place, swapped as a whole between phases.
 *
 * Sessions read it for every command; transitions (jobs/transition.ts) change it only while the gate is closed and
 * nothing is in flight. `inFlight` counts client commands sent or parked and not yet answered.
 */
import type { MirrorClass } from '../commands/mirroring.js';
import { CommandTable } from '../commands/table.js';
import type { Config } from '../config/config.js';
import { turn } from '../lanes/turn.js';
import type { Upstream } from '../lanes/upstream.js';
import type { DirtyKeys } from '../ledger/dirty.js';
import type { IntentReasons, WriteIntent } from '../ledger/intent.js';
import type { KnownKeys } from '../ledger/known.js';
import { OwnWrites } from '../ledger/own-writes.js';
import { SLOTS, type SlotLedger } from '../ledger/slots.js';
import type { Mirror } from '../mirror/mirror.js';
import type { ScriptBook } from '../mirror/scripts.js';
import { PHASE_RULES, type Phase, type PhaseRules } from '../phases/phase.js';
import type { Scope } from '../topology/scope.js';
import type { Counters } from './counters.js';
import { Crossings } from './crossings.js';
import type { Databases } from './databases.js';
import { MemoryCeiling } from './memory.js';
import { Noticed } from './noticed.js';
import { PrefixSample } from './prefix-sample.js';
import { Waiters } from './waiters.js';

/** Somebody who stops admitting commands while the gate is closed. */
export interface Gated {
  gateOpened(): void;
}

/** Who is told of the keys that clients read. */
export interface Warming {
  touched(db: number, frame: Buffer, start: number, end: number): void;
}

/** Where a process may be when it is killed; in the order in which a write, and a step, come by. */
export type CrashPoint =
  | 'before-intent'
  | 'write-sent'
  | 'write-answered'
  | 'mirror-appended'
  | 'copy-appended'
  | 'gate-closed'
  | 'drained'
  | 'state-saved'
  | 'lease-sent'
  | 'swapped'
  | 'gate-opened';

export interface TestHooks {
  /** false: the ledger admits everything at once. */
  readonly admission?: boolean;
  /** true: a write is mirrored when it is sent instead of when its reply is parsed. */
  readonly deriveEarly?: boolean;
  readonly onMirrored?: (command: string, mirrorClass: MirrorClass) => void;
  /** false: no write-intent bitmap; after an unclean end nothing is dirty. */
  readonly intent?: boolean;
  /** For so long a comparison may hold a slot. */
  readonly holdLimitMs?: number;
  /** Told where the process is: the crash tests kill it there. */
  readonly at?: (point: CrashPoint) => void;
}

export class Switchboard implements IntentReasons {
  phase: Phase;
  rules: PhaseRules;
  epoch: number;
  table: CommandTable = CommandTable.offline();
  mirror: Mirror | null = null;
  /** Target reads cannot be stale: the target was empty when mirroring began, or both sides were swept since. */
  targetProven = false;
  /** Percentage of the slots whose reads may go to the target in `target-read`. */
  share = 100;
  gateClosed = false;
  inFlight = 0;
  readonly gated = new Set<Gated>();
  /** Commands that will break at the cutover. */
  readonly crossings = new Crossings();
  /** Which kinds of keys the clients ask for. */
  readonly prefixSample = new PrefixSample();
  /** What Ferry wrote a moment ago, while changes behind it are looked for. */
  readonly ownWrites = new OwnWrites();
  /** Clients parked until a key gets something. */
  readonly waiters = new Waiters();
  /** Hot keys and slow commands. */
  readonly noticed = new Noticed();
  /** The ceiling for all buffers together. */
  readonly memory = new MemoryCeiling(() => this.config.limits.memoryBytes);
  /** Databases share a Cluster behind prefixes (topology/key-prefixes.ts). */
  readonly hasPrefixes: boolean;
  /** A client flushed, or may have flushed, the database that Ferry's own key is in; the app provides it. */
  onFlushed: () => void = () => {};
  /** What is migrated at all; null: everything. */
  readonly scope: Scope | null;
  /** Keys that clients read are copied ahead, while a backfill runs (jobs/warming.ts). */
  warming: Warming | null = null;
  /** The text of INFO ferry / FERRY STATUS; the app provides it. */
  describe: () => string = () => '';
  private drainWaiters: (() => void)[] = [];

  constructor(
    /** Another one after a reload: ask for what is needed when it is needed. */
    public config: Config,
    readonly source: Upstream,
    readonly target: Upstream,
    readonly ledger: SlotLedger,
    readonly known: KnownKeys,
    readonly dirty: DirtyKeys,
    readonly intent: WriteIntent,
    readonly databases: Databases,
    readonly counters: Counters,
    readonly scripts: ScriptBook,
    readonly hooks: TestHooks,
    phase: Phase,
    epoch: number,
  ) {
    this.scope = source.scope;
    this.hasPrefixes = source.prefixes !== null || target.prefixes !== null;
    this.phase = phase;
    this.rules = PHASE_RULES[phase];
    this.epoch = epoch;
    this.tellReads();
  }

  /** What the mirror may have unacknowledged now. */
  get backlogLimitBytes(): number {
    const { mirrorBacklogBytes, memoryBytes } = this.config.limits;
    return this.memory.shedsMirror ? 0 : Math.min(mirrorBacklogBytes, memoryBytes / 2);
  }

  /** No client and no drain waits for the mirror. */
  get mirrorMayWait(): boolean {
    return this.config.ack !== 'both' && !this.gateClosed;
  }

  get authority(): Upstream {
    return this.rules.authority === 'source' ? this.source : this.target;
  }

  /** Clients must log in: the authority wants it, or Ferry's own user file does. */
  get requiresLogin(): boolean {
    return this.source.accounts.users !== null || this.authority.requiresLogin;
  }

  /** The side that is not the authority. */
  get follower(): Upstream {
    return this.rules.authority === 'source' ? this.target : this.source;
  }

  /** Is the slot among those whose reads were moved over? A stable set that only grows with the share. */
  isShared(slot: number): boolean {
    return this.share >= 100 || (RANK[slot]! as number) < this.share;
  }

  setPhase(phase: Phase, epoch: number): void {
    this.counters.settleSides(this.rules.authority);
    this.phase = phase;
    this.rules = PHASE_RULES[phase];
    this.epoch = epoch;
    this.tellReads();
  }

  private tellReads(): void {
    for (const side of [this.source, this.target])
      side.readsAreOptional(this.rules.readsTarget && side === this.follower);
  }

  // ── why a slot keeps its bit (ledger/intent.ts)

  isOpen(slot: number): boolean {
    return this.ledger.isOpen(slot);
  }

  get touchedMs(): Float64Array {
    return this.ledger.touchedMs;
  }

  markDirtySlots(marks: Uint8Array): void {
    this.dirty.markSlots(marks);
  }

  get isUnfenced(): boolean {
    return this.source.unfenced + this.target.unfenced > 0;
  }

  /** The run ids of both sides' servers; '' when one is not known. */
  get processes(): { readonly source: string; readonly target: string } {
    return { source: this.source.processes, target: this.target.processes };
  }

  /** Resolves when a crash would not forget what is dirty now. */
  async keepDirtyMarks(): Promise<void> {
    this.intent.settle(this, this.config.limits.intentIdleMs);
    await this.intent.committed();
  }

  /** FLUSHALL or FLUSHDB (of `db`) was answered by the authority. */
  flushed(name: string, db: number): void {
    let isGone = false;
    for (const side of [this.source, this.target]) {
      if (side.ownKeysIn < 0 || (name === 'flushdb' && side.ownKeysIn !== db)) continue;
      side.ownKeysIn = -1;
      isGone = true;
    }
    if (isGone) this.onFlushed();
  }

  // ── the gate

  closeGate(): void {
    this.gateClosed = true;
    turn.hurry();
  }

  openGate(): void {
    this.gateClosed = false;
    for (const gated of this.gated) gated.gateOpened();
    if (this.waiters.count > 0) this.waiters.signalAll();
  }

  /** One client command less in flight. */
  answered(): void {
    this.inFlight--;
    if (this.gateClosed) this.checkDrained();
  }

  checkDrained(): void {
    if (this.drainWaiters.length === 0 || !this.isDrained) return;
    const waiters = this.drainWaiters;
    this.drainWaiters = [];
    for (const waiter of waiters) waiter();
  }

  /** Nothing of any client, and nothing for the mirror, is on its way. */
  get isDrained(): boolean {
    return (
      this.inFlight === 0 &&
      this.ledger.openTotal === 0 &&
      (this.mirror === null || (this.mirror.copies.active === 0 && this.mirror.lane.backlogOps === 0))
    );
  }

  /** Resolves true when drained with the gate closed, false after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<boolean> {
    if (this.isDrained) return true;
    return new Promise((resolve) => {
      const done = (result: boolean) => (): void => {
        clearTimeout(timer);
        clearInterval(poll);
        this.drainWaiters = this.drainWaiters.filter((w) => w !== onDrained);
        resolve(result);
      };
      const onDrained = done(true);
      const timer = setTimeout(done(false), timeoutMs);
      // acknowledgements of the mirror do not report here: look now and then
      const poll = setInterval(() => {
        if (this.isDrained) onDrained();
      }, 1);
      this.drainWaiters.push(onDrained);
    });
  }
}

/** rank[slot] in 0…99: slots with rank < share are moved. A fixed scattering, so that a share is a fair sample. */
const RANK = new Uint8Array(SLOTS);
for (let slot = 0; slot < SLOTS; slot++) RANK[slot] = Math.floor(((Math.imul(slot, 0x9e3779b1) >>> 0) / 2 ** 32) * 100);
