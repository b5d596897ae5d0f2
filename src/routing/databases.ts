/**
 * The databases in use, each proven to be a database of its own on both sides before anything of it is mirrored.
 *
 * Some services accept SELECT and ignore it. So a probe key is set in the new database, must be seen there and must
 * not be seen in one that is already in use; then it is deleted. Throws a sentence that says what is wrong.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Upstream } from '../lanes/upstream.js';
import { PROBE_PREFIX } from '../mirror/own-keys.js';
import type { Scope } from '../topology/scope.js';

const PROBE_TTL_MS = 10_000;
/** How long a client waits for what the side that follows does not answer. */
const PATIENCE_MS = 200;
const UNWELL =
  /OOM|READONLY|LOADING|MISCONF|BUSY|MASTERDOWN|NOREPLICAS|NOAUTH|WRONGPASS|max number of clients|not reachable/;

interface ProvingLane {
  selectProven(db: number): Promise<void>;
}

export class Databases {
  /** Proven ones, in order of their first use; logical numbers (the source's). */
  readonly used = new Set<number>();
  /**
   * Those that clients began to use while the side that follows was away. Nothing of them is mirrored or read there,
   * and what is written becomes dirty, until the repair has proven them.
   */
  readonly awaited = new Set<number>();
  private proving = new Map<number, Promise<void>>();

  /** `scope`: what is migrated, null: everything. The others need no proof: nothing of them goes to the mirror. */
  constructor(
    private readonly sides: readonly Upstream[],
    home: number,
    private readonly scope: Scope | null = null,
  ) {
    this.used.add(home);
  }

  /** Why a side can never have that database, in a sentence; null when nothing is against it. */
  refusalOf(db: number): string | null {
    const side = this.sides.find((one) => !one.holds(db));
    if (side === undefined) return null;
    return `database ${db} cannot be used on the ${side.side}: a Cluster has only one, which is database ${side.logicalDb(0)} here (--db-prefix gives the keys of others a place in it)`;
  }

  isMigrated(db: number): boolean {
    return this.scope === null || this.scope.hasDb(db);
  }

  /** A client may use it now: it is proven, waits for its proof, or needs none. */
  isAdmitted(db: number): boolean {
    return this.used.has(db) || this.awaited.has(db) || !this.isMigrated(db);
  }

  /** Resolves when `db` may be mirrored. One proof at a time per database. */
  prove(db: number): Promise<void> {
    if (this.used.has(db) || !this.isMigrated(db)) return Promise.resolve();
    let proof = this.proving.get(db);
    if (proof === undefined) {
      proof = this.proveOn(db).finally(() => this.proving.delete(db));
      this.proving.set(db, proof);
    }
    return proof;
  }

  /** As `prove`, for a client: that the follower is away, or does not answer, must not keep it from working. */
  async admit(db: number, follower: Upstream): Promise<void> {
    try {
      if (await inTime(this.prove(db))) return;
    } catch (error) {
      const isTransient = follower.state !== 'up' || isUnwell((error as Error).message, follower);
      if (!isTransient || this.refusalOf(db) !== null) throw error;
    }
    if (!this.isAdmitted(db)) this.awaited.add(db);
  }

  /** Until the mirror's connection has selected it, for a moment at most: what it cannot take becomes dirty. */
  async isUsable(db: number, mirror: ProvingLane | undefined): Promise<void> {
    if (mirror !== undefined && this.used.has(db)) await inTime(mirror.selectProven(db));
  }

  private async proveOn(db: number): Promise<void> {
    const refusal = this.refusalOf(db);
    if (refusal !== null) throw new Error(refusal);
    const [other] = this.used;
    // a Cluster has one database, and no SELECT that could be ignored
    for (const side of this.sides) if (!side.hasSlots) await proveDistinct(side, db, other ?? 0);
    this.used.add(db);
    this.awaited.delete(db);
  }
}

/** False when it takes longer than a client should wait for a side that is not the authority. */
async function inTime(promise: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(PATIENCE_MS, false, { signal: over.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    over.abort();
  }
}

/** The follower says that it cannot now, which says nothing about the database. */
function isUnwell(message: string, follower: Upstream): boolean {
  return message.includes(`on the ${follower.side}: `) && UNWELL.test(message);
}

async function proveDistinct(side: Upstream, db: number, other: number): Promise<void> {
  if (side.dbHere(db) === side.dbHere(other)) {
    throw new Error(`databases ${db} and ${other} would be the same one on the ${side.side}`);
  }
  const key = PROBE_PREFIX + randomBytes(8).toString('hex');
  let here: unknown[];
  let there: unknown[];
  try {
    here = await side.callIn(db, [
      ['SET', key, '1', 'PX', PROBE_TTL_MS],
      ['EXISTS', key],
    ]);
    there = await side.callIn(other, [['EXISTS', key]]);
    await side.callIn(db, [['DEL', key]]);
  } catch (error) {
    throw new Error(`database ${db} cannot be used on the ${side.side}: ${(error as Error).message}`);
  }
  if (Number(here[1]) !== 1 || Number(there[0]) !== 0) {
    throw new Error(`the ${side.side} does not keep database ${db} apart from ${other} (it ignores SELECT)`);
  }
}
