/** Walks a database's keys by SCAN over a job lane, batch by batch. https://redis.io/commands/scan */
import { setTimeout as sleep } from 'node:timers/promises';
import { callLane } from '../lanes/call.js';
import type { Upstream } from '../lanes/upstream.js';
import { isOwnKey } from '../mirror/own-keys.js';
import { ReplyFault } from '../resp/values.js';
import type { Switchboard } from '../routing/switchboard.js';

export interface ScanBatch {
  readonly keys: Buffer[];
  /** Keys of Ferry's own among them. */
  readonly own: Buffer[];
  /** Where to go on after this batch; '0' when it was the last. */
  readonly cursor: string;
}

const RETRY_MS = 50;
/** How long a control connection may be away before a job gives up. */
const PATIENCE_MS = 2000;

/**
 * Yields the batches from `cursor` on. A lost connection is waited out and the batch asked again (the server's cursor
 * has no state); after a restart of the server the caller must begin anew, which it learns from the run id.
 */
export async function* scanKeys(
  side: Upstream,
  purpose: string,
  db: number,
  cursor: string,
  count: number,
): AsyncGenerator<ScanBatch> {
  let at = cursor;
  do {
    let reply: unknown;
    try {
      [reply] = await callLane(side.jobLane(purpose, db), [[side.wireName('SCAN'), at, 'COUNT', count]]);
    } catch {
      await sleep(RETRY_MS);
      continue;
    }
    if (reply instanceof ReplyFault) throw new Error(`SCAN on the ${side.side}: ${reply.message}`);
    const [next, keys] = reply as [Buffer, Buffer[]];
    at = next.toString('latin1');
    yield { keys: keys.filter((key) => !isOwnKey(key)), own: keys.filter(isOwnKey), cursor: at };
  } while (at !== '0');
}

/** The databases that hold keys on a side, by logical number, with their number of keys (INFO keyspace). */
export async function usedDatabases(side: Upstream): Promise<Map<number, number>> {
  const info = String(await side.call('INFO', 'keyspace'));
  const found = new Map<number, number>();
  for (const [, here, keys] of info.matchAll(/^db(\d+):keys=(\d+)/gm)) {
    const db = side.logicalDb(Number(here));
    if (db >= 0) found.set(db, Number(keys));
  }
  return found;
}

/**
 * Every database that a job must visit, in order: those that clients use, and those that either side has keys in,
 * whoever put them there. Each is proven and usable on the mirror's connection. Throws when one cannot be, or a side
 * stays away.
 */
export async function databasesToVisit(board: Switchboard): Promise<number[]> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await provenDatabases(board);
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function provenDatabases(board: Switchboard): Promise<number[]> {
  for (const side of [board.authority, board.follower]) {
    for (const db of (await usedDatabases(side)).keys()) {
      if (board.databases.used.has(db)) continue;
      await board.databases.prove(db);
      await board.mirror?.lane.selectProven(db);
    }
  }
  return [...board.databases.used].sort((a, b) => a - b);
}
