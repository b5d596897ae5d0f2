/**
 * The judge: reads every key of two servers directly and says how they differ, one line per key. It shares no code
 * with Ferry. Types, values, and deadlines within a second (two sides that agree may have been told relative TTLs).
 */
import { difference, stateOf } from '../write-commands/state.js';
import type { Wire } from './wire.js';

const TTL_TOLERANCE_MS = 1000;

export async function differencesBetween(a: Wire, b: Wire): Promise<string[]> {
  const [here, there] = await Promise.all([stateOf(a), stateOf(b)]);
  const lines: string[] = [];
  for (const key of new Set([...here.keys.keys(), ...there.keys.keys()])) {
    const why = difference(here.keys.get(key), there.keys.get(key), TTL_TOLERANCE_MS);
    if (why !== '') lines.push(`${key}: ${why}`);
  }
  return lines;
}
