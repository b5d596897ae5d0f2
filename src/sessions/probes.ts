/** Reads sent right behind a write, for what its own reply does not tell (mirror/derivers/streams.ts, hashes.ts). */
import type { Command, CommandTable } from '../commands/table.js';
import type { Upstream } from '../lanes/upstream.js';
import { hashProbes } from '../mirror/derivers/hashes.js';
import { streamProbes } from '../mirror/derivers/streams.js';
import { encodeCommand } from '../resp/encode.js';
import type { Spans } from './wire.js';

/** May it need any? `table`: the authority's commands. */
export function mayNeedProbes({ name, keyPattern }: Command, table: CommandTable): boolean {
  if (name === 'hincrbyfloat') return table.byName('hpexpiretime')?.exists === true;
  return keyPattern.rule === 'streams' || name === 'xadd' || name === 'xtrim';
}

/** The probes as multibulk bytes for the side that answers, null when the command needs none. */
export function probesOf(side: Upstream, command: Command, db: number, spans: Spans): Buffer[] | null {
  const { frame, argc, starts, ends } = spans;
  const value = (i: number): Buffer => frame.subarray(starts[i]!, ends[i]!);
  const arg = (i: number): Buffer => side.keyHere(db, value(i));
  const option = (i: number): string => value(i).toString('latin1').toUpperCase();
  const words = [...streamProbes(command.name, { argc, arg, option }), ...hashProbes(command.name, { arg, value })];
  return words.length === 0 ? null : words.map((probe) => encodeCommand(probe));
}
