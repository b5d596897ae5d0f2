/**
 * Verification: both sides are enumerated and every key is compared, exactly, while clients go on writing.
 *
 *   round 1     SCAN of the authority; both DUMPs and TTLs of a batch; equal bytes are equal values. Counts only if
 *               nobody wrote to the slot meanwhile (`open == 0`, version unchanged).
 *   round 2, 3  what was busy or unequal, again, by type (logical/compare.ts): equal values may dump differently.
 *   held        what is still busy or unequal is admitted as a write: the authority is read on a job lane, the mirror
 *               on its write lane, so both show the same moment. Only then are two keys said to differ.
 *
 * A slot is held for a bounded time. A key too big to be compared within it, in a slot that is written all the time,
 * is compared at the end without holding it, and remains `uncompared` if the slot is not quiet then either; then the
 * verification is not clean.
 * The mirror is scanned as well, for keys that the authority does not have. With `repair`, what differs and what
 * remained uncompared is copied.
 *
 * `missing`: the mirror lacks it; `extra`: only the mirror has it. Keys of Ferry's own do not count.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { askKeys, type KeyAnswers } from '../lanes/ask-keys.js';
import { callLane, LaneLost } from '../lanes/call.js';
import type { Upstream } from '../lanes/upstream.js';
import { Operation } from '../ledger/operation.js';
import { type Caller, compareKey, type Difference as Found } from '../mirror/logical/compare.js';
import { mayHoldMoments } from '../mirror/payload.js';
import { HOLD_LIMIT_MS, isStale } from '../mirror/staged-copy.js';
import { callWriteLane } from '../mirror/write-lane-call.js';
import { commandHead } from '../resp/encode.js';
import { integerReply, isNull, ReplyFault } from '../resp/values.js';
import { keySlot } from '../topology/crc16.js';
import { Concurrency } from './concurrency.js';
import { CopyWindow } from './copy-window.js';
import type { Migration } from './migration.js';
import { scanKeys } from './scan.js';
import { missingOnAuthority } from './sweep.js';
import { databasesToVisit } from './used-databases.js';
import { takenText } from './without-place.js';

const BATCH = 250;
/** Batches compared at once: one with busy keys must not make the others wait. */
const BATCHES_AT_ONCE = 4;
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
const KEPT_DIFFERENCES = 100_000;
const CHUNK_ELEMENTS = 1000;
const CHUNK_BYTES = 256 * 1024;

const KINDS = ['missing', 'extra', 'type', 'value', 'ttl'] as const;
export type DifferenceKind = (typeof KINDS)[number];

export interface VerifyDifference {
  readonly db: number;
  readonly key: Buffer;
  readonly kind: DifferenceKind;
  readonly source?: string;
  readonly target?: string;
}

export interface VerifyProgress {
  readonly state: 'idle' | 'running' | 'done' | 'failed';
  readonly compared: number;
  readonly differences: Record<DifferenceKind, number>;
  /** keys that one side lacks because it evicted them (only with --eviction allow) */
  readonly evicted: number;
  /** keys too big to be compared while their slots are written all the time: whether they differ is not known */
  readonly uncompared: number;
  /** nothing differs, and everything was compared; null: no verification is finished */
  readonly clean: boolean | null;
  /** ISO 8601 with milliseconds */
  readonly finishedAt: string | null;
}

interface Candidate {
  readonly db: number;
  readonly key: Buffer;
  readonly slot: number;
}

class Stopped extends Error {}

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

export class Verify {
  private state: VerifyProgress['state'] = 'idle';
  private compared = 0;
  private evictedKeys = 0;
  private uncompared: Candidate[] = [];
  private counts = zeroCounts();
  private clean: boolean | null = null;
  private finishedAt: string | null = null;
  private found: VerifyDifference[] = [];
  private run = 0;
  /** Of the last one: it copies what differs. */
  private repairs = false;
  /** How many keys a side evicted until now; the app sets it. */
  evicted: (side: Upstream) => Promise<number> = () => Promise.resolve(0);
  /** Resolves when changes behind Ferry's back are watched for, if they are to be; the app sets it. */
  watched: () => Promise<void> = () => Promise.resolve();
  /** Hazards at the start of the last clean verification, or -1. */
  private cleanAtHazards = -1;

  constructor(private readonly migration: Migration) {}

  get isRunning(): boolean {
    return this.state === 'running';
  }

  /** A clean verification is over, and nothing that could hide a difference came since it began. */
  get vouches(): boolean {
    return this.cleanAtHazards === this.migration.hazards;
  }

  /** It is under way, and copies what differs. */
  get isRepairing(): boolean {
    return this.isRunning && this.repairs;
  }

