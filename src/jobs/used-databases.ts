/** Which databases there are to visit, and how many keys they have. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRefusal } from '../lanes/rights-probe.js';
import type { Upstream } from '../lanes/upstream.js';
import type { Switchboard } from '../routing/switchboard.js';

const RETRY_MS = 50;
/** Where nobody says how many databases a server has, no more are asked for than this. */
const DATABASES_MAX = 1024;
/** How long a control connection may be away before a job gives up. */
const PATIENCE_MS = 2000;

/**
 * The databases that are migrated and hold keys on a side, by logical number, with their number of keys (INFO keyspace),
 * those among them that are left out (topology/scope.ts) included. Those behind
 * prefixes cannot be counted one by one: if there are keys at all, any of these may have some, and the number of all keys
 * stands with the database that has no prefix.
 */
export async function usedDatabases(side: Upstream): Promise<Map<number, number>> {
  const found = await allDatabases(side);
  for (const db of found.keys()) if (side.scope?.hasDb(db) === false) found.delete(db);
  return found;
}

/** How many keys a side has in the databases that are migrated. */
export async function keysOf(side: Upstream): Promise<number> {
  return [...(await usedDatabases(side)).values()].reduce((sum, keys) => sum + keys, 0);
}

/** How many keys there are in databases that are not migrated. */
export async function keysInOtherDatabases(side: Upstream): Promise<number> {
  const { scope } = side;
  if (scope === null) return 0;
  const left = [...(await allDatabases(side))].filter(([db]) => !scope.hasDb(db));
  return left.reduce((sum, [, keys]) => sum + keys, 0);
}

async function allDatabases(side: Upstream): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const [here, keys] of await keyspaceOf(side)) {
    const db = side.logicalDb(here);
    if (db >= 0) found.set(db, (found.get(db) ?? 0) + keys);
  }
  // Ferry's own key is none of the data
  const own = found.get(side.ownKeysIn);
  if (own !== undefined && own > 1) found.set(side.ownKeysIn, own - 1);
  else found.delete(side.ownKeysIn);
  if (side.prefixes !== null && found.size > 0) for (const db of side.prefixes.dbs) found.set(db, found.get(db) ?? 0);
  return found;
}

/** The side's own numbers of its databases that hold keys, each with how many a server has of them. */
async function keyspaceOf(side: Upstream): Promise<[here: number, keys: number][]> {
  try {
    const infos = await side.callEach('INFO', 'keyspace');
    const lines = infos.flatMap((info) => [...String(info).matchAll(/^db(\d+):keys=(\d+)/gm)]);
    return lines.map(([, here, keys]) => [Number(here), Number(keys)]);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  if (!side.hasSlots) return countedOneByOne(side);
  const sizes = (await side.callEach('DBSIZE')).map(Number);
  return sizes.filter((keys) => keys > 0).map((keys) => [0, keys]);
}

/** INFO is refused: SELECT and DBSIZE of each number, until there is no such database. */
async function countedOneByOne(side: Upstream): Promise<[here: number, keys: number][]> {
  const counted: [number, number][] = [];
  for (let here = 0; here < DATABASES_MAX; here++) {
    const db = side.logicalDb(here);
    if (db < 0) continue;
    try {
      const keys = Number((await side.callIn(db, [['DBSIZE']]))[0]);
      if (keys > 0) counted.push([here, keys]);
    } catch (error) {
      if (/out of range|invalid DB index/i.test((error as Error).message)) break;
      throw error;
    }
  }
  return counted;
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
  return [...board.databases.used].filter((db) => board.databases.isMigrated(db)).sort((a, b) => a - b);
}
