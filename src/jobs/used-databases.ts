/** Which databases there are to visit, and how many keys they have. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Upstream } from '../lanes/upstream.js';
import type { Switchboard } from '../routing/switchboard.js';

const RETRY_MS = 50;
/** How long a control connection may be away before a job gives up. */
const PATIENCE_MS = 2000;

/**
 * The databases that hold keys on a side, by logical number, with their number of keys (INFO keyspace). Those behind
 * prefixes cannot be counted one by one: if there are keys at all, any of these may have some, and the number of all keys
 * stands with the database that has no prefix.
 */
export async function usedDatabases(side: Upstream): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const info of await side.callEach('INFO', 'keyspace')) {
    for (const [, here, keys] of String(info).matchAll(/^db(\d+):keys=(\d+)/gm)) {
      const db = side.logicalDb(Number(here));
      if (db >= 0) found.set(db, (found.get(db) ?? 0) + Number(keys));
    }
  }
  if (side.prefixes !== null && found.size > 0) for (const db of side.prefixes.dbs) found.set(db, found.get(db) ?? 0);
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
