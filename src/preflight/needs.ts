/**
 * What Ferry's account must be able to do on a server, and what happens where it may not: the list behind the findings
 * about rights and behind the ready ACL text. It follows what src/ really sends under Ferry's own account; a test runs a
 * whole migration under exactly that text.
 *
 * Clients' commands are not here: they go under the clients' own accounts.
 */
import type { CommandFacts } from './facts.js';

export interface Need {
  /** as it is spoken, and as the docs name it */
  readonly name: string;
  /** one call, for ACL DRYRUN; it is never made */
  readonly call: readonly [string, ...string[]];
  /** Ferry cannot work without it */
  readonly isVital: boolean;
  /** what happens without it */
  readonly without: string;
  readonly on?: 'cluster';
}

/** One of Ferry's own keys: they are outside an application's patterns. */
export const OWN_KEY = '__ferry:probe:rights';

const VITAL = 'the migration cannot run';
const BY_TYPE = 'every key is copied and compared by its type: exact, but many times slower';
const FENCING = 'connections that were lost cannot be killed on the server, so their keys wait for --settle-ms';

function vital(name: string, ...call: [string, ...string[]]): Need {
  return { name, call, isVital: true, without: VITAL };
}

function wanted(name: string, call: readonly [string, ...string[]], without: string): Need {
  return { name, call, isVital: false, without };
}

export const NEEDS: readonly Need[] = [
  vital('GET', 'GET', OWN_KEY),
  vital('SET', 'SET', OWN_KEY, 'x'),
  vital('DEL', 'DEL', OWN_KEY),
  vital('HSET', 'HSET', OWN_KEY, 'f', 'v'),
  vital('RENAME', 'RENAME', OWN_KEY, OWN_KEY),
  vital('PEXPIREAT', 'PEXPIREAT', OWN_KEY, '1'),
  vital('TYPE', 'TYPE', OWN_KEY),
  vital('PTTL', 'PTTL', OWN_KEY),
  vital('SCAN', 'SCAN', '0'),
  vital('SELECT', 'SELECT', '0'),
  vital('MULTI', 'MULTI'),
  vital('EXEC', 'EXEC'),
  vital('TIME', 'TIME'),
  vital('PING', 'PING'),
  { ...vital('CLUSTER NODES', 'CLUSTER', 'NODES'), on: 'cluster' },
  { ...vital('CLUSTER SLOTS', 'CLUSTER', 'SLOTS'), on: 'cluster' },
  wanted(
    'CLIENT LIST',
    ['CLIENT', 'LIST'],
    `${FENCING}; and other writers cannot be ruled out, so that a cutover has to be confirmed (--known '*')`,
  ),
  wanted('CLIENT KILL', ['CLIENT', 'KILL', 'ID', '1'], FENCING),
  wanted('CLIENT TRACKING', ['CLIENT', 'TRACKING', 'OFF'], 'changes that do not come through Ferry are not seen'),
  wanted('INFO', ['INFO'], 'memory, eviction and the identity of the server are known less well'),
  wanted('COMMAND', ['COMMAND'], 'Ferry goes by a shipped list of commands'),
  wanted(
    'CONFIG GET',
    ['CONFIG', 'GET', 'maxmemory'],
    'settings are not checked; without INFO too, the cutover is blocked',
  ),
  wanted('DUMP', ['DUMP', OWN_KEY], BY_TYPE),
  wanted('RESTORE', ['RESTORE', OWN_KEY, '0', 'x'], BY_TYPE),
  wanted('MEMORY USAGE', ['MEMORY', 'USAGE', OWN_KEY], 'big keys are not recognized and are copied in one piece'),
  wanted('SCRIPT LOAD', ['SCRIPT', 'LOAD', 'return 1'], 'if clients use EVALSHA, the cutover is blocked'),
  wanted('FUNCTION LIST', ['FUNCTION', 'LIST'], 'if clients use functions, the cutover is blocked'),
  wanted('FUNCTION RESTORE', ['FUNCTION', 'RESTORE', 'x'], 'functions are not copied: load them by hand'),
  wanted('FLUSHALL', ['FLUSHALL'], "a client's FLUSHALL or FLUSHDB cannot be mirrored, and every key becomes dirty"),
];

/** Beyond writes: how Ferry logs in, looks around and reads keys for copies and comparisons. */
const ALLOWED =
  'hello ping select multi exec discard time scan dbsize info command readonly wait ' +
  'client|id client|setname client|list client|kill client|tracking client|unblock client|caching ' +
  'config|get memory|usage acl|whoami acl|dryrun acl|getuser slowlog|get latency|latest module|list ' +
  'cluster|nodes cluster|slots cluster|info cluster|getkeysinslot cluster|countkeysinslot asking ' +
  'dump restore type exists pttl pexpiretime object|freq strlen get getrange llen lrange hlen hget hgetall hscan hmget hexists ' +
  'hpexpiretime scard sscan smembers sismember smismember zcard zrange zscan zscore xlen xrange xinfo|stream ' +
  'xinfo|groups xinfo|consumers xpending xreadgroup vinfo vrandmember vemb vgetattr vlinks ' +
  'vadd vrem vsetattr flushall flushdb ' +
  'script|load script|exists script|flush function|list function|dump function|restore function|load function|delete ' +
  'function|flush eval evalsha fcall';

/** Of these, what Redis 7.0 does not have. */
const NEWER_THAN_7_0 = /^(?:hpexpiretime|vinfo|vrandmember|vemb|vgetattr|vlinks|vadd|vrem|vsetattr)$/;

const CONTAINER_OF = /^([^|]+)\|/;

/**
 * `ACL SETUSER …` for one server that has these commands; null commands: those of Redis 7.0 are assumed.
 *
 * All writes but the dangerous ones: what a client writes on one side, Ferry writes on the other under its own account, and
 * after the cutover the other way round. Reads are listed one by one.
 */
export function aclText(commands: ReadonlyMap<string, CommandFacts> | null, user: string, isCluster: boolean): string {
  const known = (name: string): boolean => {
    if (commands === null) return !NEWER_THAN_7_0.test(name);
    if (commands.has(name)) return true;
    // before 7.0 COMMAND does not list subcommands, but rules may name them
    const container = CONTAINER_OF.exec(name)?.[1];
    return container !== undefined && commands.has(container) && !listsSubcommands(commands);
  };
  const allowed = ALLOWED.split(' ').filter((name) => known(name) && (isCluster || !/^(cluster\||asking)/.test(name)));
  const rules = allowed.map((name) => `+${name}`).join(' ');
  return `ACL SETUSER ${user} on >PASSWORD ~* -@all +@write -@dangerous -@blocking ${rules}`;
}

/** Since 7.0. */
export function listsSubcommands(commands: ReadonlyMap<string, CommandFacts>): boolean {
  for (const name of commands.keys()) if (name.includes('|')) return true;
  return false;
}

/**
 * Does a user with these rules (ACL GETUSER's `commands`, in their order) have the command? For servers without ACL DRYRUN.
 * `name` as in COMMAND: `get`, `client|list`.
 */
export function allowedByRules(rules: string, name: string, categories: ReadonlySet<string>): boolean {
  const container = CONTAINER_OF.exec(name)?.[1];
  let isAllowed = false;
  for (const rule of rules.toLowerCase().split(/\s+/)) {
    const what = rule.slice(1);
    const matches = what === '@all' || what === name || what === container || categories.has(what.replace(/^@/, ''));
    if (!matches) continue;
    if (!what.startsWith('@') && what !== name && what !== container) continue;
    isAllowed = rule.startsWith('+');
  }
  return isAllowed;
}
