/**
 * The bytes of a command as one side wants them: under the name that it has there (rename-command), with that side's
 * number of a database in MOVE and COPY … DB, and with the keys of a database behind a prefix (prefixed/request.ts). Null
 * when they are the client's own bytes, as nearly always.
 */
import { copyDbArgument } from '../commands/keys.js';
import type { Command } from '../commands/table.js';
import type { Upstream } from '../lanes/upstream.js';
import { encodeCommand } from '../resp/encode.js';
import { prefixedArguments } from './prefixed/request.js';

/** A command's arguments: a scanner or a reader at it. */
export interface Spans {
  readonly frame: Buffer;
  readonly argc: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** `db`: the one that the client is in. */
export function wireFor(side: Upstream, command: Command, db: number, spans: Spans): Buffer | null {
  if (!side.rewrites) return null;
  const { frame, argc, starts, ends } = spans;
  const text = (i: number): string => frame.toString('latin1', starts[i]!, ends[i]!);
  const bar = command.name.indexOf('|');
  const canonical = bar < 0 ? command.name : command.name.slice(0, bar);
  const wire = side.wireName(canonical);
  const renames = wire.toLowerCase() !== text(0).toLowerCase();
  const dbAt = databaseArgument(command, spans);
  const otherDb = dbAt < 0 ? '' : String(side.dbHere(Number(text(dbAt))));
  const prefixed = side.prefixes === null ? null : prefixedArguments(side.prefixes, command, db, spans);
  if (prefixed === null && !renames && (dbAt < 0 || otherDb === text(dbAt))) return null;
  const args: (Buffer | string)[] =
    prefixed ?? Array.from({ length: argc }, (_, i) => frame.subarray(starts[i]!, ends[i]!));
  if (renames) args[0] = wire;
  if (dbAt >= 0) args[dbAt] = otherDb;
  return encodeCommand(args);
}

/** The argument that names the database which MOVE or COPY … DB writes to, -1 when there is none or it is no number. */
export function databaseArgument(command: Command, spans: Spans): number {
  if (command.name !== 'move' && command.name !== 'copy') return -1;
  const { frame, argc, starts, ends } = spans;
  const at = command.name === 'move' ? 2 : copyDbArgument(frame, argc, starts, ends);
  return at >= 0 && /^\d{1,6}$/.test(frame.toString('latin1', starts[at]!, ends[at]!)) ? at : -1;
}
