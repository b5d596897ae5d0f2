/**
 * Commands that the session answers itself: who the client is, which database it uses, and small talk.
 *
 * AUTH, HELLO and SELECT wait until everything before them was answered (a change of lane must not overtake), then
 * ask the authority: every login is verified there, every database must be one there, and while a mirror follows,
 * the database must be one there as well. https://redis.io/commands/hello
 */
import type { Command } from '../commands/table.js';
import { ANONYMOUS, credentialsOn, identityOf } from '../lanes/identity.js';
import { arrayReply, bulkReply, errorReply, integerReplyBytes, mapReply, nullReply, OK, PONG } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request.js';
import { afterReplies } from './after-replies.js';
import { waitForReplicas } from './blocking/replica-wait.js';
import { refuse } from './refusal.js';
import type { Session } from './session.js';
import { monitor, pongOfSubscriber, subscribe } from './subscriptions/commands.js';
import {
  DISCARD_WITHOUT_MULTI,
  EXEC_WITHOUT_MULTI,
  HELLO_NOAUTH,
  NOT_AN_INTEGER,
  SYNTAX,
  wrongArity,
} from './texts.js';
import { beginTransaction } from './transaction.js';
import { unwatchKeys, watchKeys } from './watch.js';

/** Answers the command; false when it must wait for the replies before it. */
export function sessionCommand(session: Session, command: Command, scanner: RequestScanner): boolean {
  const { argc } = scanner;
  const arg = (i: number): Buffer => scanner.frame.subarray(scanner.starts[i]!, scanner.ends[i]!);
  const text = (i: number): string => arg(i).toString('utf8');
  switch (command.name) {
    case 'ping':
      if (argc > 2) return refuse(session, wrongArity('ping'));
      if (session.subscriptions !== null && session.resp === 2) {
        session.replyNow(pongOfSubscriber(argc === 1 ? null : arg(1)));
      } else session.replyNow(argc === 1 ? PONG : bulkReply(Buffer.from(arg(1))));
      return true;
    case 'echo':
      session.replyNow(bulkReply(Buffer.from(arg(1))));
      return true;
    case 'quit':
      session.replyNow(OK);
      session.closeWhenAnswered();
      return true;
    case 'multi':
      return beginTransaction(session);
    case 'exec':
      return refuse(session, EXEC_WITHOUT_MULTI);
    case 'discard':
      return refuse(session, DISCARD_WITHOUT_MULTI);
    case 'subscribe':
    case 'psubscribe':
    case 'ssubscribe':
    case 'unsubscribe':
    case 'punsubscribe':
    case 'sunsubscribe':
      return subscribe(session, command, scanner);
    case 'monitor':
      return monitor(session);
    case 'wait':
      return waitForReplicas(session, command, scanner);
    case 'client|unblock':
      return unblock(session, text(2), argc > 3 ? text(3).toUpperCase() : 'TIMEOUT');
    case 'watch':
      return watchKeys(session, command, scanner);
    case 'unwatch':
      return unwatchKeys(session, command, scanner);
    case 'select':
      return select(session, text(1));
    case 'auth':
      if (argc > 3) return refuse(session, SYNTAX);
      return login(session, argc === 2 ? null : text(1), text(argc - 1), () => OK);
    case 'hello':
      return hello(session, argc, text);
    case 'client|id':
      session.replyNow(integerReplyBytes(session.id));
      return true;
    case 'client|getname':
      session.replyNow(session.name === '' ? nullReply(session.resp) : bulkReply(session.name));
      return true;
    case 'client|setname':
      return setName(session, text(2));
    case 'client|setinfo':
      session.replyNow(OK);
      return true;
    case 'info':
      session.replyNow(bulkReply(session.board.describe()));
      return true;
    case 'ferry':
      return ferry(session, text(1).toUpperCase());
    default:
      return refuse(session, errorReply(`FERRY ${command.name.toUpperCase()} is not supported yet`));
  }
}

const NOPROTO = errorReply('NOPROTO unsupported protocol version');
const BAD_NAME = errorReply('ERR Client names cannot contain spaces, newlines or special characters.');

function isName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

function setName(session: Session, name: string): true {
  if (!isName(name)) return refuse(session, BAD_NAME);
  session.name = name;
  session.replyNow(OK);
  return true;
}

