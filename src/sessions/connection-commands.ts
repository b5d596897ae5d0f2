/**
 * Commands that the session answers itself: who the client is, which database it uses, and small talk.
 *
 * AUTH, HELLO and SELECT wait until everything before them was answered (a change of lane must not overtake), then
 * ask the authority: every login is verified there, every database must be one there, and while a mirror follows,
 * the database must be one there as well. https://redis.io/commands/hello
 */
import type { Command } from '../commands/table.js';
import { errorOf } from '../lanes/call.js';
import { credentialText } from '../lanes/credential-text.js';
import { ANONYMOUS } from '../lanes/identity.js';
import { arrayReply, bulkReply, errorReply, integerReplyBytes, mapReply, OK, verbatimReply } from '../resp/encode.js';
import { strictInteger } from '../resp/limits.js';
import type { RequestScanner } from '../resp/request.js';
import { afterReplies } from './after-replies.js';
import { askAlone } from './ask-alone.js';
import { waitForReplicas } from './blocking/replica-wait.js';
import { BAD_NAME, clientCommand, isClientName } from './client/commands.js';
import { modeOf } from './cluster/presents.js';
import { pass } from './forward.js';
import { login } from './login.js';
import { noticedCommand } from './noticed-commands.js';
import { refuse } from './refusal.js';
import { reset } from './reset.js';
import { mayCall } from './rights.js';
import type { Session } from './session.js';
import { NO_BUCKET } from './slot-reads.js';
import { monitor, pongOfSubscriber, subscribe } from './subscriptions/commands.js';
import {
  DISCARD_WITHOUT_MULTI,
  EXEC_WITHOUT_MULTI,
  HELLO_NOAUTH,
  helloSyntax,
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
  const right = mayCall(session, command);
  if (right === null) return false;
  if (right !== true) return refuse(session, right);
  if (command.name.startsWith('client|')) return clientCommand(session, command, scanner);
  switch (command.name) {
    case 'ping':
      if (session.subscriptions === null || session.resp === 3) return pass(session, command, scanner, NO_BUCKET);
      if (argc > 2) return refuse(session, wrongArity('ping'));
      return pingOfSubscriber(session, argc === 1 ? null : Buffer.from(arg(1)));
    case 'reset':
      return reset(session);
    case 'script|kill':
    case 'function|kill':
      return afterReplies(session, () => askAlone(session, scanner));
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
    case 'watch':
      return watchKeys(session, command, scanner);
    case 'unwatch':
      return unwatchKeys(session, command, scanner);
    case 'select':
      return select(session, text(1));
    case 'auth':
      if (argc > 3) return refuse(session, SYNTAX);
      return login(session, argc === 2 ? null : credentialText(arg(1)), credentialText(arg(argc - 1)), () => OK);
    case 'hello':
      return hello(session, argc, arg);
    case 'info':
      session.replyNow(verbatimReply(session.resp, session.board.describe()));
      return true;
    case 'ferry':
      return ferry(session, text(1).toUpperCase(), argc > 2 ? text(2) : null);
    default:
      return refuse(session, errorReply(`FERRY ${command.name.toUpperCase()} is not supported yet`));
  }
}

const NOPROTO = errorReply('NOPROTO unsupported protocol version');

function ferry(session: Session, what: string, option: string | null): boolean {
  const { board } = session;
  if (what === 'SLOWLOG' || what === 'HOTKEYS') return noticedCommand(session, what, option);
  if (what === 'STATUS') session.replyNow(bulkReply(board.describe()));
  else if (what === 'PHASE') session.replyNow(bulkReply(board.phase));
  else if (what === 'DIRTY') {
    session.replyNow(arrayReply([integerReplyBytes(board.dirty.size), integerReplyBytes(board.dirty.dirtySlots)]));
  } else
    return refuse(session, errorReply('FERRY unknown subcommand: try FERRY STATUS, PHASE, DIRTY, SLOWLOG or HOTKEYS'));
  return true;
}

/** Answered here, but the server says whether the user may. */
function pingOfSubscriber(session: Session, message: Buffer | null): boolean {
  return afterReplies(session, async () => {
    // a server that is away says nothing about rights
    const error = await errorOf(session.lanes.shared(), ['PING']).catch(() => '');
    return /^NOPERM/.test(error) ? errorReply(error) : pongOfSubscriber(message);
  });
}

function select(session: Session, text: string): boolean {
  if (!/^(0|-?[1-9]\d{0,9})$/.test(text)) return refuse(session, NOT_AN_INTEGER);
  const db = Number(text);
  if (db === session.db) {
    session.replyNow(OK);
    return true;
  }
  return afterReplies(session, async () => {
    const { board } = session;
    const { authority, databases } = board;
    // the Cluster's own words, unless there is more to say
    const refusal = authority.prefixes === null || authority.holds(db) ? null : databases.refusalOf(db);
    if (refusal !== null) return errorReply(`FERRY ${refusal}`);
    const error = await authority.tryLane(session.identity, db, session.resp);
    if (error !== null) return errorReply(error);
    if (board.rules.mirrored) {
      await board.databases.admit(db, board.follower);
      await board.databases.isUsable(db, board.mirror?.lane);
    }
    session.db = db;
    session.lanes.forget();
    return OK;
  });
}

function hello(session: Session, argc: number, arg: (i: number) => Buffer): boolean {
  const text = (i: number): string => arg(i).toString('utf8');
  let i = 1;
  let { resp } = session;
  if (argc > 1) {
    const version = text(1);
    if (Number.isNaN(strictInteger(arg(1), 0, arg(1).length)))
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
      username = credentialText(arg(++i));
      password = credentialText(arg(++i));
    } else if (option === 'SETNAME' && i + 1 < argc) {
      name = text(++i);
      if (!isClientName(name)) return refuse(session, BAD_NAME);
    } else return refuse(session, helloSyntax(arg(i)));
  }
  const welcome = (): Buffer => {
    if (name !== null) session.name = name;
    if (resp !== session.resp) {
      session.resp = resp;
      session.lanes.forget();
    }
    return mapReply(resp, [
      ...[bulkReply('server'), bulkReply('redis')],
      ...[bulkReply('version'), bulkReply(session.board.authority.version)],
      ...[bulkReply('proto'), integerReplyBytes(resp)],
      ...[bulkReply('id'), integerReplyBytes(session.id)],
      ...[bulkReply('mode'), bulkReply(modeOf(session.board))],
      ...[bulkReply('role'), bulkReply('master')],
      ...[bulkReply('modules'), arrayReply([])],
    ]);
  };
  if (password !== null) return login(session, username, password, welcome);
  if (session.board.requiresLogin && session.identity === ANONYMOUS) {
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
