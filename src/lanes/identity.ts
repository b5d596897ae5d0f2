/**
 * Who a client is, and with which credentials it is known on each side.
 *
 * A client's own credentials open its lanes, so that the server's ACL decides on every command. One mapping is
 * built in: who is on one side the user of that side's connection string (same user, same password; or nobody, when
 * that string names none) is on the other side the user of the other's. Lanes are keyed by user name, not by secret.
 */
import type { Endpoint } from '../config/url.js';

export interface Credentials {
  readonly username: string | null;
  readonly password: string | null;
}

export interface Identity extends Credentials {
  /** The lane key: the user's name, or '' for a connection that never authenticated. */
  readonly name: string;
}

export const ANONYMOUS: Identity = { name: '', username: null, password: null };

export function identityOf(username: string | null, password: string): Identity {
  return { name: username ?? 'default', username: username ?? 'default', password };
}

function sameAccount(identity: Identity, endpoint: Endpoint): boolean {
  if (identity.password === null) return endpoint.password === null;
  return identity.password === endpoint.password && identity.username === (endpoint.username ?? 'default');
}

/** The credentials to open a lane on `side` for somebody who may be known as the account of `other`'s URL. */
export function credentialsOn(identity: Identity, side: Endpoint, other: Endpoint): Credentials {
  if (sameAccount(identity, side)) return { username: side.username, password: side.password };
  if (sameAccount(identity, other)) return { username: side.username, password: side.password };
  return identity;
}
