/**
 * Commands that ask a server something before they are answered, and change what the session's next commands mean.
 *
 * They wait until everything before them was answered, and nothing of the session is admitted until they are.
 */
import { errorReply } from '../resp/encode.js';
import type { Session } from './session.js';

/** Runs `work` once everything before was answered; its reply is the command's. False: it must wait, nothing was done. */
export function afterReplies(session: Session, work: () => Promise<Buffer>): boolean {
  if (session.hasInFlight) return false;
  session.busy = true;
  const { board } = session;
  board.inFlight++;
  work()
    .catch((error: Error) => errorReply(`FERRY ${error.message}`))
    .then((reply) => {
      board.inFlight--;
      board.checkDrained();
      if (session.isClosed) return;
      session.replyNow(reply);
      session.ready();
    });
  return true;
}
