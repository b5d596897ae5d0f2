/** TLS towards a server: what a `rediss://` connection string says, as Node wants it. TLS 1.2 at least. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Endpoint } from '../config/url.js';

/** Null: the connection is plain. @throws when a file cannot be read, with its name */
export function tlsOptionsOf(endpoint: Endpoint): ConnectionOptions | null {
  const { tls } = endpoint;
  if (tls === undefined) return null;
  const servername = tls.servername ?? (isIP(endpoint.host) === 0 ? endpoint.host : undefined);
  return {
    minVersion: 'TLSv1.2',
    ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: readFileSync(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
    ...(servername === undefined ? {} : { servername }),
  };
}
