/**
 * The flags of the verbs, each with its environment variable: `--max-pause` is also FERRY_MAX_PAUSE. A flag wins.
 *
 * `serve` has its own list (config/options.ts). The config file can name `admin` and `token` for every verb.
 */
import { hostname, userInfo } from 'node:os';
import type { Argv, InferredOptionTypes, Options } from 'yargs';
import { ConfigError, StartError } from '../config/errors.js';
import { AdminClient } from './client.js';

export type Flags = Record<string, Options>;

/** Adds the flags; what the environment holds becomes their default. */
export function withFlags<T, F extends Flags>(
  yargs: Argv<T>,
  flags: F,
): Argv<Omit<T, keyof F> & InferredOptionTypes<F>> {
  const complete = Object.fromEntries(
    Object.entries(flags).map(([name, option]) => [name, { ...option, ...fromEnvironment(name, option) }]),
  ) as F;
  return yargs.options(complete);
}

/** Where a running Ferry is; every verb but serve, preflight and demo has these. */
export const ADMIN_FLAGS = {
  admin: { type: 'string', requiresArg: true, describe: 'where the running Ferry’s admin API is' },
  token: { type: 'string', requiresArg: true, describe: 'its bearer token' },
  config: { type: 'string', requiresArg: true, describe: 'a config file that names admin and token' },
  by: { type: 'string', requiresArg: true, describe: 'who asks, for the record; else the user and machine' },
  json: { type: 'boolean', default: false, describe: 'one JSON document on stdout' },
} as const satisfies Flags;

/** Of the verbs that cut over: a person is asked, and answers nobody unless somebody is named. */
export const KNOWN_FLAG = {
  string: true,
  requiresArg: true,
  default: [],
  defaultDescription: 'nobody',
  coerce: (given: unknown): string[] => {
    const lists = [given].flat();
    if (lists.some((list) => typeof list !== 'string')) throw new ConfigError('--known: expected names, with commas.');
    return lists.flatMap((list) => String(list).split(',')).flatMap((name) => name.trim() || []);
  },
  describe: 'names, users or addresses that may stay connected to the servers past Ferry; * for all',
} as const satisfies Options;

const DEFAULT_ADMIN = 'http://127.0.0.1:6390';

interface AdminArguments {
  admin?: string;
  token?: string;
  config?: string;
  by?: string;
}

/** `verb`: of one that takes steps by itself, for the record. */
export async function adminClient(argv: AdminArguments, verb = ''): Promise<AdminClient> {
  const file = argv.config === undefined ? {} : await readFile(argv.config);
  const token = argv.token ?? (file.token === undefined ? undefined : String(file.token));
  const name = argv.by ?? operator();
  return new AdminClient(
    argv.admin ?? String(file.admin ?? DEFAULT_ADMIN),
    token,
    verb === '' ? name : `${name}, ${verb}`,
  );
}

/** The operating system's user and machine: not a proof of anything, but what an operator knows others by. */
function operator(): string {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    user = `uid ${process.getuid?.() ?? '?'}`; // one without a name, as in containers
  }
  return `${user}@${hostname()}`;
}

/** For `coerce`: a whole number, or one sentence. */
export function wholeNumber(
  flag: string,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): (value: unknown) => number | undefined {
  return (value) => {
    if (value === undefined) return undefined;
    const number = Number(value);
    if (!/^\d+$/.test(String(value)) || number < least || number > most) {
      const upTo = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new ConfigError(`--${flag}: expected a whole number ${upTo}, not '${value}'.`);
    }
    return number;
  };
}

/** Loaded only when it is needed: checking a configuration takes more time to load than a status to fetch. */
async function readFile(path: string): Promise<Record<string, unknown>> {
  const { readConfigFile } = await import('../config/load.js');
  return readConfigFile(path);
}

function fromEnvironment(name: string, option: Options): Options {
  const variable = name === 'token' ? 'FERRY_ADMIN_TOKEN' : `FERRY_${name.toUpperCase().replaceAll('-', '_')}`;
  const describe = `${option.describe} [${variable}]`;
  const value = process.env[variable];
  if (value === undefined || value === '') return { describe };
  if (option.type !== 'boolean') return { describe, default: value, defaultDescription: `$${variable}` };
  if (/^(true|yes|on|1)$/i.test(value)) return { describe, default: true };
  if (/^(false|no|off|0)$/i.test(value)) return { describe, default: false };
  throw new StartError(2, `${variable}: expected true or false, not '${value}'.`);
}
