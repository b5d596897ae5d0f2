/**
 * SUBSCRIBE and its kin, MONITOR, and what a subscribed client may send.
 *
 * In RESP2 a subscribed client can hardly do anything else, because replies and messages look alike; in RESP3 messages
 * are pushes and every command is allowed. https://redis.io/commands/subscribe
 */
import type { Command } from '../../commands/table.js';
import { arrayReply, bulkReply, errorReply } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request.js';
import type { Session } from '../session.js';
import { notSubscribed } from './confirmation.js';
import { Monitor } from './monitor.js';
import { Subscriptions } from './subscriptions.js';

const ALLOWED = /^(p|s)?(un)?subscribe$|^(ping|quit|reset)$/;

/** One of the six commands; false when it must wait for the replies before it. */
export function subscribe(session: Session, command: Command, scanner: RequestScanner): boolean {
  if (session.hasInFlight) return false;
  if (session.subscriptions === null) {
    if (command.name.includes('unsub')) {
      notSubscribed(session, command, scanner);
      return true;
    }
    session.subscriptions = new Subscriptions(session);
  }
  session.subscriptions.run(command, scanner);
  return true;
}

/** The error for a command that a subscribed RESP2 client may not send, null when it may. */
export function forbiddenWhileSubscribed(session: Session, command: Command): Buffer | null {
  if (session.subscriptions === null || session.resp === 3 || ALLOWED.test(command.name)) return null;
  return errorReply(
    `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
  );
}

/** PING of a subscribed RESP2 client is answered in the form of a message. */
export function pongOfSubscriber(text: Buffer | null): Buffer {
  return arrayReply([bulkReply('pong'), bulkReply(text ?? '')]);
}

/** MONITOR; false when it must wait for the replies before it. */
export function monitor(session: Session): boolean {
  if (session.hasInFlight) return false;
  session.monitor ??= new Monitor(session);
  return true;
}
