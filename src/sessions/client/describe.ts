/**
 * A client as CLIENT LIST and CLIENT INFO show it: one line of fields, in the authority's order.
 *
 * They are Ferry's clients with Ferry's ids. Figures that only a server has (its buffers and their memory) are those of
 * an idle client. https://redis.io/commands/client-list
 */
import type { Session } from '../session.js';

export function describeClient(session: Session, nowMs: number): string {
  const { subscriptions } = session;
  const age = (sinceMs: number): number => Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', session.id],
    ['addr', session.address],
    ['laddr', session.localAddress],
    ['fd', 8],
    ['name', session.name],
    ['age', age(session.connectedMs)],
    ['idle', age(session.heardMs)],
    ['flags', flagsOf(session)],
    ['db', session.db],
    ['sub', subscriptions?.names.subscribe.size ?? 0],
    ['psub', subscriptions?.names.psubscribe.size ?? 0],
    ['ssub', subscriptions?.names.ssubscribe.size ?? 0],
    ['multi', session.transaction?.queued.length ?? -1],
    ['qbuf', session.scanner.bufferedBytes],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', 0],
    ['rbs', 1024],
    ['rbp', 0],
    ['obl', 0],
    ['oll', 0],
    ['omem', 0],
    ['tot-mem', 0],
    ['events', 'r'],
    ['cmd', session.lastCommand],
    ['user', session.identity.name === '' ? 'default' : session.identity.name],
    ['redir', -1],
    ['resp', session.resp],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

function flagsOf(session: Session): string {
  let flags = '';
  if (session.monitor !== null) flags += 'O';
  if (session.subscriptions !== null) flags += 'P';
  if (session.transaction !== null) flags += 'x';
  if (session.blocked !== null) flags += 'b';
  if (session.readsReplicas) flags += 'r';
  return flags === '' ? 'N' : flags;
}

/** Redis' types of clients; Ferry has no replicas and no masters among its own. */
export const CLIENT_TYPES = ['normal', 'master', 'slave', 'replica', 'pubsub'] as const;

export function typeOf(session: Session): string {
  return session.subscriptions === null ? 'normal' : 'pubsub';
}
