/**
 * Walks a side's keys over job lanes, batch by batch. https://redis.io/commands/scan
 *
 *   one server       SCAN from a cursor on
 *   several, or one  SCAN of each master; then what was on its way meanwhile is enumerated again, until nothing was: a
 *   that may move    slot that changed owner, a slot that is being moved now (divergence 18), and everything when the one
 *                    server is another one. A slot is asked of its owner first and then of the node it goes to: keys only
 *                    travel in that direction
 *
 * A key may be returned more than once, as by SCAN itself; none that is there from the beginning to the end is missed.
 * Keys have their logical names: of a database behind a prefix the prefix is taken off, and other databases' keys are left
 * out (topology/key-prefixes.ts). So are keys that are not migrated (topology/scope.ts), which are only counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { callLane } from '../lanes/call.js';
import type { Lane } from '../lanes/lane.js';
import type { ServerNode } from '../lanes/server-node.js';
import type { Upstream } from '../lanes/upstream.js';
import { isOwnKey } from '../mirror/own-keys.js';
import { type Reply, ReplyFault } from '../resp/values.js';
import { nodesIn } from '../topology/cluster-views.js';
import { SLOT_COUNT } from '../topology/crc16.js';
import { HOME } from '../topology/slot-map.js';

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
const SLOTS_AT_ONCE = 64;

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

/** What of a side has been on its way since this was made. */
export class Moves {
  private versions: Uint32Array;

  constructor(private readonly side: Upstream) {
    this.versions = side.map.version.slice();
  }

  /** Enumerates it, until nothing was on its way meanwhile. */
  async *scanAgain(purpose: string, db: number, count: number): AsyncGenerator<ScanBatch> {
    const { side } = this;
    if (!side.isRouted) return;
    if (!side.hasSlots) {
      while (side.map.version[HOME] !== this.versions[HOME]) {
        this.versions = side.map.version.slice();
        yield* scanNode(side, side.home, purpose, db, '0', count);
      }
      return;
    }
    let moving = await this.movingNow();
    // asked for in the order of their way: until they have another owner nothing more of them can be missed, whatever
    // ASKs are seen (those of whoever reads the keys that are found here, too)
    const inOrder = new Map<number, number>();
    for (;;) {
      await side.look();
      const versions = side.map.version.slice();
      const slots: number[] = [];
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        const isOnItsWay = versions[slot] !== this.versions[slot] || moving.has(slot);
        if (isOnItsWay && inOrder.get(slot) !== side.map.owner[slot]) slots.push(slot);
      }
      if (slots.length === 0) return;
      this.versions = versions;
      for (const slot of slots) if (moving.has(slot)) inOrder.set(slot, side.map.owner[slot]!);
      for (let i = 0; i < slots.length; i += SLOTS_AT_ONCE) {
        yield* this.scanSlots(slots.slice(i, i + SLOTS_AT_ONCE), moving, purpose, db);
      }
      // others may have begun to move before they were asked for
      moving = await this.movingNow();
    }
  }

  private async *scanSlots(
    slots: readonly number[],
    moving: ReadonlyMap<number, readonly ServerNode[]>,
    purpose: string,
    db: number,
  ): AsyncGenerator<ScanBatch> {
    const { side } = this;
    const byNode = new Map<ServerNode, number[]>();
    for (const slot of slots) {
      const owner = side.nodeOf(slot);
      byNode.set(owner, [...(byNode.get(owner) ?? []), slot]);
    }
    for (const [node, own] of byNode) yield* this.keysInSlots(node, own, purpose, db);
    for (const slot of slots) {
      const owner = side.nodeOf(slot);
      for (const node of moving.get(slot) ?? []) if (node !== owner) yield* this.keysInSlots(node, [slot], purpose, db);
    }
  }

  private async *keysInSlots(
    node: ServerNode,
    slots: readonly number[],
    purpose: string,
    db: number,
  ): AsyncGenerator<ScanBatch> {
    const { side } = this;
    const name = side.wireName('CLUSTER');
    for (;;) {
      try {
        const lane = side.nodeLane(node, purpose, db);
        const counts = await callLane(
          lane,
          slots.map((slot) => [name, 'COUNTKEYSINSLOT', slot]),
        );
        // more than there are: some may come while this is asked
        const replies = await callLane(
          lane,
          slots.map((slot, i) => [name, 'GETKEYSINSLOT', slot, 2 * Number(counts[i]) + 1000]),
        );
        const fault = replies.find((reply) => reply instanceof ReplyFault);
        if (fault !== undefined) throw fault;
        for (const keys of replies as Buffer[][]) if (keys.length > 0) yield batchOf(side, db, keys, '0');
        return;
      } catch (error) {
        if (error instanceof ReplyFault) throw new Error(`GETKEYSINSLOT on the ${side.side}: ${error.message}`);
        await sleep(RETRY_MS);
        if (!side.masters.includes(node)) return;
      }
    }
  }

  /** The slots that the masters say are on their way, and the nodes that say so. */
  private async movingNow(): Promise<Map<number, ServerNode[]>> {
    const { side } = this;
    const found = new Map<number, ServerNode[]>();
    for (const node of side.masters) {
      let text: string;
      try {
        text = String(await node.call('CLUSTER', 'NODES'));
      } catch {
        continue; // away: if another one takes its place its slots change their owner
      }
      for (const { moving } of nodesIn(text, node.address)) {
        for (const slot of moving) found.set(slot, [...(found.get(slot) ?? []), node]);
      }
    }
    return found;
  }
}
