/**
 * What Ferry knows about one Redis command. These are the shared types of this folder; `table.ts` builds
 * the records and is what other folders import from.
 *
 * A subcommand is a command of its own, named as Redis names it: "xgroup|create". The container ("xgroup")
 * has a record too, which is what a lookup finds when the subcommand is one that nobody knows.
 */
import type { KeyPattern } from './key-patterns.js';
import type { Mirroring } from './mirroring.js';
import type { Miss } from './misses.js';

/** Who handles a command, and whether it can change data. */
export type CommandKind =
  /** Reads keys: the authority, or the target where the miss table allows it. */
  | 'read'
  /** Has keys and may change them: admitted by the ledger, mirrored. */
  | 'write'
  /** Changes data or scripts without naming a key: FLUSHALL, FLUSHDB, SCRIPT LOAD, FUNCTION LOAD … */
  | 'keyless-write'
  /** Answered by the client's session itself: AUTH, SELECT, PING, MULTI … */
  | 'session'
  /** Never passed on: it administers the server, or would go round the ledger. */
  | 'refused'
  /** Meant to work one day; today it answers "-FERRY … is not supported yet". */
  | 'unsupported'
  /** Passed to the authority and not mirrored; nothing about a single key: INFO, KEYS, SCAN, PUBLISH … */
  | 'server';

export interface Command {
  /** Lower case; a subcommand as "container|sub". */
  readonly name: string;
  /** The same in every table of the process, whatever its server's order; those of the shipped list are 0, 1, 2 … */
  readonly id: number;
  /** As COMMAND says: the command's name is counted (for a subcommand both words); negative means "at least". */
  readonly arity: number;
  readonly kind: CommandKind;
  /** The error text after "FERRY " for the kinds refused and unsupported; "" otherwise. */
  readonly reason: string;
  readonly mirroring: Mirroring;
  /** What a missing key looks like when this command reads one; 'never': the read always asks the authority. */
  readonly miss: Miss;
  /** Fast path: the command has exactly one key, always, and it is argument `firstKey`. */
  readonly singleKey: boolean;
  /** Positions as COMMAND says, 0 when there are none; `lastKey` < 0 counts from the end. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  /** The positions above do not tell all: the arguments do (`findKeys`). */
  readonly movable: boolean;
  /** How `findKeys` finds the keys and which of them are written. */
  readonly keyPattern: KeyPattern;
  /** It may wait for data (blocking.ts). */
  readonly blocking: boolean;
  /** It brings a script's text or SHA-1: EVAL, EVALSHA, their _RO forms, SCRIPT LOAD. */
  readonly namesScript: boolean;
  /** False when no table of Ferry's names the command and its server's flags had to decide. */
  readonly classified: boolean;
  /** The authority has it. */
  readonly exists: boolean;
  /** The mirror has it; a write that it lacks is mirrored by copy. */
  readonly onMirror: boolean;
}

/** Redis' own check: `argc` counts the command's name. */
export function arityOk(command: Command, argc: number): boolean {
  return command.arity >= 0 ? argc === command.arity : argc >= -command.arity;
}

export function isFlush({ name }: Command): boolean {
  return name === 'flushall' || name === 'flushdb';
}
