/** Reads sent right behind a stream's write, for what its own reply does not tell (mirror/derivers/streams.ts). */
import type { Command } from '../commands/table.js';
import type { Upstream } from '../lanes/upstream.js';
import { streamProbes } from '../mirror/derivers/streams.js';
import { encodeCommand } from '../resp/encode.js';
import type { Spans } from './wire.js';

/** The probes as multibulk bytes for the side that answers, null when the command needs none. */
export function streamProbesOf(side: Upstream, command: Command, db: number, spans: Spans): Buffer[] | null {
  const { frame, argc, starts, ends } = spans;
  const text = (i: number): Buffer => frame.subarray(starts[i]!, ends[i]!);
  // the only arguments that probes take over are keys
  const arg = (i: number): Buffer => side.keyHere(db, text(i));
  const probes = streamProbes(command.name, { argc, arg, option: (i) => text(i).toString('latin1').toUpperCase() });
  return probes.length === 0 ? null : probes.map((words) => encodeCommand(words));
}
