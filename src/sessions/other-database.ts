/**
 * MOVE and COPY … DB write to a database that the client did not SELECT.
 *
 * While a mirror follows, that database must be proven like any other (routing/databases.ts), so the command waits for
 * the proof.
 */
import type { Command } from '../commands/table.js';
import { errorReply } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request.js';
import type { Session } from './session.js';
import { databaseArgument } from './wire.js';

/** Null: go on. 'wait': hold the command, the session is resumed. Else the error to answer. */
export function checkOtherDatabase(
  session: Session,
  command: Command,
  scanner: RequestScanner,
): Buffer | 'wait' | null {
  const { board } = session;
  const at = databaseArgument(command, scanner);
  if (at < 0 || !board.rules.mirrored) return null;
  const db = Number(scanner.frame.toString('latin1', scanner.starts[at]!, scanner.ends[at]!));
  if (board.databases.isAdmitted(db)) return null;
  const reason = session.unprovable.get(db);
  if (reason !== undefined) {
    session.unprovable.delete(db);
    return errorReply(`FERRY ${reason}`);
  }
  session.busy = true;
  board.databases
    .admit(db, board.follower)
    .then(() => board.databases.isUsable(db, board.mirror?.lane))
    .catch((error: Error) => session.unprovable.set(db, error.message))
    .finally(() => session.ready());
  return 'wait';
}
