/**
 * Verification: both sides are enumerated and every key is compared, exactly, while clients go on writing.
 *
 * How one key is compared is said in key-comparison.ts. A key too big to be compared while its slot is held, in a slot
 * that is written all the time, is compared at the end without holding it, and remains `uncompared` if the slot is not
 * quiet then either; then the verification is not clean.
 * The mirror is scanned as well, for keys that the authority does not have. With `repair`, what differs and what
 * remained uncompared is copied.
 *
 * `missing`: the mirror lacks it; `extra`: only the mirror has it. Keys of Ferry's own do not count.
 */
import type { Upstream } from '../lanes/upstream.js';
import type { Difference as Found } from '../mirror/logical/compare.js';
import { isStale } from '../mirror/staged-copy.js';
import { Concurrency } from './concurrency.js';
import { CopyWindow } from './copy-window.js';
import { type Candidate, candidatesOf, type KeyComparison } from './key-comparison.js';
import type { Migration } from './migration.js';
import { scanKeys } from './scan.js';
import { missingOnAuthority } from './sweep.js';
import { databasesToVisit } from './used-databases.js';
import { takenText } from './without-place.js';

const BATCH = 250;
/** Batches compared at once: one with busy keys must not make the others wait. */
const BATCHES_AT_ONCE = 4;
const KEPT_DIFFERENCES = 100_000;

const KINDS = ['missing', 'extra', 'type', 'value', 'ttl'] as const;
export type DifferenceKind = (typeof KINDS)[number];

export interface VerifyDifference {
  readonly db: number;
  readonly key: Buffer;
  readonly kind: DifferenceKind;
  /** what differs, in a few words that name the sides */
  readonly detail: string;
  /** what each side holds, where that can be said by itself */
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

class Stopped extends Error {}

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

  constructor(
    private readonly migration: Migration,
    private readonly comparison: KeyComparison,
  ) {}

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
      const difference = await this.comparison.whenQuiet(c);
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
    const check = (): void => this.check(run);
    check();
    this.compared += keys.length;
    await this.comparison.compareAll(candidatesOf(db, keys), check, async (candidate, difference) => {
      if (difference !== 'unknown') {
        await this.differs(candidate, difference, repair, window);
        return;
      }
      this.compared--;
      this.uncompared.push(candidate);
    });
  }

  private async differs(c: Candidate, difference: Found, repair: boolean, window: CopyWindow): Promise<void> {
    if (await this.isEviction(difference.kind)) {
      this.evictedKeys++;
      return;
    }
    this.record(c, difference);
    if (repair) await window.copy(this.migration.board.mirror!, c.db, c.key);
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
    const { kind, detail, onA, onB } = difference;
    const [source, target] = onSource ? [onA, onB] : [onB, onA];
    this.found.push({ db: c.db, key: c.key, kind, detail, source, target });
  }
}

function zeroCounts(): Record<DifferenceKind, number> {
  return { missing: 0, extra: 0, type: 0, value: 0, ttl: 0 };
}
