/**
 * What one side has and the other has no place for: a Cluster has one database only.
 *
 *   databases   that hold keys and have no prefix there (`db-prefix`). Said all together, with their sizes, because who
 *               is to find them a place wants to know them all at once
 *   keys        of the database without a prefix that begin with one: there they would be another database's
 */
import type { Upstream } from '../lanes/upstream.js';
import type { Blocker } from './migration.js';
import { scanKeys } from './scan.js';
import { usedDatabases } from './used-databases.js';

const COUNT = 1000;

/** Of either side, as one reason against mirroring; null: everything has its place. */
export async function withoutPlace(source: Upstream, target: Upstream): Promise<Blocker | null> {
  return (
    unheldOn(source, await usedDatabases(source), target) ??
    unheldOn(target, await usedDatabases(target), source) ??
    (await takenOn(source, target)) ??
    (await takenOn(target, source))
  );
}

/** `used`: the databases of `side` with their numbers of keys. */
export function unheldOn(side: Upstream, used: ReadonlyMap<number, number>, other: Upstream): Blocker | null {
  const found = [...used].filter(([db]) => !other.holds(db)).sort(([a], [b]) => a - b);
  if (found.length === 0) return null;
  const list = found.map(([db, keys]) => `db${db}: ${keys.toLocaleString('en')} ${keys === 1 ? 'key' : 'keys'}`);
  const prefixes = found.flatMap(([db]) => (db > 0 ? [`${db}=db${db}:`] : []));
  const option = prefixes.length === 0 ? '' : `give them a prefix there (--db-prefix ${prefixes.join(',')}), or `;
  return {
    code: 'database-unusable',
    message: `The ${other.side} is a Cluster, which has only one database (database ${other.logicalDb(0)} here), and the ${side.side} has keys in others: ${list.join(', ')}. Before they can be mirrored, ${option}move these keys or delete them.`,
  };
}

/** Looks for one such key among all of `side`'s. Later ones are refused to clients, and end the backfill. */
async function takenOn(side: Upstream, other: Upstream): Promise<Blocker | null> {
  if (other.prefixes === null || side.prefixes !== null) return null;
  const db = other.logicalDb(0);
  for (const prefixed of other.prefixes.dbs) {
    for await (const { keys } of scanKeys(side, 'check', db, '0', COUNT, other.prefixes.pattern(prefixed, '*'))) {
      const key = keys.find((one) => other.isTaken(db, one));
      if (key !== undefined) return { code: 'database-unusable', message: takenText(side, db, key, other) };
    }
  }
  return null;
}

export function takenText(side: Upstream, db: number, key: Buffer, other: Upstream): string {
  const name = JSON.stringify(key.toString('latin1'));
  return `The key ${name} of database ${db} on the ${side.side} would be taken for one of database ${other.prefixes!.dbOf(key)} on the ${other.side}: choose another prefix (--db-prefix).`;
}
