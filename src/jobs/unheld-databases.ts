/**
 * Databases that hold keys on one side and have no place on the other: a Cluster has one database only. Said all together,
 * with their sizes, because who is to find them a place wants to know them all at once.
 */
import type { Upstream } from '../lanes/upstream.js';
import type { Blocker } from './migration.js';
import { usedDatabases } from './used-databases.js';

/** Of either side, as one reason against mirroring; null: each has its place. */
export async function unheldDatabases(source: Upstream, target: Upstream): Promise<Blocker | null> {
  return unheldOn(source, await usedDatabases(source), target) ?? unheldOn(target, await usedDatabases(target), source);
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
