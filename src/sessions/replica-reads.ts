/**
 * Reads from a Cluster's replicas: with `replica-reads`, of clients that sent READONLY.
 *
 * A read of one slot goes to a replica of the slot's node while the Cluster has the authority and no target reads are on
 * the way to be decided about (`target-read`). What a replica refuses (MOVED, LOADING, MASTERDOWN, any error) or does not
 * answer, the master answers (client-op.ts). Never: writes, transactions, scripts, cursors, commands that wait.
 *
 * A replica is behind its master: a client may miss what it has just written itself. That is what READONLY means. Its next
 * write on the slot waits for its reads there, so that no read shows what the client wrote after it.
 * https://redis.io/commands/readonly
 */
import type { Command } from '../commands/table.js';
import type { Lane } from '../lanes/lane.js';
import type { Session } from './session.js';

/** Cursors are one node's, scripts may do anything, and TOUCH is for the node that evicts. */
const MASTERS_ONLY: ReadonlySet<string> = new Set('eval_ro evalsha_ro fcall_ro hscan sscan zscan touch'.split(' '));

/** Null: the master answers. Only asked of sessions that sent READONLY. */
export function replicaLaneFor(session: Session, { kind, name }: Command, slot: number): Lane | null {
  const { board, watch, lanes } = session;
  const { authority } = board;
  if (!board.config.replicaReads || slot < 0 || !authority.hasSlots || board.rules.readsTarget) return null;
  if (kind !== 'read' || MASTERS_ONLY.has(name) || watch !== null || lanes.own !== null) return null;
  return authority.replicaLane(session.identity, session.db, session.resp, slot, session.id);
}
