/**
 * The judge: reads every key of two deployments directly and says how they differ, one line per key. It shares no code
 * with Ferry. Types, values, and deadlines within a second (two sides that agree may have been told relative TTLs).
 *
 * A deployment is what all its wires hold together: one to a standalone server, one to each master of a cluster. A key
 * on a master that does not own its slot is a difference too, whatever the other side has: no client can reach it.
 */
import { difference, type KeyState, MISPLACED, stateOf } from '../write-commands/state.js';
import type { Wire } from './wire.js';

const TTL_TOLERANCE_MS = 1000;

export function differencesBetween(a: Wire, b: Wire): Promise<string[]> {
  return differencesBetweenAll([a], [b]);
}

export async function differencesBetweenAll(a: readonly Wire[], b: readonly Wire[]): Promise<string[]> {
  const lines: string[] = [];
  const [here, there] = await Promise.all([keysOf(a, lines), keysOf(b, lines)]);
  for (const key of new Set([...here.keys(), ...there.keys()])) {
    const why = difference(here.get(key), there.get(key), TTL_TOLERANCE_MS);
    if (why !== '') lines.push(`${key}: ${why}`);
  }
  return lines;
}

async function keysOf(wires: readonly Wire[], lines: string[]): Promise<ReadonlyMap<string, KeyState>> {
  const all = new Map<string, KeyState>();
  for (const { keys } of await Promise.all(wires.map(stateOf))) {
    for (const [key, state] of keys) {
      if (state.type === MISPLACED) lines.push(`${key}: lies on a node that does not own its slot`);
      else all.set(key, state);
    }
  }
  return all;
}
