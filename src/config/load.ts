/**
 * Flags, environment and file → one frozen Config. Flags win over the environment, the environment over the file.
 *
 * Every failure is a ConfigError of one sentence that names where the wrong value came from: `--listen`, `FERRY_LISTEN`,
 * or a key of the file. An unknown key in the file is one too; unknown FERRY_ variables are left alone, since other
 * programs may have some.
 */
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { type Config, deepFreeze } from './config.js';
import { ConfigError } from './errors.js';
import { checkAdminAddress, isLoopback } from './loopback.js';
import { arrange, envName, isOptionName, OPTIONS, type Option, type OptionName, type OptionValues } from './options.js';
import { type Endpoint, redactUrl } from './url.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Flags = Readonly<Record<string, unknown>>;

const NAMES = Object.keys(OPTIONS).filter(isOptionName);

/** `flags` by option name; those that are undefined were not given. `config` among them is the file's path. */
export function loadConfig(flags: Flags, env: Environment = process.env): Config {
  const path = flags.config ?? env.FERRY_CONFIG;
  const file = path === undefined || path === '' ? {} : readConfigFile(String(path));
  const given: OptionValues = {};
  for (const name of NAMES) {
    const variable = env[envName(name)];
    if (flags[name] !== undefined) set(given, name, flags[name], `--${name}`);
    else if (variable !== undefined && variable !== '') set(given, name, variable, envName(name));
    else if (Object.hasOwn(file, name)) set(given, name, file[name], `'${name}' in ${path}`);
  }
  const { source, target } = given;
  if (source === undefined) throw missing('source');
  if (target === undefined) throw missing('target');
  checkTls(given);
  const config = arrange({ ...given, source, target });
  checkTogether(config);
  return deepFreeze(config);
}

function set(given: OptionValues, name: OptionName, raw: unknown, origin: string): void {
  const option: Option = OPTIONS[name];
  let result: ReturnType<Option['value']['safeParse']>;
  try {
    result = option.value.safeParse(raw);
  } catch (error) {
    // a connection string's own sentence says more than `expects`
    if (error instanceof ConfigError) throw new ConfigError(`${origin}: ${error.message}`);
    throw error;
  }
  if (!result.success) {
    const shown = SECRET.has(name)
      ? ''
      : `, not ${redactUrl(typeof raw === 'string' ? `'${raw}'` : JSON.stringify(raw))}`;
    throw new ConfigError(`${origin}: expected ${option.expects}${shown}.`);
  }
  Object.assign(given, { [name]: result.data });
}

/** Their values are never shown; a connection string's own sentence shows it redacted. */
const SECRET: ReadonlySet<OptionName> = new Set<OptionName>([
  'source',
  'target',
  'token',
  'map-users',
  'source-credentials-command',
  'target-credentials-command',
]);

/** What asks for TLS must not be passed over in silence. */
function checkTls(given: OptionValues): void {
  const alone = (['tls-key', 'tls-ca', 'tls-client-auth', 'tls-sni'] as const).find(
    (name) => given[name] !== undefined,
  );
  if (given['tls-cert'] === undefined && alone !== undefined) {
    throw new ConfigError(
      `--${alone} is given without --tls-cert: clients would not get TLS. Give the certificate too.`,
    );
  }
  const { 'tls-client-auth': auth, 'tls-ca': ca } = given;
  if (auth !== undefined && auth !== 'no' && ca === undefined) {
    throw new ConfigError(`--tls-client-auth ${auth} needs --tls-ca: the authorities of the clients' certificates.`);
  }
}

function missing(name: 'source' | 'target'): ConfigError {
  return new ConfigError(`No ${name} is given: use --${name} URL, ${envName(name)} or '${name}' in the config file.`);
}

/** The keys of a YAML file; unknown ones are an error. */
export function readConfigFile(path: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ConfigError(`The config file '${path}' cannot be read: ${redactUrl(why.replace(/[.:]$/, ''))}.`);
  }
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new ConfigError(
      `The config file '${path}' must hold 'name: value' lines, such as 'source: redis://host:6379'.`,
    );
  }
  for (const key of Object.keys(content)) {
    if (!isOptionName(key))
      throw new ConfigError(`The config file '${path}' has the unknown key '${key}'${similar(key)}.`);
  }
  return content as Record<string, unknown>;
}

function similar(key: string): string {
  const bare = (name: string): string => name.toLowerCase().replace(/[^a-z]/g, '');
  const near = NAMES.find((name) => bare(name) === bare(key)) ?? NAMES.find((name) => bare(name).includes(bare(key)));
  return near === undefined ? '' : ` (did you mean '${near}'?)`;
}

/** What no single option can say. */
function checkTogether(config: Config): void {
  const { source, target, listen, admin, limits } = config;
  if (dataPlaces(source).some((one) => dataPlaces(target).includes(one))) {
    throw new ConfigError(`Source and target are the same server (${source.url}): give two different ones.`);
  }
  for (const side of ['source', 'target'] as const) {
    if (listen.port !== 0 && places(config[side]).includes(place(listen))) {
      throw new ConfigError(
        `Ferry would listen on its own ${side}'s address (${config[side].url}): choose another --listen.`,
      );
    }
  }
  if (listen.port !== 0 && place(listen) === place(admin)) {
    throw new ConfigError(`--listen and --admin are the same address (${listen.host}:${listen.port}).`);
  }
  checkAdminAddress(admin);
  if (limits.copyBudgetBytes < limits.bigKeyBytes) {
    throw new ConfigError(`--copy-budget-bytes must be at least --big-key-bytes (${limits.bigKeyBytes}).`);
  }
}

/** Texts that two sides share if they are certainly the same data: the same sentinels may well watch two masters. */
function dataPlaces(side: Endpoint): string[] {
  return side.kind === 'sentinel' ? places(side).map((address) => `${side.master} of ${address}`) : places(side);
}

function places(side: Endpoint): string[] {
  return side.path === undefined ? side.addresses.map(place) : [side.path];
}

function place(at: Pick<Endpoint, 'host' | 'port' | 'path'>): string {
  return at.path ?? `${isLoopback(at.host) ? 'loopback' : at.host.toLowerCase()}:${at.port}`;
}
