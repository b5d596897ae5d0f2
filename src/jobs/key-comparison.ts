/**
 * Are both sides the same in a key, exactly, while clients go on writing? In rounds, of which most keys need the first.
 *
 *   round 1     both DUMPs and TTLs of a batch; equal bytes are equal values. Counts only if nobody wrote to the slot
 *               meanwhile (`open == 0`, version unchanged).
 *   round 2, 3  what was busy or unequal, again, by type (logical/compare.ts): equal values may dump differently.
 *   held        what is still busy or unequal is admitted as a write: the authority is read on a job lane, the mirror
 *               on its write lane, so both show the same moment. Only then are two keys said to differ. A slot is held
 *               for a bounded time; of a key too big for that it is `unknown`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { askKeys, type KeyAnswers } from '../lanes/ask-keys.js';
import { callLane, LaneLost } from '../lanes/call.js';
import type { Upstream } from '../lanes/upstream.js';
import { Operation } from '../ledger/operation.js';
import { type Caller, compareKey, type Difference } from '../mirror/logical/compare.js';
import { mayHoldMoments } from '../mirror/payload.js';
import { HOLD_LIMIT_MS } from '../mirror/staged-copy.js';
import { callWriteLane } from '../mirror/write-lane-call.js';
import { commandHead } from '../resp/encode.js';
import { integerReply, isNull, ReplyFault } from '../resp/values.js';
import { keySlot } from '../topology/crc16.js';
import type { Migration } from './migration.js';

const ROUNDS = 3;
const DOLLAR = 0x24;
const LF = 0x0a;
const BETWEEN_ROUNDS_MS = 20;
const HELD_ATTEMPTS = 60;
/** While a slot is held its clients wait: for each answer of the mirror no longer than this. */
const HELD_PATIENCE_MS = 500;
const HELD_RETRY_MS = 50;
/** How often a held key is compared while its slot is on the move; then the last word stands. */
const STEADY_ATTEMPTS = 10;
const TTL_TOLERANCE_MS = 1000;
const CHUNK_ELEMENTS = 1000;
const CHUNK_BYTES = 256 * 1024;

export interface Candidate {
  readonly db: number;
  readonly key: Buffer;
  readonly slot: number;
}

/** Null: none. `unknown`: the key is too big and too busy to be compared. */
export type Verdict = Difference | null | 'unknown';

export function candidatesOf(db: number, keys: readonly Buffer[]): Candidate[] {
  return keys.map((key) => ({ db, key, slot: keySlot(key, 0, key.length) }));
}

/** Its slot was held for as long as it may be, and there was more to compare. */
class HeldTooLong extends Error {}

/** The time that a slot may be held: whoever holds it waits for no answer beyond its end. */
class HoldTime {
  private readonly endMs: number;

  constructor(limitMs: number) {
    this.endMs = performance.now() + limitMs;
  }

