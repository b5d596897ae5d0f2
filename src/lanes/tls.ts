/**
 * TLS towards a server: what a `rediss://` connection string says, as Node wants it. TLS 1.2 at least.
 *
 *   servername given    that name is verified, on every server
 *   else                the certificate must be for the host that the connection goes to, or for one of the hosts of the
 *                       connection string: where discovery gives addresses, those are the names that somebody vouched for
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';

/** What a connection string says of TLS. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/**
 * `named`: the hosts of the connection string; `host`: where the connection goes. Null: the connection is plain.
 * @throws when a file cannot be read, with its name
 */
export function tlsOptionsOf(
  tls: TlsFiles | undefined,
  named: readonly string[],
  host: string,
): ConnectionOptions | null {
  if (tls === undefined) return null;
  const accepted = tls.servername === undefined ? [...new Set([host, ...named])] : [tls.servername];
  // an address cannot be asked for by name (SNI)
  const servername = accepted.find((name) => isIP(name) === 0);
  return {
    minVersion: 'TLSv1.2',
    ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: readFileSync(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
    ...(servername === undefined ? {} : { servername }),
    checkServerIdentity: (_asked, certificate) => mismatch(accepted, certificate),
  };
}

/** Undefined: the certificate is for one of the names. */
function mismatch(accepted: readonly string[], certificate: PeerCertificate): Error | undefined {
  if (accepted.some((name) => checkServerIdentity(name, certificate) === undefined)) return undefined;
  const names = certificate.subjectaltname ?? `CN=${certificate.subject?.CN ?? ''}`;
  return new Error(
    `Hostname/IP does not match the certificate, which is for ${names} and not for ${accepted.join(' or ')}: say which name is right with ?servername=`,
  );
}
