/**
 * Differences as NDJSON: one object per line, keys that are not UTF-8 as `{"base64": "…"}`.
 */
import { isUtf8 } from 'node:buffer';
import type { Difference } from './control.js';

export async function* differenceLines(
  differences: Iterable<Difference> | AsyncIterable<Difference>,
): AsyncGenerator<string> {
  for await (const { db, key, kind, detail, source, target } of differences) {
    yield `${JSON.stringify({ db, key: keyAsJson(key), kind, detail, source, target })}\n`;
  }
}

export function keyAsJson(key: Buffer): string | { base64: string } {
  return isUtf8(key) ? key.toString() : { base64: key.toString('base64') };
}
