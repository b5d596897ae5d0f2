/**
 * TLS towards a server: what a `rediss://` connection string says, as Node wants it. TLS 1.2 at least.
 *
 * The name that is verified is the one given (`servername`), else the host's. Where discovery gives an address instead of
 * a name, the name of the connection string is verified: it is the only one that somebody vouched for.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

/** What a connection string says of TLS. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/**
 * `named`: the host of the connection string; `host`: where the connection goes. Null: the connection is plain.
 * @throws when a file cannot be read, with its name
 */
export function tlsOptionsOf(tls: TlsFiles | undefined, named: string, host = named): ConnectionOptions | null {
  if (tls === undefined) return null;
  const servername = tls.servername ?? [host, named].find((name) => isIP(name) === 0);
  return {
    minVersion: 'TLSv1.2',
    ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: readFileSync(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
    ...(servername === undefined ? {} : { servername }),
  };
}
