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
import { errorReply } from '../resp/encode.js';
import type { Session } from './session.js';

const BELIEVED_MS = 3000;

/** The harmless form of each command; those that are missing here are always allowed by Redis, or passed on anyway. */
const HARMLESS: ReadonlyMap<string, readonly string[]> = new Map([
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

/** What would stay, on a node of a Cluster, for whoever uses the connection next. */
const CHANGES_CONNECTION: ReadonlySet<string> = new Set(['readonly', 'readwrite', 'asking']);

/** True: it may. A reply: that is the server's refusal. Null: it is being asked, and the session is resumed. */
export function mayCall(session: Session, command: Command): true | Buffer | null {
  const args = HARMLESS.get(command.name);
  if (args === undefined) return true;
  const { authority } = session.board;
  const key = `${session.identity.name}\n${command.name}`;
  const known = authority.rights.get(key);
  if (known !== undefined && performance.now() - known.atMs < BELIEVED_MS) {
    return known.refusal === '' ? true : errorReply(known.refusal);
  }
  const words = command.name.split('|');
  words[0] = authority.wireName(words[0]!);
  session.probe(async () => {
    const error = await (CHANGES_CONNECTION.has(command.name)
      ? errorAside(session, [...words, ...args])
      : errorOf(session.lanes.shared(), [...words, ...args]));
    authority.rights.set(key, { refusal: /^NOPERM/.test(error) ? error : '', atMs: performance.now() });
  });
  return null;
}

/** As `errorOf`, on a connection for this one question. */
async function errorAside({ board, identity, db, resp }: Session, args: LaneArgs): Promise<string> {
  const { pins } = board.authority;
  const pin = pins.take(identity, db, resp);
  try {
    return await errorOf(pin.lane, args);
  } finally {
    pins.discard(pin);
  }
}
