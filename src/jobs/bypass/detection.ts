/**
 * Finds what changes on the authority behind Ferry's back: other writers, keys that a script does not declare, evictions
 * (divergence 12). Each of the authority's servers reports its changes (lanes/tracker.ts).
 *
 *   reported ─► Ferry wrote it, as often ─────────────────────────────► nothing
 *       │            (a reply may come behind the report: asked again after REPLY_MS, and while the slot is busy)
 *       └─► else: the key is compared, in every database, its slot held ─► equal ─► nothing
 *                                                                     └─► different ─► dirty, and counted
 *
 * Comparing first is what keeps expiry from making dirt: a key that expired on both sides is absent on both. It also
 * settles what only looks foreign: PFCOUNT's cache, a replayed script's keys, a slot that moves between nodes. A key that
 * only the mirror still has is looked at again a moment later, since the two clocks differ by milliseconds.
 *
 * It is a net, not a proof (own-writes.ts says what it cannot see): a change that was found, and any time in which nobody
 * watched, is a hazard, so that a cutover needs a clean verification that began later. What is too much to be compared is
 * one too.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Upstream } from '../../lanes/upstream.js';
import { WINDOW_MS } from '../../ledger/own-writes.js';
import { isOwnKey } from '../../mirror/own-keys.js';
import { keySlot } from '../../topology/crc16.js';
import type { KeyComparison } from '../key-comparison.js';
import type { Migration } from '../migration.js';

import { WatchedSide } from './watched-side.js';

const ROUND_MS = 25;
/** How much later than the report a reply may be read. */
const REPLY_MS = 100;
/** A slot that is busy for so long says nothing any more. */
const BUSY_MS = 5000;
const PENDING_MAX = 200_000;
const SUSPECTS_MAX = 20_000;
const COMPARED_AT_ONCE = 16;
const EXPIRY_SKEW_MS = 150;
const EXPIRY_ATTEMPTS = 3;
const UP_MS = 3000;
const FORGET_EVERY_MS = 1000;

/** A report that nothing explains yet. */
interface Report {
  readonly key: Buffer;
  readonly slot: number;
  readonly atMs: number;
}

/** A key to be compared, for the how many-th time. */
interface Suspect {
  readonly key: Buffer;
  readonly attempt: number;
  readonly dueMs: number;
}

