/**
 * The CLIENT commands: about Ferry's clients, whose connections to the servers are shared and nobody's business.
 *
 * Whether a user may call them is the server's to say (rights.ts). https://redis.io/commands/client
 */
import type { Command } from '../../commands/table.js';
import { errorOf } from '../../lanes/call.js';
import {
  arrayReply,
  bulkReply,
  errorReply,
  integerReplyBytes,
  mapReply,
  nullReply,
  OK,
  setReply,
  verbatimReply,
} from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request.js';
import { afterReplies } from '../after-replies.js';
import { refuse } from '../refusal.js';
import type { Session } from '../session.js';
import { NOT_AN_INTEGER, SYNTAX } from '../texts.js';
import { CLIENT_TYPES, describeClient, typeOf } from './describe.js';
import { killClients } from './kill.js';

export const BAD_NAME = errorReply('ERR Client names cannot contain spaces, newlines or special characters.');
const BAD_CLIENT_ID = errorReply('ERR Invalid client ID');
const NO_CACHING = errorReply(
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
);
const NO_TRACKING = errorReply(
  'FERRY CLIENT TRACKING is refused: invalidation messages of two servers cannot be told apart yet',
);

export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

/** CLIENT …; the command exists and has the right number of arguments. False: it must wait for the replies before it. */
export function clientCommand(session: Session, command: Command, scanner: RequestScanner): boolean {
  const { argc } = scanner;
  const text = (i: number): string => scanner.text(i);
  const say = (reply: Buffer): true => {
    session.replyNow(reply);
    return true;
  };
  const onOff = (at: number): boolean => /^(on|off)$/i.test(text(at));
  switch (command.name) {
    case 'client|id':
      return say(integerReplyBytes(session.id));
    case 'client|getname':
      return say(session.name === '' ? nullReply(session.resp) : bulkReply(session.name));
    case 'client|setname':
      if (!isClientName(text(2))) return refuse(session, BAD_NAME);
      session.name = text(2);
      return say(OK);
    case 'client|setinfo':
      return say(OK);
    case 'client|info':
      return say(verbatimReply(session.resp, `${describeClient(session, performance.now())}\n`));
    case 'client|list':
      return list(
        session,
        Array.from({ length: argc - 2 }, (_, i) => text(i + 2)),
      );
    case 'client|kill':
      return kill(
        session,
        Array.from({ length: argc - 2 }, (_, i) => text(i + 2)),
      );
    case 'client|pause':
      if (argc > 4) return refuse(session, tooMany(text(1)));
      return pause(session, text(2), argc > 3 ? text(3).toUpperCase() : 'ALL');
    case 'client|unpause':
      session.clients.unpause();
      return say(OK);
    case 'client|reply':
      return reply(session, text(2).toUpperCase());
    case 'client|no-evict':
    case 'client|no-touch':
      return onOff(2) ? say(OK) : refuse(session, SYNTAX);
    case 'client|unblock':
      if (argc > 4) return refuse(session, tooMany(text(1)));
      return unblock(session, text(2), argc > 3 ? text(3).toUpperCase() : 'TIMEOUT');
    case 'client|getredir':
      return say(integerReplyBytes(-1));
    case 'client|trackinginfo': {
      const off = setReply(session.resp, [bulkReply('off')]);
      const items = [bulkReply('flags'), off, bulkReply('redirect'), integerReplyBytes(-1)];
      return say(mapReply(session.resp, [...items, bulkReply('prefixes'), arrayReply([])]));
    }
    case 'client|caching':
      return refuse(session, NO_CACHING);
    case 'client|tracking':
      if (!onOff(2)) return refuse(session, SYNTAX);
      return /^off$/i.test(text(2)) ? say(OK) : refuse(session, NO_TRACKING);
    default:
      return refuse(session, errorReply(`FERRY ${command.name.toUpperCase().replace('|', ' ')} is not supported yet`));
  }
}

