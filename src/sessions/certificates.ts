/**
 * TLS towards clients: 1.2 at least, certificates by the name that the client asks for, and their renewal.
 *
 * The files are read when a Ferry starts and at each reload: first all of them, then they take effect together, for the
 * handshakes from then on. Connections that are there go on with what they began with. Whether clients must have a
 * certificate is decided once.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { Config } from '../config/config.js';

/** A deadline for the handshake: one that was begun and not finished holds a place. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

type TlsConfig = NonNullable<Config['tls']>;

export class Certificates {
  readonly server: Server;
  private byName: ReadonlyMap<string, SecureContext>;

  /** @throws when a file cannot be read, is none of its kind, or a key does not belong to its certificate */
  constructor(private readonly tls: TlsConfig) {
    this.byName = contextsOf(tls);
    this.server = createServer({
      ...filesOf(tls),
      requestCert: tls.clientAuth !== 'no',
      rejectUnauthorized: tls.clientAuth === 'required',
      minVersion: 'TLSv1.2',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      allowHalfOpen: false,
      // a name without a certificate of its own gets the default one
      SNICallback: (name, done) => done(null, this.byName.get(name.toLowerCase())),
    });
  }

  /** Reads all files anew; what it returns makes them count. @throws as the constructor, and nothing has changed then */
  prepare(tls: TlsConfig): () => void {
    const files = filesOf(tls);
    const contexts = contextsOf(tls);
    return () => {
      this.server.setSecureContext({ ...files, minVersion: 'TLSv1.2' });
      this.byName = contexts;
    };
  }

  /** Who need not show a certificate must not show a wrong one. */
  isRefused(socket: TLSSocket): boolean {
    if (this.tls.clientAuth !== 'optional' || socket.authorized) return false;
    return Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
  }
}

interface Files {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

function filesOf({ cert, key, ca }: Pick<TlsConfig, 'cert' | 'key' | 'ca'>): Files {
  const files = { cert: readFileSync(cert), key: readFileSync(key), ...(ca === null ? {} : { ca: readFileSync(ca) }) };
  try {
    createSecureContext({ ...files, minVersion: 'TLSv1.2' });
  } catch (error) {
    const names = cert === key ? cert : `${cert} and ${key}`;
    throw new Error(`${names}: not a certificate and its key in PEM form (${(error as Error).message})`);
  }
  try {
    if (files.ca !== undefined) new X509Certificate(files.ca); // the context passes over what is none
  } catch (error) {
    throw new Error(`${ca}: no certificate in PEM form (${(error as Error).message})`);
  }
  return files;
}

function contextsOf({ sni, ca }: TlsConfig): Map<string, SecureContext> {
  return new Map(
    Object.entries(sni).map(([name, { cert, key }]) => [
      name.toLowerCase(),
      createSecureContext({ ...filesOf({ cert, key, ca }), minVersion: 'TLSv1.2' }),
    ]),
  );
}
