/**
 * Who a client is, and with which credentials it is known on each side.
 *
 * A client's own credentials open its lanes, so that the server's ACL decides on every command. One mapping is
 * built in: a client that one side verified as the account of that side's connection string (same user, same
 * password) is on the other side the account of the other's. A client that never authenticated stays nobody on both.
 * Lanes are keyed by user name, not by secret.
 */
import type { Side } from '../phases/phase.js';

export interface Credentials {
  readonly username: string | null;
  readonly password: string | null;
}

export interface Identity extends Credentials {
  /** The lane key: the user's name, or '' for a connection that never authenticated. */
  readonly name: string;
  /** The accounts on both sides, where they are given; null: see `credentialsOn`. */
  readonly accounts: Readonly<Record<Side, Credentials>> | null;
}

export const ANONYMOUS: Identity = { name: '', username: null, password: null, accounts: null };

export function identityOf(username: string | null, password: string): Identity {
  const name = username ?? 'default';
  return { name, username: name, password, accounts: null };
}

/** The credentials with which somebody opens a lane on a side; `side` and `other` are Ferry's own accounts. */
export function credentialsOn(identity: Identity, side: Credentials, other: Credentials): Credentials {
  if (identity.password === null || other.password === null) return identity;
  const isOthersAccount = identity.password === other.password && identity.username === (other.username ?? 'default');
  const isOwnAccount = identity.password === side.password && identity.username === (side.username ?? 'default');
  return isOthersAccount && !isOwnAccount ? { username: side.username, password: side.password } : identity;
}