  get progress(): VerifyProgress {
    return {
      state: this.state,
      compared: this.compared,
      differences: { ...this.counts },
      evicted: this.evictedKeys,
      uncompared: this.uncompared.length,
      clean: this.clean,
      finishedAt: this.finishedAt,
    };
  }

  differences(): readonly VerifyDifference[] {
    return this.found;
  }

  /** Both sides' roles or contents changed, or were found to differ: an earlier verification says nothing. */
  forget(): void {
    this.cleanAtHazards = -1;
  }

  /** One at a time. One that runs already goes on as it began, with repair or without. */
  start(repair: boolean): void {
    if (this.state === 'running') return;
    const run = ++this.run;
    this.state = 'running';
    this.repairs = repair;
    this.compared = 0;
    this.evictedKeys = 0;
    this.uncompared = [];
    this.counts = zeroCounts();
    this.clean = null;
    this.found = [];
    this.work(run, repair).catch((error: Error) => {
      if (run !== this.run) return;
      this.state = error instanceof Stopped ? 'idle' : 'failed';
      if (this.state === 'failed') this.migration.log.error({ reason: error.message }, 'the verification failed');
    });
  }

  stop(): void {
    if (this.state !== 'running') return;
    this.run++;
    this.state = 'idle';
  }

  private async work(run: number, repair: boolean): Promise<void> {
    const { board, log } = this.migration;
    // a watch that begins now, and what was evicted before, do not void it later
    await Promise.all([this.watched(), this.evicted(board.follower)]);
    const { hazards } = this.migration;
    const { epoch } = board;
    const window = new CopyWindow(64);
    log.info({ repair }, 'verification started');
    const batches = new Concurrency(BATCHES_AT_ONCE);
    for (const db of await databasesToVisit(board)) {
      for await (const batch of scanKeys(board.authority, 'verify', db, '0', BATCH)) {
        const taken = batch.keys.find((key) => board.follower.isTaken(db, key));
        if (taken !== undefined) throw new Error(takenText(board.authority, db, taken, board.follower));
        await batches.run(() => this.compareAll(run, db, batch.keys, repair, window));
      }
      for await (const batch of scanKeys(board.follower, 'verify', db, '0', BATCH)) {
        this.check(run);
        for (const key of batch.own) if (isStale(key)) await window.copy(board.mirror!, db, key);
        await batches.run(async () => {
          const extras = batch.keys.length === 0 ? [] : await missingOnAuthority(board, db, batch.keys);
          if (extras.length > 0) await this.compareAll(run, db, extras, repair, window);
        });
      }
    }
    await batches.settled();
    await window.settled();
    this.check(run);
    await this.compareLater(run, repair, window);
    const total = KINDS.reduce((sum, kind) => sum + this.counts[kind], 0);
    this.clean = total === 0 && this.uncompared.length === 0;
    if (total > 0) this.forget(); // whatever made them differ, nobody noticed it
    this.finishedAt = new Date().toISOString();
    if (hazards === this.migration.hazards && epoch === board.epoch) await this.conclude(hazards, repair);
    const { compared, counts: differences, clean } = this;
    const uncompared = this.uncompared.length;
    log.info({ compared, differences, uncompared, clean }, 'verification done');
    const found = [
      ...(total > 0 || clean ? [clean ? 'nothing differs' : `${total} differ`] : []),
      ...(uncompared > 0 ? [`${uncompared} too big and too busy to be compared`] : []),
    ];
    const result = `${found.join(', ')}${!clean && repair ? ', copied again' : ''}`;
    await this.migration.update({
      history: this.migration.note(`verification: ${this.compared} keys compared, ${result}`),
    });
    this.check(run);
    // only now: who waits for its end finds it on the record
    this.state = 'done';
  }

  /** What a finished verification of both sides proves. */
  private async conclude(hazards: number, repair: boolean): Promise<void> {
    const { board, state } = this.migration;
    if (this.clean === true) {
      this.cleanAtHazards = hazards;
      const areAllThere = state.backfill.state === 'done' && this.evictedKeys === 0;
      if (areAllThere && board.rules.mirrored) board.known.allKnown = true;
    }
    if (this.clean === true || repair) {
      board.targetProven = true;
      await this.migration.update({ targetProven: true, verifiedClean: this.clean === true });
    }
  }

  /** Their slots may be quieter now. They are not held once more. */
  private async compareLater(run: number, repair: boolean, window: CopyWindow): Promise<void> {
    for (const c of this.uncompared.slice()) {
      const difference = await this.quietDifference(c);
      this.check(run);
      if (difference !== 'unknown') {
        this.uncompared.splice(this.uncompared.indexOf(c), 1);
        this.compared++;
        if (difference !== null) await this.differs(c, difference, repair, window);
        continue;
      }
      const { db, key } = c;
      this.migration.log.warn({ db, key: key.toString('latin1') }, 'a key was too big and too busy to be compared');
      if (repair) await window.copy(this.migration.board.mirror!, db, key);
    }
    await window.settled();
    this.check(run);
  }

