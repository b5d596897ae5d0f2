/**
 * Connection strings: text ↔ `Endpoint`.
 *
 *     redis://[user[:password]@]host[:port][/db]     standalone
 *     unix:///path[?db=n]                            standalone, over a socket file
 *     rediss://…[?ca=FILE&cert=FILE&key=FILE&servername=NAME]   the same over TLS
 *     redis+cluster:// redis+sentinel://             recognised, and refused: not supported yet
 *
 * Every error is one sentence that names the (redacted) URL and what would be right. User and password are
 * percent-decoded; a literal `@`, `:` or `/` in a password must be percent-encoded, as in every URL.
 */
import { redactUrl } from '../observe/redact.js';
import { ConfigError } from './errors.js';

export { redactUrl } from '../observe/redact.js';

export interface Endpoint {
  readonly kind: 'standalone';
  readonly host: string;
  readonly port: number;
  readonly db: number;
  /** null: the server's default user */
  readonly username: string | null;
  /** null: no authentication */
  readonly password: string | null;
  /** a UNIX socket; host and port are then only decoration */
  readonly path?: string;
  /** `rediss://`: files in PEM form, and the name to verify where it is not the host's */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string };
  /** the connection string without its password, for logs, status and errors */
  readonly url: string;
}

const DEFAULT_PORT = 6379;
const NOT_YET: Record<string, string> = {
  'redis+cluster:': 'Redis Cluster (redis+cluster://)',
  'rediss+cluster:': 'Redis Cluster over TLS (rediss+cluster://)',
  'redis+sentinel:': 'Sentinel (redis+sentinel://)',
  'rediss+sentinel:': 'Sentinel over TLS (rediss+sentinel://)',
};

export function parseEndpoint(text: string): Endpoint {
  const shown = redactUrl(text);
  const scheme = /^([a-z][a-z0-9+.-]*:)\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    throw new ConfigError(
      `'${shown}' is not a connection string: expected redis://[user[:password]@]host[:port][/db].`,
    );
  }
  const notYet = NOT_YET[scheme];
  if (notYet !== undefined) throw new ConfigError(`${notYet} is not supported yet ('${shown}').`);
  if (scheme === 'unix:') return parseUnix(text, shown);
  if (scheme === 'redis:' || scheme === 'rediss:') return parseRedis(text, shown, scheme === 'rediss:');
  throw new ConfigError(`'${shown}' has the unknown scheme '${scheme}//': expected redis://, rediss:// or unix://.`);
}

function parseRedis(text: string, shown: string, isTls: boolean): Endpoint {
  const url = parseUrl(text, shown);
  if (url.hostname === '') throw new ConfigError(`'${shown}' names no host: expected redis://host[:port][/db].`);
  if (url.port === '0') throw new ConfigError(`'${shown}' has port 0: expected a port from 1 to 65535.`);
  if (url.hash !== '' || (url.search !== '' && !isTls)) {
    throw new ConfigError(`'${shown}' has options after '?' or '#': redis:// takes none.`);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const db = parseDb(url.pathname.slice(1), shown);
  const tls = isTls ? { tls: parseTls(url, shown) } : {};
  return { kind: 'standalone', host, port, db, ...parseLogin(url, shown), ...tls, url: shown };
}

const TLS_OPTIONS = ['ca', 'cert', 'key', 'servername'];

function parseTls(url: URL, shown: string): NonNullable<Endpoint['tls']> {
  const unknown = [...url.searchParams.keys()].find((name) => !TLS_OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(`'${shown}' has the unknown option '${unknown}': ${TLS_OPTIONS.join(', ')} are known.`);
  }
  if (url.searchParams.has('cert') !== url.searchParams.has('key')) {
    throw new ConfigError(`'${shown}' has only one of cert and key: a client certificate needs both.`);
  }
  return Object.fromEntries(url.searchParams);
}

function parseUnix(text: string, shown: string): Endpoint {
  const url = parseUrl(text, shown);
  if (url.hostname !== '' || url.pathname.length < 2) {
    throw new ConfigError(`'${shown}' names no socket: expected unix:///absolute/path, with three slashes.`);
  }
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'db');
  if (unknown !== undefined)
    throw new ConfigError(`'${shown}' has the unknown option '${unknown}': only ?db= is known.`);
  const path = decode(url.pathname, 'path', shown);
  const db = parseDb(url.searchParams.get('db') ?? '', shown);
  return { kind: 'standalone', host: 'localhost', port: 0, db, ...parseLogin(url, shown), path, url: shown };
}

function parseUrl(text: string, shown: string): URL {
  try {
    return new URL(text);
  } catch {
    const port = /:(\d+)(?:\/|$)/.exec(text)?.[1];
    const why = port !== undefined && Number(port) > 65535 ? `has port ${port}, which is over 65535` : 'is not a URL';
    throw new ConfigError(`'${shown}' ${why}: expected redis://[user[:password]@]host[:port][/db].`);
  }
}

function parseDb(text: string, shown: string): number {
  if (text === '') return 0;
  if (!/^\d{1,9}$/.test(text))
    throw new ConfigError(`'${shown}' has the database '${text}': expected a number such as 0.`);
  return Number(text);
}

function parseLogin(url: URL, shown: string): { username: string | null; password: string | null } {
  return {
    username: url.username === '' ? null : decode(url.username, 'user name', shown),
    password: url.password === '' ? null : decode(url.password, 'password', shown),
  };
}

function decode(text: string, what: string, shown: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError(`The ${what} in '${shown}' is not valid percent-encoding: write a literal % as %25.`);
  }
}
