/** What a server was asked, by its own count (INFO commandstats), whoever asked. */
import { text } from '../write-commands/state.js';
import type { Wire } from '../write-commands/wire.js';

/** Calls by command name since the last reset, subcommands as "xinfo|stream". */
export async function callsOf(wire: Wire): Promise<Map<string, number>> {
  const stats = text(await wire.send('INFO', 'commandstats'));
  return new Map(
    [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [name ?? '', Number(calls)]),
  );
}

export async function resetCalls(wire: Wire): Promise<void> {
  await wire.send('CONFIG', 'RESETSTAT');
}