  private check(run: number): void {
    if (run !== this.run) throw new Stopped('the verification was stopped');
  }

  private async compareAll(
    run: number,
    db: number,
    keys: readonly Buffer[],
    repair: boolean,
    window: CopyWindow,
  ): Promise<void> {
    this.check(run);
    let open: Candidate[] = keys.map((key) => ({ db, key, slot: keySlot(key, 0, key.length) }));
    this.compared += open.length;
    open = await this.compareDumps(open);
    for (let round = 2; round <= ROUNDS && open.length > 0; round++) {
      await sleep(BETWEEN_ROUNDS_MS);
      this.check(run);
      open = await this.compareQuiet(open);
    }
    for (const candidate of open) {
      this.check(run);
      const difference = await this.compareAtLast(run, candidate);
      this.check(run);
      if (difference === null) continue;
      if (difference === 'unknown') {
        this.compared--;
        this.uncompared.push(candidate);
        continue;
      }
      await this.differs(candidate, difference, repair, window);
    }
  }

  private async differs(c: Candidate, difference: Found, repair: boolean, window: CopyWindow): Promise<void> {
    if (await this.isEviction(difference.kind)) {
      this.evictedKeys++;
      return;
    }
    this.record(c, difference);
    if (repair) await window.copy(this.migration.board.mirror!, c.db, c.key);
  }

  /** Round 1. Returns what could not be shown to be equal. */
  private async compareDumps(candidates: Candidate[]): Promise<Candidate[]> {
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
  private async smallEnough(candidates: Candidate[]): Promise<Candidate[]> {
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
  private async compareQuiet(candidates: Candidate[]): Promise<Candidate[]> {
    const found = await Promise.all(candidates.map((c) => this.quietDifference(c)));
    return candidates.filter((_, i) => found[i] !== null);
  }

  /** By type, on job lanes, holding nothing; `unknown` if anything was written to the slot meanwhile. */
  private async quietDifference(c: Candidate): Promise<Found | null | 'unknown'> {
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
  private async compareAtLast(run: number, c: Candidate): Promise<Found | null | 'unknown'> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.compareHeld(c);
      } catch (error) {
        if (error instanceof HeldTooLong) return 'unknown';
        if (!(error instanceof LaneLost) || attempt === HELD_ATTEMPTS) throw error;
      }
      await sleep(HELD_RETRY_MS);
      this.check(run);
    }
  }

  /**
   * How the two sides differ in this key now, null: not at all; `unknown`: it is too big and too busy to be compared.
   * Rejects when they do not answer.
   */
  async differenceIn(db: number, key: Buffer): Promise<DifferenceKind | null | 'unknown'> {
    const candidate = { db, key, slot: keySlot(key, 0, key.length) };
    try {
      return (await this.compareHeld(candidate))?.kind ?? null;
    } catch (error) {
      if (!(error instanceof HeldTooLong)) throw error;
      const difference = await this.quietDifference(candidate);
      return difference === null || difference === 'unknown' ? difference : difference.kind;
    }
  }

  /** The last word: nobody writes to the slot, and the mirror is read behind everything that was written. */
  private async compareHeld(c: Candidate): Promise<Found | null> {
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
  private async compareSteady(c: Candidate, mirror: Caller, time: HoldTime): Promise<Found | null> {
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

  private compare(c: Candidate, mirror: Caller, time: HoldTime | null = null): Promise<Found | null> {
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

  /** The side that lacks the key evicted as many as were found missing, or more. */
  private async isEviction(kind: DifferenceKind): Promise<boolean> {
    if (kind !== 'missing' && kind !== 'extra') return false;
    const { authority, follower, config } = this.migration.board;
    if (config.eviction === 'refuse') return false;
    return (await this.evicted(kind === 'missing' ? follower : authority)) > this.evictedKeys;
  }

  private record(c: Candidate, difference: Found): void {
    this.counts[difference.kind]++;
    if (this.found.length >= KEPT_DIFFERENCES) return;
    const onSource = this.migration.board.authority.side === 'source';
    const { kind, detail } = difference;
    const present =
      kind === 'missing' || kind === 'extra'
        ? { [(kind === 'missing') === onSource ? 'source' : 'target']: detail }
        : { source: detail };
    this.found.push({ db: c.db, key: c.key, kind, ...present });
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

function zeroCounts(): Record<DifferenceKind, number> {
  return { missing: 0, extra: 0, type: 0, value: 0, ttl: 0 };
}