export class BypassDetection {
  /** Keys found changed by somebody else, and compared at all, since Ferry started. */
  found = 0;
  compared = 0;
  lastFoundAt: string | null = null;
  /** The authority, while it is watched. */
  private watched: WatchedSide | null = null;
  /** The one that is about to become the authority. */
  private next: WatchedSide | null = null;
  private pending: Report[] = [];
  private readonly suspects = new Map<string, Suspect>();
  /** Those that only the mirror had: looked at once more when they are due. */
  private later: Suspect[] = [];
  private comparing = 0;
  private foreignFlushes = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly migration: Migration,
    private readonly comparison: KeyComparison,
  ) {}

  /** Is the authority being watched, or meant to be? */
  get isOn(): boolean {
    return this.watched !== null;
  }

  /** Every server of the authority reports its changes now. */
  get isLive(): boolean {
    return this.watched?.side === this.migration.board.authority && this.watched.isUp;
  }

  /** Why a server will not report, '' if none refused. */
  get refusal(): string {
    return this.watched?.refusal ?? '';
  }

  /** Watches the authority. Resolves when every server reports, one refused, or after a while. */
  async turnOn(): Promise<void> {
    if (this.watched === null) {
      this.migration.board.ownWrites.turnOn();
      this.watched = this.watchSide(this.migration.board.authority);
      this.timer = setInterval(() => this.round(), ROUND_MS);
      this.timer.unref();
    }
    await this.watched.settled(UP_MS);
  }

  turnOff(): void {
    this.unprepare();
    this.watched?.close();
    this.watched = null;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.forgetReports();
    this.migration.board.ownWrites.turnOff();
  }

  /** So that there is no moment without a watch: the other side's reports begin to count when it is the authority. */
  async prepare(side: Upstream): Promise<void> {
    if (!this.isOn) return;
    this.unprepare();
    this.next = this.watchSide(side);
    await this.next.settled(UP_MS);
  }

  unprepare(): void {
    this.next?.close();
    this.next = null;
  }

  /** The authority is another side now, or nothing follows it any more. */
  swapped(): void {
    if (this.watched === null) return;
    if (!this.migration.board.rules.mirrored) this.turnOff();
    else if (this.watched.side !== this.migration.board.authority) {
      this.watched.close();
      this.watched = this.next ?? this.watchSide(this.migration.board.authority);
      this.next = null;
      this.forgetReports();
      if (!this.watched.isUp) this.gap(this.watched.side, `changes on the ${this.watched.side.side} are not reported`);
    }
  }

  private forgetReports(): void {
    this.pending = [];
    this.later = [];
    this.suspects.clear();
  }

  private watchSide(side: Upstream): WatchedSide {
    return new WatchedSide(side, {
      onKey: (from, buf, start, end) => this.reported(from, buf, start, end),
      onFlush: (from) => {
        if (this.counts(from)) this.foreignFlushes++;
      },
      onUnseen: (from, what) => this.gap(from, what),
    });
  }

  /** Everything changed until now was looked at. False when that takes longer than `limitMs`. */
  async settle(limitMs: number): Promise<boolean> {
    const untilMs = performance.now() + limitMs;
    // a connection that is not there is a hazard already
    if (this.watched !== null && !(await this.watched.roundTrip(limitMs))) return !this.isLive;
    while (this.isOn && performance.now() < untilMs) {
      this.round(true);
      if (this.isIdle) return true;
      await sleep(2);
    }
    return !this.isOn;
  }

  /** Nothing that was reported is still to be looked at. */
  get isIdle(): boolean {
    return this.pending.length + this.later.length + this.suspects.size + this.comparing === 0;
  }

  /** Does what the side reports matter? */
  private counts(side: Upstream): boolean {
    const { board } = this.migration;
    return board.rules.mirrored && board.authority === side;
  }

  private gap(side: Upstream, what: string): void {
    if (!this.counts(side)) return;
    this.migration.hazard(what);
    const nowMs = performance.now();
    if (nowMs - this.forgotMs < FORGET_EVERY_MS) return;
    this.forgotMs = nowMs;
    this.migration.board.known.forget();
  }

  /** When a gap last made everything unknown; a gap may be told of for every key of many. */
  private forgotMs = Number.NEGATIVE_INFINITY;

  // ── reports

  private reported(side: Upstream, buf: Buffer, start: number, end: number): void {
    if (!this.counts(side)) return;
    const nowMs = performance.now();
    const { ownWrites, ledger } = this.migration.board;
    const key = side.prefixes === null ? null : this.logicalName(side, buf.subarray(start, end));
    const [bytes, from, to] = key === null ? [buf, start, end] : [key, 0, key.length];
    if (ownWrites.explains(bytes, from, to, nowMs) === 'own') return;
    const own = Buffer.from(bytes.subarray(from, to));
    if (isOwnKey(own) || side.scope?.hasName(own, 0, own.length) === false) return;
    const slot = keySlot(own, 0, own.length);
    // nothing of the slot is on its way or was a moment ago: nobody but a stranger can have changed it
    if (!ledger.isOpen(slot) && nowMs - ledger.touchedMs[slot]! > WINDOW_MS) this.suspect(side, own);
    else if (this.pending.length < PENDING_MAX) this.pending.push({ key: own, slot, atMs: nowMs });
    else this.gap(side, 'more changes were reported than could be looked at');
  }

  /** Of a key behind a prefix the name without it. */
  private logicalName(side: Upstream, here: Buffer): Buffer {
    for (const db of this.migration.board.databases.used) {
      const name = side.logicalKey(db, here);
      if (name !== null) return name;
    }
    return here;
  }

  /** `isDrained`: every write of Ferry's is answered, so there is nothing to wait for. */
  private round(isDrained = false): void {
    const side = this.watched?.side;
    if (side === undefined || !this.counts(side)) return;
    const nowMs = performance.now();
    const { ownWrites, ledger, dirty, known } = this.migration.board;
    if (this.foreignFlushes > 0) {
      this.foreignFlushes = 0;
      // Ferry's own is mirrored, and does no harm to be looked at again: both sides are all but empty
      if (nowMs - ownWrites.flushedAtMs > WINDOW_MS && ledger.openAll === 0) {
        known.forget();
        dirty.markAll();
        this.sawChange();
      }
    }
    let kept = 0;
    for (const report of this.pending) {
      const { key, slot, atMs } = report;
      const ageMs = nowMs - atMs;
      const isEarly = !isDrained && (ageMs < REPLY_MS || (ledger.unreplied[slot]! > 0 && ageMs < BUSY_MS));
      if (isEarly) {
        this.pending[kept++] = report;
        continue;
      }
      const explanation = ownWrites.explains(key, 0, key.length, Math.min(nowMs, atMs + WINDOW_MS / 2));
      // so many writes at once that single ones are not remembered: only a slot that Ferry left alone says something
      const isBlurred = explanation === 'unknown' && atMs - ownWrites.forgotAtMs < 2 * WINDOW_MS;
      if (isBlurred) this.gap(side, 'more was written than detection of other writers can follow');
      else if (explanation !== 'own') this.suspect(side, key);
    }
    this.pending.length = kept;
    if (this.later.length > 0) {
      for (const { key, attempt, dueMs } of this.later) if (dueMs <= nowMs) this.suspect(side, key, attempt);
      this.later = this.later.filter(({ dueMs }) => dueMs > nowMs);
    }
    this.compareSome(side);
  }

  private suspect(side: Upstream, key: Buffer, attempt = 1): void {
    const name = key.toString('latin1');
    if (this.suspects.size < SUSPECTS_MAX || this.suspects.has(name)) {
      // a new report begins anew
      if (attempt === 1 || !this.suspects.has(name)) this.suspects.set(name, { key, attempt, dueMs: 0 });
    } else {
      this.gap(side, 'more keys were changed by others than could be compared');
      this.migration.board.dirty.markSlot(keySlot(key, 0, key.length));
    }
  }

  private compareSome(side: Upstream): void {
    const { board } = this.migration;
    for (const [name, suspect] of this.suspects) {
      if (this.comparing >= COMPARED_AT_ONCE || board.mirror?.lane.isUp !== true) return;
      this.suspects.delete(name);
      this.comparing++;
      this.compared++;
      void this.compare(side, suspect).finally(() => {
        this.comparing--;
        this.compareSome(side);
      });
    }
  }

  /** Reports carry no database: the key is compared in all that are in use. */
  private async compare(side: Upstream, { key, attempt }: Suspect): Promise<void> {
    const { board } = this.migration;
    for (const db of [...board.databases.used]) {
      if (!side.holds(db) || !board.follower.holds(db) || !board.databases.isMigrated(db)) continue;
      const isDirty = board.dirty.has(db, key, keySlot(key, 0, key.length));
      const verdict = isDirty ? 'unknown' : await this.comparison.differenceIn(db, key).catch(() => 'unknown' as const);
      if (verdict === null || !this.counts(side)) continue;
      if (verdict !== 'unknown' && verdict.kind === 'extra' && attempt < EXPIRY_ATTEMPTS) {
        this.later.push({ key, attempt: attempt + 1, dueMs: performance.now() + EXPIRY_SKEW_MS });
        continue;
      }
      // a mark that was there is made anew: a copy that is on its way may be older than the change
      board.mirror?.markKeyDirty(db, key);
      if (verdict !== 'unknown') this.sawChange();
    }
  }

  private sawChange(): void {
    this.found++;
    this.lastFoundAt = new Date().toISOString();
    if (this.found === 1) {
      const { side } = this.migration.board.authority;
      this.migration.log.warn(
        { side },
        'a key was changed behind Ferry: others write there, or scripts do not say what',
      );
    }
    this.migration.hazard(`keys were changed behind Ferry (${this.found})`);
  }
}