  /** An answer that takes longer than `patienceMs` counts as lost. */
  async answer<T>(ask: () => Promise<T>, patienceMs = Number.POSITIVE_INFINITY): Promise<T> {
    const leftMs = this.endMs - performance.now();
    if (leftMs <= 0) throw new HeldTooLong();
    return new Promise<T>((resolve, reject) => {
      const tooLate = (): void => reject(leftMs < patienceMs ? new HeldTooLong() : new LaneLost());
      const timer = setTimeout(tooLate, Math.min(leftMs, patienceMs));
      ask()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }
}

/** Takes a key's slot as a write does, and keeps it until told. */
class Hold extends Operation {
  private granted: () => void = () => {};
  readonly admitted = new Promise<void>((resolve) => {
    this.granted = resolve;
  });

  launch(): void {
    this.granted();
  }
}

export class KeyComparison {
  constructor(private readonly migration: Migration) {}

  /** Tells of each that differs, or remains unknown. `check` is called before each step and may throw to stop. */
  async compareAll(
    candidates: readonly Candidate[],
    check: () => void,
    tell: (candidate: Candidate, verdict: Difference | 'unknown') => Promise<void>,
  ): Promise<void> {
    let open = await this.compareDumps(candidates);
    for (let round = 2; round <= ROUNDS && open.length > 0; round++) {
      await sleep(BETWEEN_ROUNDS_MS);
      check();
      open = await this.stillOpen(open);
    }
    for (const candidate of open) {
      check();
      const verdict = await this.compareAtLast(candidate, check);
      check();
      if (verdict !== null) await tell(candidate, verdict);
    }
  }

  /** Round 1. Returns what could not be shown to be equal. */
  private async compareDumps(candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
    const { board } = this.migration;
    const { ledger, authority, follower } = board;
    if (board.mirror === null) return candidates;
    const { copies, clock } = board.mirror;
    const versions = candidates.map((c) => ledger.version[c.slot]);
    const small = await this.smallEnough(candidates);
    if (small.length === 0) return candidates;
    const db = small[0]!.db;
    const read = (side: Upstream, ttl: string): Promise<KeyAnswers> =>
      askKeys(
        side.jobLane('verify', db),
        [commandHead(2, side.wireName('DUMP')), commandHead(2, ttl)],
        small.map((c) => keyOn(side, c)),
        small.map((c) => slotOn(side, c)),
      );
    let here: KeyAnswers;
    let there: KeyAnswers;
    const before = performance.now();
    try {
      [here, there] = await Promise.all([
        read(authority, copies.expireTimeName),
        read(follower, follower.wireName('PTTL')),
      ]);
    } catch {
      return candidates;
    }
    const tookMs = performance.now() - before;
    /** The equal ones, with their deadlines (0: none). */
    const equal = new Map<Candidate, number>();
    small.forEach((c, i) => {
      const type = equalPayload(here, there, 2 * i);
      if (type < 0) return;
      const deadlineMs = copies.deadlineFrom(integerAt(here, 2 * i + 1), slotOn(authority, c));
      // equal bytes are no equal moments where the clocks are apart
      if (mayHoldMoments(type) && clock.shiftMs(slotOn(authority, c), slotOn(follower, c)) !== 0) return;
      const leftThere = integerAt(there, 2 * i + 1);
      if (Number.isNaN(deadlineMs) || Number.isNaN(leftThere)) return;
      if (deadlineMs < 0 || deadlineMs > 0 !== leftThere >= 0) return;
      if (deadlineMs > 0) {
        const left = deadlineMs - authority.nowMs(slotOn(authority, c));
        if (tookMs > TTL_TOLERANCE_MS || Math.abs(left - leftThere) > TTL_TOLERANCE_MS + tookMs) return;
      }
      equal.set(c, deadlineMs);
    });
    return candidates.filter((c, i) => {
      const deadlineMs = equal.get(c);
      if (deadlineMs === undefined || ledger.version[c.slot] !== versions[i] || ledger.isOpen(c.slot)) return true;
      this.noteDeadline(c, deadlineMs);
      return false;
    });
  }

  /** What a clean verification makes known must have its deadline known as well (divergence 9). */
  private noteDeadline(c: Candidate, deadlineMs: number): void {
    const { known, authority } = this.migration.board;
    if (deadlineMs <= 0) return;
    known.noteDeadline(c.db, c.key, 0, c.key.length, deadlineMs, authority.nowMs(slotOn(authority, c)));
  }

  private async deadlineOf(c: Candidate): Promise<number> {
    const { authority, mirror } = this.migration.board;
    if (mirror === null) throw new Error('there is no mirror to compare with');
    const [answer] = await callLane(
      authority.jobLane('verify', c.db),
      [[mirror.copies.expireTimeName, keyOn(authority, c)]],
      slotOn(authority, c),
    );
    if (answer instanceof ReplyFault) throw answer;
    return mirror.copies.deadlineFrom(Number(answer), slotOn(authority, c));
  }

  /** Those whose DUMP may be held in memory; big ones are compared by type, in pieces. */
  private async smallEnough(candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
    const { board } = this.migration;
    if (candidates.length === 0 || (board.mirror !== null && !board.mirror.context.copy.hasDump)) return [];
    const { authority } = board;
    try {
      const sizes = await askKeys(
        authority.jobLane('verify', candidates[0]!.db),
        [commandHead(3, authority.wireName('MEMORY'), 'USAGE')],
        candidates.map((c) => keyOn(authority, c)),
        candidates.map((c) => slotOn(authority, c)),
      );
      // no number: it is gone, or that cannot be asked
      return candidates.filter((_, i) => !(integerAt(sizes, i) > board.config.limits.bigKeyBytes));
    } catch {
      return [];
    }
  }

  /** Rounds 2 and 3. Returns what could not be shown to be equal. */
  private async stillOpen(candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
    const found = await Promise.all(candidates.map((c) => this.whenQuiet(c)));
    return candidates.filter((_, i) => found[i] !== null);
  }

  /** By type, on job lanes, holding nothing; `unknown` if anything was written to the slot meanwhile. */
  async whenQuiet(c: Candidate): Promise<Verdict> {
    const { board } = this.migration;
    const version = board.ledger.version[c.slot];
    const places = this.placesOf(c);
    const isQuiet = (): boolean =>
      !board.ledger.isOpen(c.slot) && board.ledger.version[c.slot] === version && this.placesOf(c) === places;
    if (!isQuiet()) return 'unknown';
    const mirror: Caller = (commands) =>
      callLane(board.follower.jobLane('verify', c.db), commands, slotOn(board.follower, c));
    try {
      const found = await this.compare(c, mirror);
      const deadlineMs = found === null ? await this.deadlineOf(c) : 0;
      if (!isQuiet()) return 'unknown';
      if (found === null) this.noteDeadline(c, deadlineMs);
      // a copy that waits will replace what was seen
      else if (board.mirror === null || board.mirror.copies.isPending(c.db, c.key)) return 'unknown';
      return found;
    } catch {
      return 'unknown';
    }
  }

  /** What a lost connection, or a slot that moved meanwhile, kept from being answered is asked again. */
  private async compareAtLast(c: Candidate, check: () => void): Promise<Verdict> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.compareHeld(c);
      } catch (error) {
        if (error instanceof HeldTooLong) return 'unknown';
        if (!(error instanceof LaneLost) || attempt === HELD_ATTEMPTS) throw error;
      }
      await sleep(HELD_RETRY_MS);
      check();
    }
  }

  /** How the two sides differ in this key now. Rejects when they do not answer. */
  async differenceIn(db: number, key: Buffer): Promise<Verdict> {
    const [candidate] = candidatesOf(db, [key]) as [Candidate];
    try {
      return await this.compareHeld(candidate);
    } catch (error) {
      if (!(error instanceof HeldTooLong)) throw error;
      return this.whenQuiet(candidate);
    }
  }

  /** The last word: nobody writes to the slot, and the mirror is read behind everything that was written. */
  private async compareHeld(c: Candidate): Promise<Difference | null> {
    const { board } = this.migration;
    await this.mirrorAnswers(c);
    const hold = new Hold();
    hold.slot = c.slot;
    hold.laneId = board.authority.jobLane('verify', c.db).id;
    board.ledger.admit(hold);
    await hold.admitted;
    const time = new HoldTime(board.hooks.holdLimitMs ?? HOLD_LIMIT_MS);
    try {
      const { mirror } = board;
      if (mirror === null) throw new Error('there is no mirror to compare with');
      const onMirror: Caller = (commands) =>
        time.answer(() => callWriteLane(mirror.lane, c.db, slotOn(board.follower, c), commands), HELD_PATIENCE_MS);
      const difference = await this.compareSteady(c, onMirror, time);
      if (difference === null) this.noteDeadline(c, await time.answer(() => this.deadlineOf(c)));
      // A copy that waits for the slot will replace what was seen, and makes the key dirty if it cannot.
      return mirror.copies.isPending(c.db, c.key) ? null : difference;
    } finally {
      board.ledger.replied(hold);
      board.ledger.finish(hold);
    }
  }

  /** Nothing is held for a mirror that is frozen, or has much to do first. */
  private async mirrorAnswers(c: Candidate): Promise<void> {
    const { mirror, follower } = this.migration.board;
    if (mirror === null) throw new Error('there is no mirror to compare with');
    await callWriteLane(mirror.lane, c.db, slotOn(follower, c), [[follower.wireName('PING')]]);
  }

  /** Cursors of a server are void on another one: again, for a while, when the key may have gone to one meanwhile. */
  private async compareSteady(c: Candidate, mirror: Caller, time: HoldTime): Promise<Difference | null> {
    for (let attempt = 1; ; attempt++) {
      const places = this.placesOf(c);
      const difference = await this.compare(c, mirror, time);
      if (attempt === STEADY_ATTEMPTS || this.placesOf(c) === places) return difference;
      await sleep(BETWEEN_ROUNDS_MS);
    }
  }

  /** Changes when the key may have gone to another server of either side. */
  private placesOf(c: Candidate): number {
    const { authority, follower } = this.migration.board;
    return authority.versionOf(slotOn(authority, c)) + follower.versionOf(slotOn(follower, c));
  }

  private compare(c: Candidate, mirror: Caller, time: HoldTime | null = null): Promise<Difference | null> {
    const { board } = this.migration;
    const { authority, follower } = board;
    const read: Caller = (commands) => callLane(authority.jobLane('verify', c.db), commands, slotOn(authority, c));
    const here: Caller = time === null ? read : (commands) => time.answer(() => read(commands));
    return compareKey(here, mirror, keyOn(authority, c), {
      keyOnB: keyOn(follower, c),
      chunkElements: CHUNK_ELEMENTS,
      chunkBytes: CHUNK_BYTES,
      ...board.mirror?.context.compare,
      names: [authority.side, follower.side],
      ttlToleranceMs: TTL_TOLERANCE_MS,
      clockDifferenceMs: follower.clockOffsetFor(slotOn(follower, c)) - authority.clockOffsetFor(slotOn(authority, c)),
    });
  }
}

/** The type of the payload that both sides answered, its first byte; -1 when they answered two, or none. */
function equalPayload(here: KeyAnswers, there: KeyAnswers, i: number): number {
  const [start, end] = [here.starts[i]!, here.ends[i]!];
  if (here.bytes[start] !== DOLLAR || isNull(here.bytes, start)) return -1;
  if (here.bytes.compare(there.bytes, there.starts[i], there.ends[i], start, end) !== 0) return -1;
  return here.bytes[here.bytes.indexOf(LF, start) + 1]!;
}

/** NaN when it is no integer. */
function integerAt({ bytes, starts, ends }: KeyAnswers, i: number): number {
  return integerReply(bytes, starts[i]!, ends[i]!);
}

function slotOn(side: Upstream, { db, key }: Candidate): number {
  return side.slotOf(db, key, 0, key.length);
}

function keyOn(side: Upstream, { db, key }: Candidate): Buffer {
  return side.keyHere(db, key);
}
