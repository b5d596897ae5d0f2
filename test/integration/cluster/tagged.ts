/**
 * The lines of the equality test for a Cluster: their keys get one hash tag, so that all of them are in one slot and a
 * single node can be asked the same. Channels keep their names: they are no keys.
 */
import { findKeys, KeyList } from '../../../src/commands/keys.js';
import type { CommandTable } from '../../../src/commands/table.js';
import { encodeCommand } from '../../../src/resp/encode.js';
import { ArgReader } from '../../../src/resp/request.js';

const args = new ArgReader();
const keys = new KeyList();

/** The line's words, with `tag` in front of each key that can be told. */
export function tagged(table: CommandTable, tag: string, line: string): string[] {
  const words = line.split(' ');
  const frame = encodeCommand(words);
  args.read(frame, 0, frame.length);
  const command = table.lookup(args.frame, args.argc, args.starts, args.ends);
  if (command === null || !findKeys(command, args.frame, args.argc, args.starts, args.ends, keys)) return words;
  for (let i = 0; i < keys.count; i++) {
    const at = keys.index[i]!;
    if (words[at] !== undefined && words[at] !== '') words[at] = tag + words[at];
  }
  return words;
}
