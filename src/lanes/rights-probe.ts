/**
 * What Ferry's own account may do on one server: asked, never concluded from a version (managed services withhold
 * commands that the version has).
 *
 * Each probe is a command that changes nothing: it names an id, a key or a script that does not exist, or a payload that
 * cannot be restored. Only a refusal of the *command* counts as a missing right; any other answer, an error too, shows
 * that the server would run it. An answer that says nothing (LOADING, a lost connection) throws: ask again later.
 *
 * What goes on without each right is in docs/architecture.md, "What Ferry may not ask".
 */

export const RIGHTS = [
  'CLIENT ID',
  'CLIENT LIST',
  'CLIENT KILL',
  'CLIENT TRACKING',
  'INFO',
  'COMMAND',
  'CONFIG GET',
  'DUMP',
  'RESTORE',
  'WAIT',
  'MEMORY USAGE',
  'SCRIPT LOAD',
  'FUNCTION LIST',
] as const;

export type Right = (typeof RIGHTS)[number];

type Args = readonly (string | number)[];

/** Nobody has it; it would be one of Ferry's own keys (mirror/own-keys.ts). */
const PROBE_KEY = '__ferry:probe:rights';
/** Ids are given from 1 on, one per connection: nobody has this one. */
const NOBODY = 2 ** 52;

const PROBES: Readonly<Record<Right, Args>> = {
  'CLIENT ID': ['CLIENT', 'ID'],
  'CLIENT LIST': ['CLIENT', 'LIST', 'ID', NOBODY],
  'CLIENT KILL': ['CLIENT', 'KILL', 'ID', NOBODY],
  'CLIENT TRACKING': ['CLIENT', 'TRACKING', 'OFF'],
  INFO: ['INFO', 'server'],
  // of COMMAND itself the answer is long; who is refused the one is refused the other
  COMMAND: ['COMMAND', 'COUNT'],
  'CONFIG GET': ['CONFIG', 'GET', 'maxmemory'],
  DUMP: ['DUMP', PROBE_KEY],
  RESTORE: ['RESTORE', PROBE_KEY, 0, 'no payload'],
  WAIT: ['WAIT', 0, 0],
  'MEMORY USAGE': ['MEMORY', 'USAGE', PROBE_KEY],
  // does not compile
  'SCRIPT LOAD': ['SCRIPT', 'LOAD', 'ferry('],
  'FUNCTION LIST': ['FUNCTION', 'LIST', 'LIBRARYNAME', 'ferry-none'],
};

/** The rights that are missing. `ask` sends one command and rejects with the server's error. */
export async function missingRights(ask: (args: Args) => Promise<unknown>): Promise<ReadonlySet<Right>> {
  const missing = new Set<Right>();
  for (const right of RIGHTS) {
    try {
      await ask(PROBES[right]);
    } catch (error) {
      if (isRefusal(error)) missing.add(right);
      else if (!isAnswer(error)) throw error;
    }
  }
  return missing;
}

/** Was the command itself refused: by ACL, because it is not there, or because the service does not offer it? */
export function isRefusal(error: unknown): boolean {
  return /^(NOPERM|ERR unknown (sub)?command|ERR .*(not|n't) (allowed|permitted|supported|available))/i.test(
    textOf(error),
  );
}

/** Did the server look at the command at all? */
function isAnswer(error: unknown): boolean {
  const text = textOf(error);
  return /^[A-Z]+ /.test(text) && !/^(LOADING|BUSY|MASTERDOWN|NOAUTH) /.test(text);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
