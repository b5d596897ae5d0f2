/**
 * The arguments of a command as a Cluster wants them that keeps the command's database behind a prefix: its keys with the
 * prefix in front, the pattern of KEYS and SCAN for those keys only. Pure.
 */
import type { Command } from '../../commands/command.js';
import { findKeys, KeyList } from '../../commands/keys.js';
import type { KeyPrefixes } from '../../topology/key-prefixes.js';
import type { Spans } from '../wire.js';

const keys = new KeyList();

/** Null: they stay as they are. */
export function prefixedArguments(
  prefixes: KeyPrefixes,
  command: Command,
  db: number,
  spans: Spans,
): (Buffer | string)[] | null {
  if (!prefixes.has(db)) return null;
  const { frame, argc, starts, ends } = spans;
  const args: (Buffer | string)[] = Array.from({ length: argc }, (_, i) => frame.subarray(starts[i]!, ends[i]!));
  if (command.name === 'keys') {
    args[1] = prefixes.pattern(db, args[1] as Buffer);
    return args;
  }
  if (command.name === 'scan') return scanArguments(prefixes, db, args as Buffer[]);
  if (command.keyPattern.rule === 'no-keys') return null;
  // what the server will refuse for its arguments may pass as it is
  if (!findKeys(command, frame, argc, starts, ends, keys) || keys.count === 0) return null;
  for (let i = 0; i < keys.count; i++) {
    const at = keys.index[i]!;
    args[at] = prefixes.keyHere(db, args[at] as Buffer);
  }
  return args;
}

/** SCAN cursor [option value …]: each MATCH is for the database's keys, and there is one. */
function scanArguments(prefixes: KeyPrefixes, db: number, args: Buffer[]): (Buffer | string)[] {
  let isMatched = false;
  for (let i = 2; i + 1 < args.length; i += 2) {
    if (args[i]!.toString('latin1').toUpperCase() !== 'MATCH') continue;
    isMatched = true;
    args[i + 1] = prefixes.pattern(db, args[i + 1]!);
  }
  // right behind the cursor, so that an error in the options stays the same
  return isMatched ? args : [...args.slice(0, 2), 'MATCH', prefixes.pattern(db, '*'), ...args.slice(2)];
}
