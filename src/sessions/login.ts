/**
 * AUTH, and HELLO … AUTH: who a client is.
 *
 *   users-file    Ferry's own file decides, in every phase
 *   map-users     the source decides, in every phase; while it is away, what it said last
 *   otherwise     the side with the authority decides, each time: nothing is remembered
 *
 * https://redis.io/commands/auth
 */
import { type Identity, identityOf } from '../lanes/identity.js';
import { errorReply } from '../resp/encode.js';
import { afterReplies } from './after-replies.js';
import type { Session } from './session.js';

const WRONGPASS = 'WRONGPASS invalid username-password pair or user is disabled.';

/** False: it must wait for the replies before it. */
export function login(session: Session, username: string | null, password: string, success: () => Buffer): boolean {
  return afterReplies(session, async () => {
    const identity = await identify(session, username, password);
    if (typeof identity === 'string') return errorReply(identity);
    // who was closed meanwhile must not be counted as if he were there
    if (!session.isClosed) session.logsIn(identity);
    return success();
  });
}

/** The identity, or the refusal. */
async function identify({ board }: Session, username: string | null, password: string): Promise<Identity | string> {
  const { accounts } = board.source;
  if (accounts.users !== null) return accounts.users.login(username ?? 'default', password) ?? WRONGPASS;
  const target = accounts.mappedTarget(username ?? 'default');
  if (target !== undefined) {
    const name = username ?? 'default';
    const refusal = await board.source.verifyLogin(username, password);
    if (refusal !== null && !(/^FERRY/.test(refusal) && accounts.isRemembered(name, password))) return refusal;
    accounts.remember(name, password);
    return { name, username: name, password, accounts: { source: { username: name, password }, target } };
  }
  const identity = identityOf(username, password);
  // the account of the other side's connection string is this side's account here (lanes/identity.ts)
  const own = accounts.of(identity, board.rules.authority);
  if (own.password !== null) {
    const refusal = await board.authority.verifyLogin(own === identity ? username : own.username, own.password);
    if (refusal !== null) return refusal;
  }
  return identity;
}
