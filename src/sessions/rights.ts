/**
 * Whether a user may call what Ferry answers itself: the server says so.
 *
 * The server checks rights before it looks at arguments. So the command is sent to it in a form that does nothing (with
 * arguments that it refuses, or one that only reads), and an answer that begins with NOPERM is the answer. Asked once
 * per user and command, and again after some seconds: rights change. Commands that have no such form, because all they
 * do is to change the connection, are asked on a connection that nobody uses afterwards.
 */
import type { Command } from '../commands/table.js';
import { errorOf, type LaneArgs } from '../lanes/call.js';
import type { CommandLane } from '../lanes/command-lane.js';
import { errorReply } from '../resp/encode.js';
import type { Session } from './session.js';

const BELIEVED_MS = 3000;

/** The harmless form of each command; those that are missing here are always allowed by Redis, or passed on anyway. */
const HARMLESS: ReadonlyMap<string, readonly string[]> = new Map([
  ['info', ['ferry']],
  ['client|id', []],
  ['client|getname', []],
  ['client|info', []],
  ['client|getredir', []],
  ['client|trackinginfo', []],
  ['client|setname', ['no name']],
  ['client|setinfo', ['no', 'info']],
  ['client|list', ['ID', 'x']],
  ['client|kill', ['ID', 'x']],
  ['client|pause', ['x']],
  ['client|reply', ['x']],
  ['client|no-evict', ['x']],
  ['client|no-touch', ['x']],
  ['client|unblock', ['x']],
  ['client|caching', ['x']],
  ['client|tracking', ['x']],
  ['unwatch', []],
  ['select', ['x']],
  ['cluster|slots', []],
  ['cluster|shards', []],
  ['cluster|nodes', []],
  ['cluster|info', []],
  ['cluster|myid', []],
  ['cluster|myshardid', []],
  ['cluster|keyslot', ['x']],
  ['cluster|links', []],
  ['cluster|help', []],
  ['cluster|replicas', ['x']],
  ['cluster|slaves', ['x']],
  ['cluster|count-failure-reports', ['x']],
  ['cluster|countkeysinslot', ['x']],
  ['cluster|getkeysinslot', ['x', 'x']],
  ['readonly', []],
  ['readwrite', []],
  ['asking', []],
]);

/** Ferry's own commands need the right to one of the server's that tells as much. */
const AS: ReadonlyMap<string, string> = new Map([['ferry', 'info']]);

/** No arguments make it harmless: asked of a connection in MULTI, where the server only queues it. */
const INSIDE_MULTI: ReadonlySet<string> = new Set(['client|unpause']);

const PAUSE_NOTHING: LaneArgs = ['CLIENT', 'PAUSE', 'x'];

/** What would stay, on a node of a Cluster, for whoever uses the connection next. */
const CHANGES_CONNECTION: ReadonlySet<string> = new Set(['readonly', 'readwrite', 'asking']);

/** True: it may. A reply: that is the server's refusal. Null: it is being asked, and the session is resumed. */
export function mayCall(session: Session, command: Command): true | Buffer | null {
  const name = AS.get(command.name) ?? command.name;
  const args = HARMLESS.get(name);
  if (args === undefined && !INSIDE_MULTI.has(name)) return true;
  const { authority } = session.board;
  const key = `${session.identity.name}\n${name}`;
  const known = authority.rights.get(key);
  if (known !== undefined && performance.now() - known.atMs < BELIEVED_MS) {
    return known.refusal === '' ? true : errorReply(known.refusal);
  }
  const words = name.split('|');
  words[0] = authority.wireName(words[0]!);
  session.probe(async () => {
    const error = await (args === undefined
      ? errorInMulti(session, words)
      : CHANGES_CONNECTION.has(name)
        ? errorAside(session, [...words, ...args])
        : errorOf(session.lanes.shared(), [...words, ...args]));
    authority.rights.set(key, { refusal: /^NOPERM/.test(error) ? error : '', atMs: performance.now() });
  });
  return null;
}

/** As `errorOf`, on a connection for this one question. */
function errorAside(session: Session, args: LaneArgs): Promise<string> {
  return aside(session, (lane) => errorOf(lane, args));
}

/** The error with which the server does not even queue it. Of who may not call MULTI, Ferry asks with its own rights. */
function errorInMulti(session: Session, args: LaneArgs): Promise<string> {
  return aside(session, async (lane) => {
    if ((await errorOf(lane, ['MULTI'])) === '') return errorOf(lane, args);
    return (await dryRun(session, args)) ?? errorOf(lane, PAUSE_NOTHING);
  });
}

/** In the words of an error; '' when it may. Null: it cannot be asked, and the right to the opposite has to do. */
async function dryRun({ board, identity }: Session, args: LaneArgs): Promise<string | null> {
  const { authority } = board;
  const user = authority.accounts.of(identity, authority.side).username ?? 'default';
  try {
    const answer = String(await authority.call('ACL', 'DRYRUN', user, ...args));
    return answer === 'OK' ? '' : `NOPERM ${answer.slice(0, 1).toLowerCase()}${answer.slice(1)}`;
  } catch {
    return null;
  }
}

async function aside(
  { board, identity, db, resp }: Session,
  ask: (lane: CommandLane) => Promise<string>,
): Promise<string> {
  const { pins } = board.authority;
  const pin = pins.take(identity, db, resp);
  try {
    return await ask(pin.lane);
  } finally {
    pins.discard(pin);
  }
}