/** https://redis.io/commands/client-unblock */
function unblock(session: Session, id: string, how: string): true {
  if (!/^-?\d{1,18}$/.test(id)) return refuse(session, NOT_AN_INTEGER);
  if (how !== 'TIMEOUT' && how !== 'ERROR') {
    return refuse(session, errorReply('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR'));
  }
  const blocked = session.clients.byId.get(Number(id))?.blocked ?? null;
  blocked?.unblock(how === 'ERROR');
  session.replyNow(integerReplyBytes(blocked === null ? 0 : 1));
  return true;
}

function ferry(session: Session, what: string): true {
  const { board } = session;
  if (what === 'STATUS') session.replyNow(bulkReply(board.describe()));
  else if (what === 'PHASE') session.replyNow(bulkReply(board.phase));
  else if (what === 'DIRTY') {
    session.replyNow(arrayReply([integerReplyBytes(board.dirty.size), integerReplyBytes(board.dirty.dirtySlots)]));
  } else return refuse(session, errorReply('FERRY unknown subcommand: try FERRY STATUS, FERRY PHASE or FERRY DIRTY'));
  return true;
}

function select(session: Session, text: string): boolean {
  if (!/^-?\d{1,10}$/.test(text)) return refuse(session, NOT_AN_INTEGER);
  const db = Number(text);
  if (db === session.db) {
    session.replyNow(OK);
    return true;
  }
  return afterReplies(session, async () => {
    const { board } = session;
    const error = await board.authority.tryLane(session.identity, db, session.resp);
    if (error !== null) return errorReply(error);
    if (board.rules.mirrored) {
      await board.databases.admit(db, board.follower);
      if (board.databases.used.has(db)) await board.mirror?.lane.selectProven(db);
    }
    session.db = db;
    session.forgetLanes();
    return OK;
  });
}

function login(session: Session, username: string | null, password: string, success: () => Buffer): boolean {
  return afterReplies(session, async () => {
    const { board } = session;
    const identity = identityOf(username, password);
    // the account of the other side's connection string is this side's account here (lanes/identity.ts)
    const own = credentialsOn(identity, board.authority.endpoint, board.follower.endpoint);
    if (own.password !== null) {
      const refusal = await board.authority.verifyLogin(own === identity ? username : own.username, own.password);
      if (refusal !== null) return errorReply(refusal);
    }
    session.identity = identity;
    session.scanner.authenticated = true;
    session.forgetLanes();
    return success();
  });
}

function hello(session: Session, argc: number, text: (i: number) => string): boolean {
  let i = 1;
  let { resp } = session;
  if (argc > 1) {
    const version = text(1);
    if (!/^\d+$/.test(version))
      return refuse(session, errorReply('ERR Protocol version is not an integer or out of range'));
    if (version !== '2' && version !== '3') return refuse(session, NOPROTO);
    resp = version === '3' ? 3 : 2;
    i = 2;
  }
  let username: string | null = null;
  let password: string | null = null;
  let name: string | null = null;
  for (; i < argc; i++) {
    const option = text(i).toUpperCase();
    if (option === 'AUTH' && i + 2 < argc) {
      username = text(++i);
      password = text(++i);
    } else if (option === 'SETNAME' && i + 1 < argc) {
      name = text(++i);
      if (!isName(name)) return refuse(session, BAD_NAME);
    } else return refuse(session, errorReply(`ERR Syntax error in HELLO option '${text(i)}'`));
  }
  const welcome = (): Buffer => {
    if (name !== null) session.name = name;
    if (resp !== session.resp) {
      session.resp = resp;
      session.forgetLanes();
    }
    return mapReply(resp, [
      ...[bulkReply('server'), bulkReply('redis')],
      ...[bulkReply('version'), bulkReply(session.board.authority.version)],
      ...[bulkReply('proto'), integerReplyBytes(resp)],
      ...[bulkReply('id'), integerReplyBytes(session.id)],
      ...[bulkReply('mode'), bulkReply('standalone')],
      ...[bulkReply('role'), bulkReply('master')],
      ...[bulkReply('modules'), arrayReply([])],
    ]);
  };
  if (password !== null) return login(session, username, password, welcome);
  if (session.board.authority.requiresLogin && session.identity === ANONYMOUS) {
    return refuse(session, HELLO_NOAUTH);
  }
  if (resp === session.resp) {
    session.replyNow(welcome());
    return true;
  }
  return afterReplies(session, async () => {
    // a server that is too old for it says so
    const refusal = await session.board.authority.tryLane(session.identity, session.db, resp);
    return refusal === null ? welcome() : errorReply(refusal);
  });
}
