/** What clients do, by name. Keys are `key:` and twelve digits, as redis-benchmark spells them. */
import type { Workload } from '../harness/redis-benchmark.js';

/** Different keys, so that no server and no proxy has them all in its caches. */
export const KEYS = 100_000;
export const CLIENTS = 50;
export const VALUE_BYTES = 64;

export type Test = 'get' | 'set';

export function workload(test: Test, pipeline: number, changes: Partial<Workload> = {}): Workload {
  const name = `${test.toUpperCase()}, ${pipeline === 1 ? 'no pipeline' : `pipeline ${pipeline}`}`;
  return { name, command: { test }, pipeline, clients: CLIENTS, valueBytes: VALUE_BYTES, keys: KEYS, ...changes };
}
