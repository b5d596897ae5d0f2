/**
 * Walks a side's keys over job lanes, batch by batch. https://redis.io/commands/scan
 *
 *   one server       SCAN from a cursor on
 *   several, or one  SCAN of each master; then what was on its way meanwhile is enumerated again, until nothing was: a
 *   that may move    slot that changed owner, a slot that is being moved now (divergence 18), a master that has taken
 *                    something over (a slot may have been away and back), and everything when the one server is another
 *                    one. A slot is asked of its owner first and then of the node it goes to: keys only travel in that
 *                    direction
 *
 * A key may be returned more than once, as by SCAN itself; none that is there from the beginning to the end is missed.
 * Keys have their logical names: of a database behind a prefix the prefix is taken off, and other databases' keys are left
 * out (topology/key-prefixes.ts). So are keys that are not migrated (topology/scope.ts), which are only counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { callLane } from '../lanes/call.js';
import { type MovingSlots, NOTHING_MOVES } from '../lanes/discovery/discovery.js';
import type { Lane } from '../lanes/lane.js';
import type { ServerNode } from '../lanes/server-node.js';
import type { Upstream } from '../lanes/upstream.js';
import { isOwnKey } from '../mirror/own-keys.js';
import { type Reply, ReplyFault } from '../resp/values.js';
import { SLOT_COUNT } from '../topology/crc16.js';
import { HOME, NOBODY } from '../topology/slot-map.js';

export interface ScanBatch {
  readonly keys: Buffer[];
  /** Keys of Ferry's own among them. */
  readonly own: Buffer[];
  /** How many keys of clients there were beside them that are not migrated. */
  readonly leftOut: number;
  /** Where to go on after this batch; '0' when it was the last, or there is no such place. */
  readonly cursor: string;
}

const RETRY_MS = 50;
/** What is read at once, of slots that may have moved. */
const BATCH_KEYS = 10_000;

/**
 * Every key of a side. `cursor`: where to begin, if the side is one server. `match`: as of SCAN, to be sent less; what was
 * on its way comes whole.
 */
export async function* scanKeys(
  side: Upstream,
  purpose: string,
  db: number,
  cursor: string,
  count: number,
  match: Buffer | null = null,
): AsyncGenerator<ScanBatch> {
  if (!side.isRouted) {
    yield* scanNode(side, side.home, purpose, db, cursor, count, match);
    return;
  }
  const moves = new Moves(side);
  for (const node of side.masters) yield* scanNode(side, node, purpose, db, '0', count, match);
  yield* moves.scanAgain(purpose, db, count);
}

/**
 * The keys of one server. A lost connection is waited out and the batch asked again (the server's cursor has no state);
 * after a restart of the server the caller must begin anew, which it learns from the run id. Ends early when the node
 * serves nothing any more.
 */
export async function* scanNode(
  side: Upstream,
  node: ServerNode,
  purpose: string,
  db: number,
  cursor: string,
  count: number,
  match: Buffer | null = null,
): AsyncGenerator<ScanBatch> {
  let at = cursor;
  const pattern = match ?? (side.prefixes?.has(db) === true ? side.prefixes.pattern(db, '*') : null);
  const which = pattern === null ? [] : ['MATCH', pattern];
  const ask = (): Promise<Reply[]> => {
    const asked = callLane(laneTo(side, node, purpose, db), [[side.wireName('SCAN'), at, ...which, 'COUNT', count]]);
    asked.catch(() => {}); // heard when it is this one's turn, which may never be
    return asked;
  };
  for (let asked = ask(); ; ) {
    let reply: Reply | undefined;
    try {
      [reply] = await asked;
    } catch {
      await sleep(RETRY_MS);
      if (!side.masters.includes(node)) return;
      asked = ask();
      continue;
    }
    if (reply instanceof ReplyFault && isNotServing(reply)) {
      await sleep(RETRY_MS);
      if (!side.masters.includes(node)) return;
      asked = ask();
      continue;
    }
    if (reply instanceof ReplyFault) throw new Error(`SCAN on the ${side.side}: ${reply.message}`);
    const [next, keys] = reply as [Buffer, Buffer[]];
    at = next.toString('latin1');
    const isLast = at === '0';
    // the next batch comes while this one is worked on
    if (!isLast) asked = ask();
    yield batchOf(side, db, keys, at);
    if (isLast) return;
  }
}

