/** Which deriver a command has: by name, from the five tables of this folder. */
import type { Command } from '../../commands/table.js';
import type { Deriver } from '../derivation.js';
import { BLOCKING_DERIVERS } from './blocking.js';
import { HASH_DERIVERS } from './hashes.js';
import { KEY_DERIVERS } from './keys.js';
import { STREAM_DERIVERS } from './streams.js';
import { STRING_DERIVERS } from './strings.js';

const DERIVERS = new Map<string, Deriver>(
  Object.entries({ ...STRING_DERIVERS, ...KEY_DERIVERS, ...HASH_DERIVERS, ...STREAM_DERIVERS, ...BLOCKING_DERIVERS }),
);

const copyKeys: Deriver = (d) => d.copyKeys();

/** The deriver of a command of class time or outcome; a command without one is copied. */
export function deriverOf(command: Command): Deriver {
  return DERIVERS.get(command.name) ?? copyKeys;
}