function kill(session: Session, args: readonly string[]): boolean {
  const user = args.findIndex((arg, i) => i % 2 === 0 && arg.toUpperCase() === 'USER');
  if (user >= 0 && user + 1 < args.length) {
    return afterReplies(session, () => killUser(session, args.slice(0, user + 2), args));
  }
  const { reply, killsAsking } = killClients(session, args);
  session.replyNow(reply);
  if (killsAsking) session.closeWhenAnswered();
  return true;
}

/** Only the server knows who is a user of its. It reads `args` up to the user, and then an id that it refuses. */
async function killUser(session: Session, upToUser: readonly string[], args: readonly string[]): Promise<Buffer> {
  const { authority, source } = session.board;
  if (source.accounts.users === null) {
    const asked = [authority.wireName('CLIENT'), 'KILL', ...upToUser, 'ID', '0'];
    const error = await errorOf(session.lanes.shared(), asked).catch(() => '');
    if (error.startsWith('ERR No such user')) return errorReply(error);
  }
  const { reply, killsAsking } = killClients(session, args);
  if (killsAsking) setImmediate(() => session.closeWhenAnswered());
  return reply;
}

/** What the server says of a subcommand that takes some more arguments, but not so many. */
function tooMany(subcommand: string): Buffer {
  return errorReply(`ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try CLIENT HELP.`);
}

function list(session: Session, args: readonly string[]): true {
  let shown = [...session.clients.byId.values()];
  const option = args[0]?.toUpperCase();
  if (option === 'TYPE' && args.length === 2) {
    const type = args[1]!.toLowerCase();
    if (!(CLIENT_TYPES as readonly string[]).includes(type)) {
      return refuse(session, errorReply(`ERR Unknown client type '${args[1]}'`));
    }
    shown = shown.filter((one) => typeOf(one) === type);
  } else if (option === 'ID' && args.length > 1) {
    const ids = args.slice(1);
    if (ids.some((id) => !/^\d{1,18}$/.test(id))) return refuse(session, BAD_CLIENT_ID);
    shown = ids.flatMap((id) => session.clients.byId.get(Number(id)) ?? []);
  } else if (args.length > 0) return refuse(session, SYNTAX);
  const nowMs = performance.now();
  session.replyNow(verbatimReply(session.resp, shown.map((one) => `${describeClient(one, nowMs)}\n`).join('')));
  return true;
}

/** https://redis.io/commands/client-pause */
function pause(session: Session, timeout: string, mode: string): true {
  if (mode !== 'ALL' && mode !== 'WRITE') {
    return refuse(session, errorReply('ERR CLIENT PAUSE mode must be WRITE or ALL'));
  }
  if (!/^-?\d{1,18}$/.test(timeout))
    return refuse(session, errorReply('ERR timeout is not an integer or out of range'));
  if (Number(timeout) < 0) return refuse(session, errorReply('ERR timeout is negative'));
  session.replyNow(OK);
  session.clients.pause(Number(timeout), mode === 'WRITE');
  return true;
}

/** https://redis.io/commands/client-reply */
function reply(session: Session, mode: string): true {
  if (mode === 'ON') {
    session.silence.off = false;
    session.silence.skipsThis = false;
    session.replyNow(OK);
  } else if (mode === 'OFF') session.silence.off = true;
  else if (mode === 'SKIP') {
    if (!session.silence.off) session.silence.skipsNext = true;
  } else return refuse(session, SYNTAX);
  return true;
}

/** https://redis.io/commands/client-unblock */
function unblock(session: Session, id: string, how: string): true {
  if (how !== 'TIMEOUT' && how !== 'ERROR') {
    return refuse(session, errorReply('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR'));
  }
  if (!/^-?\d{1,18}$/.test(id)) return refuse(session, NOT_AN_INTEGER);
  const blocked = session.clients.byId.get(Number(id))?.blocked ?? null;
  blocked?.unblock(how === 'ERROR');
  session.replyNow(integerReplyBytes(blocked === null ? 0 : 1));
  return true;
}
