/** Confirmations that Ferry makes itself, as a server sends them. */
import type { Command } from '../../commands/table.js';
import { bulkReply, integerReplyBytes, nullReply } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request.js';
import type { Session } from '../session.js';

/** The command, the channel (a reply), and how many of the kind the client has now. */
export function confirmation({ resp }: Session, command: string, channel: Buffer, count: number): Buffer {
  const head = Buffer.from(resp === 3 ? '>3\r\n' : '*3\r\n');
  return Buffer.concat([head, bulkReply(command), channel, integerReplyBytes(count)]);
}

/** UNSUBSCRIBE and its kin of a client that is subscribed to nothing: one answer for each name, or one without. */
export function notSubscribed(session: Session, command: Command, scanner: RequestScanner): void {
  const names = Array.from({ length: scanner.argc - 1 }, (_, i) => bulkReply(Buffer.from(scanner.arg(i + 1))));
  for (const name of names.length > 0 ? names : [nullReply(session.resp)]) {
    session.replyNow(confirmation(session, command.name, name, 0));
  }
}
