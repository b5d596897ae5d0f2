/**
 * Connection strings: text ↔ `Endpoint`.
 *
 *     redis://[user[:password]@]host[:port][/db]                            standalone
 *     unix:///path[?db=n]                                                   standalone, over a socket file
 *     redis+cluster://[user[:password]@]host[:port][,host[:port]…][/0]      Redis Cluster, by any of its nodes
 *     redis+sentinel://[user[:password]@]host[:port][,…]/master-name[/db]   the master that the sentinels name
 *     rediss://… rediss+cluster://… rediss+sentinel://…                     the same over TLS, to every server
 *
 * User and password are those of the data nodes. What may follow behind a '?' is in url-options.ts.
 * Every error is one sentence that names the (redacted) URL and what would be right. User and password are
 * percent-decoded; a literal `@`, `/`, `?` or `#` in a password must be percent-encoded, as in every URL.
 */
import { redactConnection } from '../observe/redact.js';
import { type Address, readAddressList } from './addresses.js';
import { ConfigError } from './errors.js';
import {
  decodePart,
  readOptions,
  SENTINEL_OPTIONS,
  type SentinelAccess,
  sentinelAccessOf,
  TLS_OPTIONS,
  type TlsFiles,
  tlsFilesOf,
  type UrlOptions,
} from './url-options.js';

export { redactUrl } from '../observe/redact.js';
export type { Address } from './addresses.js';
export type { SentinelAccess, TlsFiles } from './url-options.js';

export interface Endpoint {
  readonly kind: 'standalone' | 'sentinel' | 'cluster';
  /** host and port of the first address */
  readonly host: string;
  readonly port: number;
  /** never empty. standalone: the server; cluster: the nodes to ask first; sentinel: the sentinels */
  readonly addresses: readonly Address[];
  /** 0 in a cluster */
  readonly db: number;
  /** null: the server's default user */
  readonly username: string | null;
  /** null: no authentication */
  readonly password: string | null;
  /** a UNIX socket; host, port and addresses are then only decoration */
  readonly path?: string;
  /** `rediss…://`: TLS to every data node */
  readonly tls?: TlsFiles;
  /** sentinel: the name of the master */
  readonly master?: string;
  /** sentinel: how to reach the sentinels themselves */
  readonly sentinel?: SentinelAccess;
  /** the connection string without its secrets, for logs, status and errors */
  readonly url: string;
}

interface Form {
  readonly kind: Endpoint['kind'];
  readonly isTls: boolean;
  readonly defaultPort: number;
  readonly options: readonly string[];
}

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['redis', { kind: 'standalone', isTls: false, defaultPort: 6379, options: [] }],
  ['rediss', { kind: 'standalone', isTls: true, defaultPort: 6379, options: TLS_OPTIONS }],
  ['redis+cluster', { kind: 'cluster', isTls: false, defaultPort: 6379, options: [] }],
  ['rediss+cluster', { kind: 'cluster', isTls: true, defaultPort: 6379, options: TLS_OPTIONS }],
  ['redis+sentinel', { kind: 'sentinel', isTls: false, defaultPort: 26379, options: SENTINEL_OPTIONS }],
  [
    'rediss+sentinel',
    { kind: 'sentinel', isTls: true, defaultPort: 26379, options: [...TLS_OPTIONS, ...SENTINEL_OPTIONS] },
  ],
]);

export function parseEndpoint(given: string): Endpoint {
  const text = given.trim();
  const shown = redactConnection(text);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    throw new ConfigError(
      `'${shown}' is not a connection string: expected redis://[user[:password]@]host[:port][/db].`,
    );
  }
  if (scheme === 'unix') return parseUnix(text, shown);
  const form = FORMS.get(scheme);
  if (form === undefined) {
    throw new ConfigError(
      `'${shown}' has the unknown scheme '${scheme}://': expected redis://, rediss:// or unix://, or redis+cluster:// or redis+sentinel://.`,
    );
  }
  const parts = split(text, shown);
  const options = readOptions(parts.query, scheme, form.options, shown);
  const addresses = readAddressList(parts.hosts, form.defaultPort, shown);
  return {
    kind: form.kind,
    ...first(addresses),
    addresses,
    ...whichData(form, addresses, parts.path, shown),
    ...loginOf(parts.login, shown),
    ...secured(form, options, shown),
    url: shown,
  };
}

