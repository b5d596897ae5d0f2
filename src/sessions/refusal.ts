/** Ferry's own error for the present command. */
import type { Session } from './session.js';

/** Answers with an error; inside MULTI it spoils the transaction. The command is dealt with (true). */
export function refuse(session: Session, reply: Buffer): true {
  session.board.counters.errors++;
  if (session.transaction !== null) session.transaction.spoilt = true;
  session.replyNow(reply);
  return true;
}