/** The server is there and will answer later: it starts, or follows another one that it has not got the data of. */
function isNotServing(fault: ReplyFault): boolean {
  return /^(LOADING|MASTERDOWN) /.test(fault.message);
}

function laneTo(side: Upstream, node: ServerNode, purpose: string, db: number): Lane {
  return side.isRouted ? side.nodeLane(node, purpose, db) : (side.jobLane(purpose, db) as Lane);
}

function batchOf(side: Upstream, db: number, here: Buffer[], cursor: string): ScanBatch {
  const named =
    side.prefixes === null
      ? here
      : here.map((key) => side.logicalKey(db, key)).filter((key): key is Buffer => key !== null);
  const { scope } = side;
  const clients = named.filter((key) => !isOwnKey(key));
  const keys = scope === null ? clients : clients.filter((key) => scope.has(db, key));
  return { keys, own: named.filter(isOwnKey), leftOut: clients.length - keys.length, cursor };
}

/** Who served what at one moment, and what was on its way then. */
interface Seen {
  readonly owner: Int16Array;
  readonly version: Uint32Array;
  readonly configEpochs: ReadonlyMap<number, number>;
  readonly moving: MovingSlots;
}

function hasTaker({ owner, moving }: Seen, slot: number): boolean {
  return moving.get(slot)?.some(({ index }) => index !== owner[slot]) === true;
}

/** In their order, so that no more than a batch of keys lies in several slots. */
function* batchesOf(slots: readonly number[], counts: readonly number[]): Generator<number[]> {
  let batch: number[] = [];
  let keys = 0;
  for (const [i, slot] of slots.entries()) {
    const count = counts[i]!;
    if (batch.length > 0 && keys + count > BATCH_KEYS) {
      yield batch;
      batch = [];
      keys = 0;
    }
    batch.push(slot);
    keys += count;
  }
  yield batch;
}

/** What of a side has been on its way since this was made. */
export class Moves {
  private readonly first: Seen;

  constructor(private readonly side: Upstream) {
    this.first = this.seenNow(NOTHING_MOVES);
  }

  /** Enumerates it, until it was enumerated while it stayed where it was. */
  async *scanAgain(purpose: string, db: number, count: number): AsyncGenerator<ScanBatch> {
    const { side } = this;
    if (!side.isRouted) return;
    if (!side.hasSlots) {
      let version = this.first.version[HOME];
      while (side.map.version[HOME] !== version) {
        version = side.map.version[HOME];
        yield* scanNode(side, side.home, purpose, db, '0', count);
      }
      return;
    }
    const now = await this.look();
    const doubted = (slot: number): boolean => !this.stayed(slot, this.first, now);
    for (let slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter(doubted); slots.length > 0; ) {
      const again: number[] = [];
      for await (const batch of this.batches(slots, purpose, db)) {
        // read at once, so that little moves meanwhile, however long it takes to deal with the keys
        const before = await this.look();
        const found: Buffer[][] = [];
        const isWhole = await this.readKeys(batch, before.moving, purpose, db, found);
        const after = await this.look();
        for (const slot of batch) if (!isWhole || !this.stayed(slot, before, after)) again.push(slot);
        for (const keys of found) yield batchOf(side, db, keys, '0');
      }
      slots = again;
    }
  }

  /**
   * Was a slot enumerated whole between two moments, its owner first and then the node that it was on its way to?
   *
   *   another owner              no
   *   nobody's                   yes: there is no node to have keys of it (a Cluster that need not cover all slots)
   *   the owner took over slots  who does so gets the greatest config epoch, if it has not got it: so one that gave a slot
   *                              away and took it back has another one than before, and who knows which slot that was
   *   on its way before          yes, if the node that it goes to was known
   *   begun meanwhile            no
   *
   * https://redis.io/docs/reference/cluster-spec https://redis.io/commands/cluster-setslot
   */
  private stayed(slot: number, before: Seen, after: Seen): boolean {
    const owner = after.owner[slot]!;
    if (before.owner[slot] !== owner) return false;
    if (owner === NOBODY) return true;
    const configEpoch = before.configEpochs.get(owner);
    if (configEpoch === undefined || configEpoch !== after.configEpochs.get(owner)) return false;
    if (!before.moving.has(slot)) return before.version[slot] === after.version[slot] && !after.moving.has(slot);
    // a slot that nobody is ready to take (what is left of a move that was given up) goes nowhere
    return hasTaker(before, slot) || !hasTaker(after, slot);
  }

