/**
 * What follows the '?' of a connection string: its options, and what they say about TLS and about the sentinels.
 *
 *     ca=FILE cert=FILE key=FILE servername=NAME                          rediss://, rediss+cluster://, rediss+sentinel://
 *     sentinel-username=… sentinel-password=… sentinel-tls=yes|no         redis+sentinel://, rediss+sentinel://
 *     sentinel-ca=FILE sentinel-cert=FILE sentinel-key=FILE sentinel-servername=NAME      the same two
 *
 * The sentinels are reached over TLS if `sentinel-tls` says so, and without it as the data nodes are. Over TLS they get
 * the data nodes' files unless they have their own; a client certificate and its key only count as a pair.
 * An option that would have no effect is an error, as are unknown, empty and repeated ones. Values are percent-decoded,
 * and `+` is a plus.
 */
import { ConfigError } from './errors.js';

export interface TlsFiles {
  /** files in PEM form */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** the name to verify where it is not the host's */
  readonly servername?: string;
}

/** How to reach the sentinels themselves. */
export interface SentinelAccess {
  /** null: the sentinels' default user */
  readonly username: string | null;
  /** null: no authentication */
  readonly password: string | null;
  readonly tls?: TlsFiles;
}

export type UrlOptions = ReadonlyMap<string, string>;

export const TLS_OPTIONS: readonly string[] = ['ca', 'cert', 'key', 'servername'];
const SENTINEL_TLS_OPTIONS: readonly string[] = TLS_OPTIONS.map((name) => `sentinel-${name}`);
export const SENTINEL_OPTIONS: readonly string[] = [
  'sentinel-username',
  'sentinel-password',
  'sentinel-tls',
  ...SENTINEL_TLS_OPTIONS,
];

/** `query` is what is behind the '?'; `known` the options that `scheme` takes. */
export function readOptions(query: string, scheme: string, known: readonly string[], shown: string): UrlOptions {
  const options = new Map<string, string>();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (known.length === 0) throw new ConfigError(`'${shown}' has options after '?': ${scheme}:// takes none.`);
    if (!known.includes(name)) {
      throw new ConfigError(
        `'${shown}' has the unknown option '${name}': ${known.join(', ')} are known to ${scheme}://.`,
      );
    }
    if (equals < 0 || equals === part.length - 1) {
      throw new ConfigError(`'${shown}' has the option '${name}' without a value: expected ${name}=VALUE.`);
    }
    if (options.has(name)) throw new ConfigError(`'${shown}' has the option '${name}' twice: give it once.`);
    options.set(name, decodePart(part.slice(equals + 1), `option '${name}'`, shown));
  }
  return options;
}

/** The TLS options whose names begin with `prefix`. */
export function tlsFilesOf(options: UrlOptions, prefix: '' | 'sentinel-', shown: string): TlsFiles {
  if (options.has(`${prefix}cert`) !== options.has(`${prefix}key`)) {
    throw new ConfigError(
      `'${shown}' has only one of ${prefix}cert and ${prefix}key: a client certificate needs both.`,
    );
  }
  const given = TLS_OPTIONS.flatMap((name) => {
    const value = options.get(prefix + name);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(given);
}

/** `data`: the TLS of the data nodes; null: they are reached without. */
export function sentinelAccessOf(options: UrlOptions, data: TlsFiles | null, shown: string): SentinelAccess {
  const username = options.get('sentinel-username') ?? null;
  const password = options.get('sentinel-password') ?? null;
  if (username !== null && password === null) {
    throw new ConfigError(`'${shown}' has sentinel-username without sentinel-password: give both, or none.`);
  }
  const wish = options.get('sentinel-tls') ?? (data === null ? 'no' : 'yes');
  if (wish !== 'yes' && wish !== 'no') {
    throw new ConfigError(`'${shown}' has sentinel-tls=${wish}: expected yes or no.`);
  }
  const own = tlsFilesOf(options, 'sentinel-', shown);
  if (wish === 'yes') return { username, password, tls: { ...data, ...own } };
  const idle = SENTINEL_TLS_OPTIONS.find((name) => options.has(name));
  if (idle !== undefined) {
    throw new ConfigError(`'${shown}' has ${idle}, but reaches the sentinels without TLS: add sentinel-tls=yes.`);
  }
  return { username, password };
}

/** @throws ConfigError that does not show the text, since it may be a secret */
export function decodePart(text: string, what: string, shown: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError(`The ${what} in '${shown}' is not valid percent-encoding: write a literal % as %25.`);
  }
}
