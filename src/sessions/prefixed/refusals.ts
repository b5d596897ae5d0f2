/**
 * What cannot be answered exactly while databases share a Cluster behind prefixes, and is refused with the reason.
 *
 *   the Cluster is the authority, any database   what is about all keys of one database: DBSIZE, RANDOMKEY, FLUSHDB,
 *                                                CLUSTER COUNTKEYSINSLOT and GETKEYSINSLOT; COPY to another database
 *   … a database behind a prefix                 commands whose keys cannot all be told, or which Ferry does not know:
 *                                                SORT with patterns, scripts that declare no keys, modules' commands
 *   the Cluster is either side of the two        scripts that are replayed because they touch what they do not declare;
 *                                                in the database without a prefix keys that begin with a prefix
 */
import type { Command } from '../../commands/command.js';
import { findKeys, KeyList } from '../../commands/keys.js';
import { spoken } from '../../commands/kinds.js';
import type { Upstream } from '../../lanes/upstream.js';
import { errorReply } from '../../resp/encode.js';
import type { Session } from '../session.js';
import { databaseArgument, type Spans } from '../wire.js';

/** Of the Cluster's one database the server would tell, or take away, what is of several. */
const OF_ALL_KEYS: ReadonlySet<string> = new Set([
  'dbsize',
  'randomkey',
  'flushdb',
  'cluster|countkeysinslot',
  'cluster|getkeysinslot',
]);

const SCRIPT = /^(eval|evalsha|fcall)(_ro)?$/;

const keys = new KeyList();

/** Null: nothing is against the command. */
export function prefixRefusal(session: Pick<Session, 'board' | 'db'>, command: Command, spans: Spans): Buffer | null {
  const { authority, follower, rules } = session.board;
  const onFollower = rules.mirrored && follower.prefixes !== null;
  if (authority.prefixes === null && !onFollower) return null;
  const { db } = session;
  const why =
    (authority.prefixes === null ? '' : answeredThere(authority, command, db, spans)) ||
    onEitherSide(authority, session, command, spans) ||
    (onFollower ? onEitherSide(follower, session, command, spans) : '');
  return why === '' ? null : errorReply(`FERRY ${spoken(command.name)} is refused: ${why} (db-prefix)`);
}

/** The Cluster would answer it. */
function answeredThere({ prefixes }: Upstream, command: Command, db: number, spans: Spans): string {
  const { name, keyPattern } = command;
  if (OF_ALL_KEYS.has(name))
    return 'several databases share the Cluster, and it does not know which keys are of this one';
  const dbAt = databaseArgument(command, spans);
  if (dbAt >= 0 && (name === 'move' || Number(textOf(spans, dbAt)) !== db)) {
    return 'a Cluster does not copy or move keys to another database';
  }
  if (!prefixes!.has(db)) return '';
  const { argc } = spans;
  if ((name === 'sort' || name === 'sort_ro') && hasPatterns(spans)) {
    return 'patterns of BY and GET name keys that are behind a prefix there';
  }
  if (SCRIPT.test(name) && argc > 2 && textOf(spans, 2) === '0') {
    return "a script that declares no keys would see the Cluster's own names";
  }
  if (name === 'swapdb' || name === 'acl|dryrun') return 'the keys of this database have other names on the Cluster';
  if (keyPattern.rule === 'unknown') return 'its keys cannot be determined, and they are behind a prefix there';
  return command.classified ? '' : 'Ferry does not know which of its arguments and answers are keys';
}

function onEitherSide(side: Upstream, session: Pick<Session, 'board' | 'db'>, command: Command, spans: Spans): string {
  const { prefixes } = side;
  if (prefixes === null) return '';
  const { frame, argc, starts, ends } = spans;
  const { db } = session;
  if (prefixes.has(db)) {
    const { scripts } = session.board;
    const isReplayed =
      scripts.hasReplays && /^(eval|evalsha|fcall)$/.test(command.name) && argc > 1
        ? scripts.isReplayed(command.name, frame.subarray(starts[1]!, ends[1]!))
        : false;
    if (isReplayed) return 'it is replayed, for keys that it does not declare, and those are behind a prefix';
    // MOVE and COPY … DB may write where there is no prefix
    const dbAt = databaseArgument(command, spans);
    if (dbAt < 0) return '';
    const keyAt = command.name === 'move' ? 1 : 2;
    return side.isTaken(Number(textOf(spans, dbAt)), frame, starts[keyAt]!, ends[keyAt]!)
      ? taken(side, spans, keyAt)
      : '';
  }
  if (command.keyPattern.rule === 'no-keys') return '';
  if (!findKeys(command, frame, argc, starts, ends, keys)) return '';
  for (let i = 0; i < keys.count; i++) {
    const at = keys.index[i]!;
    if (side.isTaken(db, frame, starts[at]!, ends[at]!)) return taken(side, spans, at);
  }
  return '';
}

/** Why the key at that argument can have no place in the database without a prefix. */
function taken({ prefixes }: Upstream, { frame, starts, ends }: Spans, at: number): string {
  const other = prefixes!.dbOf(frame, starts[at]!, ends[at]!);
  return `keys that begin with ${prefixes!.of(other)!.toString('latin1')} are those of database ${other} on the Cluster`;
}

function hasPatterns(spans: Spans): boolean {
  for (let i = 2; i + 1 < spans.argc; i++) {
    const option = textOf(spans, i).toUpperCase();
    if (option === 'LIMIT') i += 2;
    else if (option === 'STORE') i += 1;
    else if (option === 'BY' || option === 'GET') {
      i += 1;
      const pattern = textOf(spans, i);
      if (option === 'GET' ? pattern !== '#' : pattern.includes('*')) return true;
    }
  }
  return false;
}

function textOf({ frame, starts, ends }: Spans, i: number): string {
  return frame.toString('latin1', starts[i]!, ends[i]!);
}