  /** Waits for a master that is away: until it is back, or another one has its slots. */
  private async look(): Promise<Seen> {
    for (;;) {
      const moving = await this.side.look();
      if (moving !== null) return this.seenNow(moving);
      await sleep(RETRY_MS);
    }
  }

  private seenNow(moving: MovingSlots): Seen {
    const { map, configEpochs } = this.side;
    return { owner: map.owner.slice(), version: map.version.slice(), configEpochs, moving };
  }

  /** The slots in parts that hold not too many keys, those of one owner together. */
  private async *batches(slots: readonly number[], purpose: string, db: number): AsyncGenerator<number[]> {
    for (let left = slots; left.length > 0; ) {
      const uncounted: number[] = [];
      for (const [node, own] of this.byOwner(left)) {
        const counts = await this.ask(node, own, (slot) => ['COUNTKEYSINSLOT', slot], purpose, db);
        if (counts === null) uncounted.push(...own);
        else yield* batchesOf(own, counts.map(Number));
      }
      left = uncounted; // another node has them now, or will
    }
  }

  private byOwner(slots: readonly number[]): Map<ServerNode, number[]> {
    const found = new Map<ServerNode, number[]>();
    for (const slot of slots) {
      const owner = this.side.nodeOf(slot);
      const own = found.get(owner);
      if (own === undefined) found.set(owner, [slot]);
      else own.push(slot);
    }
    return found;
  }

  /** False: a node serves nothing any more. */
  private async readKeys(
    slots: readonly number[],
    moving: MovingSlots,
    purpose: string,
    db: number,
    into: Buffer[][],
  ): Promise<boolean> {
    for (const [node, own] of this.byOwner(slots)) {
      if (!(await this.keysOn(node, own, purpose, db, into))) return false;
    }
    for (const slot of slots) {
      const owner = this.side.nodeOf(slot);
      for (const node of moving.get(slot) ?? []) {
        if (node !== owner && !(await this.keysOn(node, [slot], purpose, db, into))) return false;
      }
    }
    return true;
  }

  private async keysOn(
    node: ServerNode,
    slots: readonly number[],
    purpose: string,
    db: number,
    into: Buffer[][],
  ): Promise<boolean> {
    for (let left = slots; left.length > 0; ) {
      const counts = await this.ask(node, left, (slot) => ['COUNTKEYSINSLOT', slot], purpose, db);
      if (counts === null) return false;
      // more than there are: some may come while this is asked
      const most = new Map(left.map((slot, i) => [slot, 2 * Number(counts[i]) + 1000]));
      const replies = await this.ask(node, left, (slot) => ['GETKEYSINSLOT', slot, most.get(slot)!], purpose, db);
      if (replies === null) return false;
      for (const keys of replies as Buffer[][]) if (keys.length > 0) into.push(keys);
      left = left.filter((slot, i) => (replies[i] as Buffer[]).length >= most.get(slot)!);
    }
    return true;
  }

  /** One CLUSTER question for each slot. Null when the node serves nothing any more. */
  private async ask(
    node: ServerNode,
    slots: readonly number[],
    question: (slot: number) => readonly (string | number)[],
    purpose: string,
    db: number,
  ): Promise<Reply[] | null> {
    const { side } = this;
    const name = side.wireName('CLUSTER');
    for (;;) {
      try {
        const lane = side.nodeLane(node, purpose, db);
        const replies = await callLane(
          lane,
          slots.map((slot) => [name, ...question(slot)]),
        );
        const fault = replies.find((reply) => reply instanceof ReplyFault);
        if (fault !== undefined) throw fault;
        return replies;
      } catch (error) {
        if (error instanceof ReplyFault && !isNotServing(error)) {
          throw new Error(`CLUSTER on the ${side.side}: ${error.message}`);
        }
        await sleep(RETRY_MS);
        if (!side.masters.includes(node)) return null;
      }
    }
  }
}
