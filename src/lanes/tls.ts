/**
 * TLS towards a server: what a `rediss://` connection string says, as Node wants it. TLS 1.2 at least.
 *
 *   servername given    that name is verified, on every server
 *   else                the certificate must be for the host that the connection goes to, or for one of the hosts of the
 *                       connection string: where discovery gives addresses, those are the names that somebody vouched for
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';

/** What a connection string says of TLS. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/**
 * `named`: the hosts of the connection string; `host`: where the connection goes. Null: the connection is plain.
 * @throws when a file cannot be read, with its name, or is no good
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
    ...filesOf(tls),
    ...(servername === undefined ? {} : { servername }),
    checkServerIdentity: (_asked, certificate) => mismatch(accepted, certificate),
  };
}

/** The files of a side, as its connections use them: read once for each host, and all again when they are renewed. */
export class TlsOptions {
  private readonly made: { readonly options: ConnectionOptions; readonly tls: TlsFiles }[] = [];

  /** As `tlsOptionsOf`; what it returns follows the files. */
  of(tls: TlsFiles | undefined, named: readonly string[], host: string): ConnectionOptions | null {
    const options = tlsOptionsOf(tls, named, host);
    if (options !== null && tls !== undefined) this.made.push({ options, tls });
    return options;
  }

  /** Reads all files; what it returns makes them count for connections from then on. @throws as `tlsOptionsOf`, and then nothing changes */
  prepare(): () => void {
    const fresh = this.made.map(({ options, tls }) => ({ options, files: filesOf(tls) }));
    return () => {
      for (const { options, files } of fresh) Object.assign(options, files);
    };
  }
}

/** @throws when they are no good: a connection would only say that nobody answers, or that nobody is trusted */
function filesOf({ ca, cert, key }: TlsFiles): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const files = {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
  };
  // a key that does not belong to its certificate is said here; what is no certificate at all would be passed over
  createSecureContext(files);
  if (files.ca !== undefined) new X509Certificate(files.ca);
  return files;
}

/** Undefined: the certificate is for one of the names. */
function mismatch(accepted: readonly string[], certificate: PeerCertificate): Error | undefined {
  if (accepted.some((name) => checkServerIdentity(name, certificate) === undefined)) return undefined;
  const names = certificate.subjectaltname ?? `CN=${certificate.subject?.CN ?? ''}`;
  return new Error(
    `Hostname/IP does not match the certificate, which is for ${names} and not for ${accepted.join(' or ')}: say which name is right with ?servername=`,
  );
}