interface Parts {
  /** `user:password`, still percent-encoded; '' without */
  readonly login: string;
  readonly hosts: string;
  /** without its first slash */
  readonly path: string;
  readonly query: string;
}

function split(text: string, shown: string): Parts {
  const match = /^[^/]*\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/s.exec(text);
  const [, authority = '', path = '', query = '', fragment] = match ?? [];
  // Most likely the end of a password, which later sentences would quote as a host or a database.
  if (`${path}${query}${fragment ?? ''}`.includes('@')) {
    throw new ConfigError(
      `'${shown}' has an '@' behind its hosts: write / ? # @ in a password, user or option as %2F %3F %23 %40.`,
    );
  }
  if (fragment !== undefined) throw new ConfigError(`'${shown}' has a '#': write it as %23.`);
  const at = authority.lastIndexOf('@');
  return { login: authority.slice(0, Math.max(at, 0)), hosts: authority.slice(at + 1), path, query };
}

function first(addresses: readonly Address[]): Address {
  const [address] = addresses;
  if (address === undefined) throw new Error('a list of addresses is never empty');
  return { host: address.host, port: address.port };
}

/** What the path says: the database, and the master's name. */
function whichData(
  form: Form,
  addresses: readonly Address[],
  path: string,
  shown: string,
): Pick<Endpoint, 'db' | 'master'> {
  if (form.kind === 'sentinel') return parseMaster(path, shown);
  const db = parseDb(path, shown);
  if (form.kind === 'cluster' && db !== 0) {
    throw new ConfigError(`'${shown}' has the database ${db}: a Cluster has only database 0, so leave it out.`);
  }
  if (form.kind === 'standalone' && addresses.length > 1) {
    throw new ConfigError(
      `'${shown}' names ${addresses.length} hosts: expected one, or redis+cluster:// or redis+sentinel:// for several.`,
    );
  }
  return { db };
}

function parseMaster(path: string, shown: string): Pick<Endpoint, 'db' | 'master'> {
  const slash = path.indexOf('/');
  const name = slash < 0 ? path : path.slice(0, slash);
  const master = decodePart(name, "master's name", shown);
  if (master.trim() === '') {
    throw new ConfigError(`'${shown}' names no master: expected redis+sentinel://host:port,host:port/master-name.`);
  }
  return { db: slash < 0 ? 0 : parseDb(path.slice(slash + 1), shown), master };
}

/** What scheme and options say about TLS and the sentinels. */
function secured(form: Form, options: UrlOptions, shown: string): Pick<Endpoint, 'tls' | 'sentinel'> {
  const tls = form.isTls ? tlsFilesOf(options, '', shown) : null;
  return {
    ...(tls === null ? {} : { tls }),
    ...(form.kind === 'sentinel' ? { sentinel: sentinelAccessOf(options, tls, shown) } : {}),
  };
}

function parseUnix(text: string, shown: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname !== '' || url.pathname.length < 2) {
    throw new ConfigError(`'${shown}' names no socket: expected unix:///absolute/path, with three slashes.`);
  }
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'db');
  if (unknown !== undefined)
    throw new ConfigError(`'${shown}' has the unknown option '${unknown}': only ?db= is known.`);
  const path = decodePart(url.pathname, 'path', shown);
  const db = parseDb(url.searchParams.get('db') ?? '', shown);
  const decoration = { host: 'localhost', port: 0 };
  const login = { username: null, password: null };
  return { kind: 'standalone', ...decoration, addresses: [decoration], db, ...login, path, url: shown };
}

function parseDb(text: string, shown: string): number {
  if (text === '') return 0;
  if (!/^\d{1,9}$/.test(text))
    throw new ConfigError(`'${shown}' has the database '${text}': expected a number such as 0.`);
  return Number(text);
}

function loginOf(login: string, shown: string): Pick<Endpoint, 'username' | 'password'> {
  const colon = login.indexOf(':');
  const username = colon < 0 ? login : login.slice(0, colon);
  const password = colon < 0 ? '' : login.slice(colon + 1);
  return {
    username: username === '' ? null : decodePart(username, 'user name', shown),
    password: password === '' ? null : decodePart(password, 'password', shown),
  };
}
