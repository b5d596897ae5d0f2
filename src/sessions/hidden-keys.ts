/**
 * Ferry's own key on a server (the lease, phases/lease-record.ts) is not shown to clients: KEYS, SCAN, DBSIZE, RANDOMKEY,
 * INFO keyspace and keyspace events are as if it were not there. Who asks for it by its name gets it, and so does a
 * script or a transaction that enumerates keys.
 */
import type { Command } from '../commands/table.js';
import { isOwnKey, OWN_PREFIX } from '../mirror/own-keys.js';
import { LEASE_KEY } from '../phases/lease-record.js';
import { encodeCommand, nullReply } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request.js';
import { elementSpans, type Reply, ReplyFault } from '../resp/values.js';
import { editText } from './info-section.js';
import type { Transform } from './op-extras.js';
import { mayMatchFrom } from './patterns.js';
import type { Session } from './session.js';
import { wordAt } from './subscriptions/link.js';

export type Hiding = Transform;

/** A database of which this many draws were Ferry's key has nothing else. */
const RANDOM_TRIES = 32;
const COLON = 0x3a;

/** What takes Ferry's key out of the reply; null when it cannot be in there. */
export function hidingIn(session: Session, command: Command, scanner: RequestScanner): Hiding | null {
  const { db } = session;
  switch (command.name) {
    case 'dbsize':
      return (reply, probed) => (isThere(session, db, probed) ? oneLess(reply) : reply);
    case 'keys':
      return mayMatchFrom(scanner.text(1), OWN_PREFIX) ? withoutOwnKeys : null;
    case 'scan':
      return scanFinds(scanner) ? scannedWithoutOwnKeys : null;
    case 'randomkey':
      return anotherKey(nullReply(session.resp));
    default:
      return null;
  }
}

function scanFinds(scanner: RequestScanner): boolean {
  for (let i = 2; i + 1 < scanner.argc; i += 2) {
    if (scanner.text(i).toLowerCase() === 'match') return mayMatchFrom(scanner.text(i + 1), OWN_PREFIX);
  }
  return true;
}

function oneLess(reply: Buffer): Buffer {
  const keys = Number(reply.toString('latin1', 1, reply.length - 2));
  return reply[0] === COLON && keys > 0 ? Buffer.from(`:${keys - 1}\r\n`) : reply;
}

function withoutOwnKeys(reply: Buffer): Buffer {
  return reply.includes(OWN_PREFIX) && reply[0] !== 0x2d ? filtered(reply, 0, reply.length) : reply;
}

function scannedWithoutOwnKeys(reply: Buffer): Buffer {
  if (!reply.includes(OWN_PREFIX) || reply[0] === 0x2d) return reply;
  const spans: number[] = [];
  if (elementSpans(reply, 0, reply.length, spans) !== 2) return reply;
  return Buffer.concat([reply.subarray(0, spans[2]), filtered(reply, spans[2]!, spans[3]!)]);
}

/** An array of names without those that are Ferry's. */
function filtered(buf: Buffer, start: number, end: number): Buffer {
  const spans: number[] = [];
  const count = elementSpans(buf, start, end, spans);
  const kept: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const element = buf.subarray(spans[2 * i]!, spans[2 * i + 1]!);
    if (!isOwnKey(bodyOf(element))) kept.push(element);
  }
  return Buffer.concat([Buffer.from(`*${kept.length}\r\n`), ...kept]);
}

/** Of a bulk reply. */
function bodyOf(bulk: Buffer): Buffer {
  return bulk.subarray(bulk.indexOf('\r\n') + 2, -2);
}

function anotherKey(none: Buffer): Hiding {
  let tries = 0;
  return (reply) => {
    if (reply[0] !== 0x24 || !isOwnKey(bodyOf(reply))) return reply;
    return ++tries < RANDOM_TRIES ? null : none;
  };
}

/**
 * What is asked right behind DBSIZE and INFO, on the same connection: whether Ferry's key was among those counted. A flush
 * takes it away (in a script too, which nobody sees), and it is written again on another connection a moment later, so
 * what is remembered may be late. Null: that database has none, this connection is on another one, or a Cluster's node is not
 * alone in answering; then what is remembered decides.
 */
export function ownKeyProbe({ board, db, identity }: Session): Buffer[] | null {
  const { authority } = board;
  if (authority.ownKeysDb !== db || authority.hasSlots || authority.ownKeyRefusals.has(identity.name)) return null;
  return [encodeCommand([authority.wireName('EXISTS'), LEASE_KEY])];
}

/** Was Ferry's key in the database when it was counted? */
function isThere({ board, identity }: Session, db: number, [exists]: readonly Reply[]): boolean {
  const { authority } = board;
  if (typeof exists === 'number') return exists === 1;
  // once is enough: the server writes refusals down
  if (exists instanceof ReplyFault && exists.message.startsWith('NOPERM')) authority.ownKeyRefusals.add(identity.name);
  return authority.ownKeysIn === db;
}

/** INFO's `dbN:keys=…` without Ferry's key. */
export function hideInInfo(session: Session): (reply: Buffer, probed: readonly Reply[]) => Buffer {
  const { authority } = session.board;
  const db = authority.ownKeysDb;
  if (db < 0) return (reply) => reply;
  const line = new RegExp(`^db${authority.dbHere(db)}:keys=(\\d+)(.*)\\r\\n`, 'm');
  return (reply, probed) => {
    if (!isThere(session, db, probed)) return reply;
    return editText(reply, (text) => {
      const found = line.exec(text.toString('latin1'));
      if (found === null) return text;
      const left = Number(found[1]) - 1;
      const changed = left <= 0 ? '' : found[0].replace(/keys=\d+/, `keys=${left}`);
      const from = found.index;
      return Buffer.concat([text.subarray(0, from), Buffer.from(changed), text.subarray(from + found[0].length)]);
    });
  };
}

/** `message` or `pmessage`: a keyspace event of Ferry's own key. */
export function isOwnEvent(buf: Buffer, start: number, end: number): boolean {
  const at = buf.indexOf(OWN_PREFIX, start);
  if (at < 0 || at >= end) return false;
  const first = wordAt(buf, start, 0) === 'pmessage' ? 2 : 1;
  const channel = wordAt(buf, start, first);
  if (/^__keyspace@\d+__:/.test(channel)) return channel.slice(channel.indexOf(':') + 1).startsWith(OWN_PREFIX);
  return /^__keyevent@\d+__:/.test(channel) && wordAt(buf, start, first + 1).startsWith(OWN_PREFIX);
}
