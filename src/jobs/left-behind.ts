/**
 * What a forced rollback could not bring back: the keys whose last writes the new authority may lack, because the old one
 * is dead and cannot be asked.
 *
 * They are those that were dirty when the authority changed: writes that the dead server may have executed and never
 * answered, and writes that it did answer and the other side did not take. All of them are named, in a file in the state
 * directory (one JSON document per line, `{"db", "key"}`, or `{"slot"}` where only the slot is known; keys that are not
 * UTF-8 as `{"base64"}`), since they can be too many for a message.
 */
import { isUtf8 } from 'node:buffer';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DirtyKeys } from '../ledger/dirty.js';
import { SLOTS } from '../ledger/slots.js';

const SHOWN = 10;

export interface LeftBehind {
  readonly keys: readonly { readonly db: number; readonly key: Buffer }[];
  readonly slots: readonly number[];
}

export function leftBehind(dirty: DirtyKeys): LeftBehind {
  const slots: number[] = [];
  if (dirty.dirtySlots > 0) for (let s = 0; s < SLOTS; s++) if (dirty.slotGeneration[s] !== 0) slots.push(s);
  return { keys: [...dirty.entries()].map(({ db, key }) => ({ db, key })), slots };
}

/** Writes the file. Resolves to a sentence for who forced it. */
export async function report(left: LeftBehind, stateDir: string, epoch: number): Promise<string> {
  if (left.keys.length + left.slots.length === 0) return 'Every write that was acknowledged is there.';
  const path = join(stateDir, `left-behind-${epoch}.ndjson`);
  const lines = [...left.keys.map(({ db, key }) => ({ db, key: named(key) })), ...left.slots.map((slot) => ({ slot }))];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const where = await writeFile(path, text, { mode: 0o600 }).then(
    () => `${path} names all of them`,
    ({ code }: NodeJS.ErrnoException) => `${path}, which would name all of them, cannot be written (${code})`,
  );
  const shown = left.keys.slice(0, SHOWN).map(({ key }) => key.toString());
  const more = left.keys.length > SHOWN ? ', …' : '';
  const keys = left.keys.length === 0 ? '' : `${left.keys.length} keys (${shown.join(', ')}${more})`;
  const slots = left.slots.length === 0 ? '' : `the keys of ${left.slots.length} slots`;
  return `${[keys, slots].filter((text) => text !== '').join(' and ')} may lack their last writes: ${where}.`;
}

function named(key: Buffer): string | { base64: string } {
  return isUtf8(key) ? key.toString() : { base64: key.toString('base64') };
}
