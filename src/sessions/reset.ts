/**
 * RESET: the connection is as if it were new, but stays open. https://redis.io/commands/reset
 */
import type { Session } from './session.js';
import { endWatch } from './watch.js';

const RESET = Buffer.from('+RESET\r\n');

/** False: it must wait for the replies before it. */
export function reset(session: Session): boolean {
  if (session.hasInFlight) return false;
  session.transaction = null;
  if (session.watch !== null) endWatch(session);
  session.endSubscriptions();
  session.endMonitor();
  session.becomesStranger();
  session.db = session.board.source.endpoint.db;
  session.resp = 2;
  session.name = '';
  session.readsReplicas = false;
  session.silence.off = false;
  session.silence.skipsNext = false;
  session.silence.skipsThis = false;
  session.lanes.forget();
  session.replyNow(RESET);
  return true;
}
