/** Reads sent right behind a stream's write, for what its own reply does not tell (mirror/derivers/streams.ts). */
import type { Command } from '../commands/table.js';
import { streamProbes } from '../mirror/derivers/streams.js';
import { encodeCommand } from '../resp/encode.js';
import type { Spans } from './wire.js';

/** The probes as multibulk bytes, null when the command needs none. */
export function streamProbesOf(command: Command, { frame, argc, starts, ends }: Spans): Buffer[] | null {
  const arg = (i: number): Buffer => frame.subarray(starts[i]!, ends[i]!);
  const probes = streamProbes(command.name, { argc, arg, option: (i) => arg(i).toString('latin1').toUpperCase() });
  return probes.length === 0 ? null : probes.map((words) => encodeCommand(words));
}
