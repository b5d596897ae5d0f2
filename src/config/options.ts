/**
 * The one list of what can be configured.
 *
 * An entry's name is its flag (`--state-dir`), its key in the config file (`state-dir:`) and, in capitals behind
 * FERRY_, its environment variable (`FERRY_STATE_DIR`) unless `env` says otherwise. `value` turns whatever the three
 * give (text, or a YAML value) into the checked value; `expects` completes the sentence "expected …" when it cannot.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { PHASES } from '../phases/phase.js';
import { addressText, readAddress } from './addresses.js';
import { type Config, DEFAULTS, LOG_LEVELS } from './config.js';
import { parseEndpoint } from './url.js';

export interface Option {
  readonly value: z.ZodType;
  readonly expects: string;
  readonly describe: string;
  /** shown in --help; null when there is none */
  readonly default: string | null;
  readonly env?: string;
  /** a flag without a value */
  readonly boolean?: true;
}

const text = z.union([z.string(), z.number()]).transform(String);
const endpoint = text.transform(parseEndpoint);
const TRUE = ['true', 'yes', 'on', '1'];
const FALSE = ['false', 'no', 'off', '0'];
const boolean = z
  .union([z.string(), z.number(), z.boolean()])
  .transform((value) => String(value).toLowerCase())
  .refine((value) => TRUE.includes(value) || FALSE.includes(value))
  .transform((value) => TRUE.includes(value));

const list = z.union([text.transform((value) => value.split(',')), z.array(text)]).transform(trimmed);

/** Given as text it names something: what came from an empty variable is no choice. In a file `[]` is one. */
const someOf = z
  .union([text.refine((value) => /[^\s,]/.test(value)).transform((value) => value.split(',')), z.array(text)])
  .transform(trimmed);

/** `host:port`, `port`, `:port`, `[v6]:port`, and for the admin address the same as an http URL */
const address = text.transform((value, context) => {
  const match = /^(?:https?:\/\/)?(?:(?:\[([^\]]+)\]|([^:/[\]]*)):)?(\d{1,5})\/?$/.exec(value);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    context.addIssue({ code: 'custom', message: 'not an address' });
    return z.NEVER;
  }
  return { host: match[1] || match[2] || '127.0.0.1', port };
});

/** as `address`, or the path of a unix socket */
const listenAddress = text.transform((value, context) => {
  if (value.startsWith('unix://') && value.length > 8) return { host: 'localhost', port: 0, path: value.slice(7) };
  const parsed = address.safeParse(value);
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: 'not an address' });
  return z.NEVER;
});

/** with its host and its port, so that nothing is guessed about what others are told */
const publicAddress = text.transform((value, context) => {
  const parsed = readAddress(value, null);
  if (parsed !== null) return parsed;
  context.addIssue({ code: 'custom', message: 'not host:port' });
  return z.NEVER;
});

/** IP addresses as `ip:port`: a list in YAML, `10.0.0.2,10.0.0.3:5353` as text */
const nameServers = z
  .union([z.string().transform((value) => value.split(',')), z.array(z.string())])
  .transform((values, context) =>
    values.map((value) => {
      const parsed = readAddress(value.trim(), 53);
      if (parsed !== null && isIP(parsed.host) !== 0) return addressText(parsed);
      context.addIssue({ code: 'custom', message: 'not an IP address' });
      return z.NEVER;
    }),
  );

const UNIT_BYTES: Record<string, number> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

const bytes = text.transform((value, context) => {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmg])i?b?|b|)$/i.exec(value);
  if (match === null) {
    context.addIssue({ code: 'custom', message: 'not a size' });
    return z.NEVER;
  }
  return Math.round(Number(match[1]) * UNIT_BYTES[match[2]?.toLowerCase() ?? '']);
});

/** canonical → renamed: a map in YAML, `FLUSHALL=x,KEYS=y` as text */
const names = z
  .union([z.string().transform(pairs), z.record(z.string(), text)])
  .transform((map) => Object.fromEntries(Object.entries(map).map(([a, b]) => [a.toLowerCase(), b.toLowerCase()])))
  .refine((map) => Object.keys(map).every((name) => /^[a-z][a-z0-9._-]*$/.test(name)));

/** `copy` or `replay` for all; a map in YAML, `my_function=replay,default=copy` as text */
const scriptModes = z
  .union([
    z.string().transform((value) => (value.includes('=') ? pairs(value) : { default: value })),
    z.record(z.string(), z.string()),
  ])
  .transform((map) => Object.fromEntries(Object.entries(map).map(([name, mode]) => [shaOrName(name), mode])))
  .pipe(z.record(z.string(), z.enum(['copy', 'replay'])));

/**
 * database → prefix: a map in YAML, `1=db1:,2=db2:` as text. A key must show by its beginning alone which database it is
 * of, so no prefix begins with another or with that of Ferry's own keys; and a brace would change which part of a key is
 * its hash tag.
 */
const prefixes = z
  .union([z.string().refine(namesOnce).transform(pairs), z.record(z.string(), text)])
  .refine((map) => Object.keys(map).every((db) => /^[1-9]\d{0,8}$/.test(db)))
  .refine((map) => Object.values(map).every((prefix) => /^[^{}]+$/.test(prefix)))
  .refine((map) => {
    const all = [...Object.values(map), '__ferry:'];
    return all.every((one, i) => all.every((other, j) => i === j || !other.startsWith(one)));
  });

/** database numbers: a list in YAML, `0,3` as text */
const databases = someOf
  .refine((values) => values.every((value) => /^\d{1,9}$/.test(value)))
  .transform((values) => values.map(Number));

/** key patterns: a list in YAML, `user:*,cart:*` as text; Ferry's own keys are none that could be named */
const keyPatterns = someOf.refine((patterns) => patterns.every((pattern) => !pattern.startsWith('__ferry:')));

function trimmed(values: readonly string[]): string[] {
  return values.map((value) => value.trim()).filter((value) => value !== '');
}

function namesOnce(value: string): boolean {
  const parts = value.split(',').filter((part) => part !== '');
  return Object.keys(pairs(value)).length === parts.length;
}

/** SHA-1s are found in lower case, functions as they are spelt. */
function shaOrName(name: string): string {
  return /^[0-9a-f]{40}$/i.test(name) ? name.toLowerCase() : name;
}

const path = text.refine((value) => value.length > 0);

/** `name=cert:key,…`, or a map of { cert, key } */
const certificates = z.union([
  z.string().transform((value, context) => splitPairs(value, context, (cert, key) => ({ cert, key }))),
  z.record(z.string(), z.object({ cert: z.string(), key: z.string() })),
]);

/** `user=user2:password,…`, or a map of { username, password } */
const accounts = z.union([
  z
    .string()
    .transform((value, context) => splitPairs(value, context, (username, password) => ({ username, password }))),
  z.record(z.string(), z.object({ username: text.nullable().default(null), password: text })),
]);

function splitPairs<T>(
  value: string,
  context: z.RefinementCtx,
  make: (before: string, behind: string) => T,
): Record<string, T> {
  const made: Record<string, T> = {};
  for (const [name, both] of Object.entries(pairs(value))) {
    const colon = both.indexOf(':');
    if (name === '' || colon < 1) context.addIssue({ code: 'custom', message: 'not name=a:b' });
    made[name] = make(both.slice(0, colon), both.slice(colon + 1));
  }
  return made;
}

function pairs(value: string): Record<string, string> {
  const parts = value.split(',').filter((part) => part !== '');
  return Object.fromEntries(parts.map((part) => [part.split('=')[0] ?? '', part.split('=').slice(1).join('=')]));
}

function count(least: number, most: number) {
  const digits = text.refine((value) => /^\d{1,15}$/.test(value)).transform(Number);
  return { value: digits.refine((n) => n >= least && n <= most), expects: `a whole number from ${least} to ${most}` };
}

function size(leastBytes: number) {
  const expects = `a size such as 67108864, 64MiB or 1g, of at least ${leastBytes} bytes`;
  return { value: bytes.refine((n) => n >= leastBytes), expects };
}

function oneOf<const T extends readonly [string, ...string[]]>(choices: T) {
  return { value: z.enum(choices), expects: `one of ${choices.join(', ')}` };
}

const URL_EXPECTED = 'a connection string such as redis://user:password@host:6379';
const PATTERNS_EXPECTED = 'patterns of key names such as user:*,cart:[0-9]* (a list in YAML if one has a comma)';
const DATABASES_EXPECTED = 'database numbers such as 0,3';
const NAMES_EXPECTED = 'renamed commands such as FLUSHALL=my-flushall,KEYS=';
const YES_NO = { value: boolean, expects: 'true or false', boolean: true } as const;
const BILLION = 1_000_000_000;
const HOUR_MS = 3_600_000;
const { topology, timeouts, limits, backfill, cutover, scope } = DEFAULTS;

export const OPTIONS = {
  source: { value: endpoint, expects: URL_EXPECTED, default: null, describe: 'Redis that the data is in now' },
  target: { value: endpoint, expects: URL_EXPECTED, default: null, describe: 'Redis that the data goes to' },
  listen: {
    value: listenAddress,
    expects: 'an address such as 127.0.0.1:6380, or unix:///path',
    default: '127.0.0.1:6380',
    describe: 'for applications',
  },
  admin: {
    value: address,
    expects: 'an address such as 127.0.0.1:6390',
    default: '127.0.0.1:6390',
    describe: 'for the admin HTTP API; anything but loopback needs a token',
  },
  token: {
    value: text.refine((token) => token.length > 0),
    expects: 'a text that is not empty',
    default: null,
    describe: 'bearer token of the admin API',
    env: 'FERRY_ADMIN_TOKEN',
  },
  'state-dir': {
    value: text.refine((path) => path.length > 0),
    expects: 'a directory',
    default: DEFAULTS.stateDir,
    describe: 'where the phase and what must survive a crash are kept',
  },
  phase: { ...oneOf(PHASES), default: DEFAULTS.phase, describe: 'phase of the first start; later ones go on' },
  takeover: { ...YES_NO, default: 'false', describe: 'start although another Ferry holds this pair' },
  adopt: {
    ...YES_NO,
    default: 'false',
    describe: 'without the right state directory: go on with what both servers know of the migration',
  },
  ack: {
    ...oneOf(['authority', 'both']),
    default: DEFAULTS.ack,
    describe: 'who must confirm before the client is told',
  },
  'on-uncertain': {
    ...oneOf(['close', 'error']),
    default: DEFAULTS.onUncertain,
    describe: 'for a write of unknown outcome: close the connection, or -UNCERTAIN',
  },
  'read-repair': { ...YES_NO, default: 'true', describe: 'copy what a read missed on the target' },
  'rename-source': { value: names, expects: NAMES_EXPECTED, default: null, describe: 'renamed commands of the source' },
  'rename-target': { value: names, expects: NAMES_EXPECTED, default: null, describe: 'renamed commands of the target' },
  'allow-unknown-keys': {
    ...YES_NO,
    default: 'false',
    describe: 'forward writes whose keys cannot be determined; they are not mirrored exactly',
  },
  'tls-cert': {
    value: path,
    expects: 'a file',
    default: null,
    describe: 'certificate for clients (PEM); turns TLS on',
  },
  'tls-key': {
    value: path,
    expects: 'a file',
    default: null,
    describe: "its key; the certificate's file if not given",
  },
  'tls-ca': { value: path, expects: 'a file', default: null, describe: "authorities of clients' certificates" },
  'tls-client-auth': {
    ...oneOf(['no', 'optional', 'required']),
    default: 'required with tls-ca',
    describe: 'whether clients must have a certificate',
  },
  'tls-sni': {
    value: certificates,
    expects: 'server names with their files such as a.example=a.crt:a.key',
    default: null,
    describe: 'further certificates, by the name that the client asks for',
  },
  'users-file': {
    value: path,
    expects: 'a file',
    default: null,
    describe: "Ferry's own users (YAML), instead of the servers'",
  },
  'map-users': {
    value: accounts,
    expects: 'users of the source with their accounts on the target such as app=app2:password',
    default: null,
    describe: 'users whose credentials differ on the target',
  },
  'source-credentials-file': {
    value: path,
    expects: 'a file',
    default: null,
    describe: "Ferry's user:password at the source",
  },
  'target-credentials-file': {
    value: path,
    expects: 'a file',
    default: null,
    describe: "Ferry's user:password at the target",
  },
  'source-credentials-command': {
    value: path,
    expects: 'a command',
    default: null,
    describe: "a command that prints Ferry's user:password at the source",
  },
  'target-credentials-command': {
    value: path,
    expects: 'a command',
    default: null,
    describe: "a command that prints Ferry's user:password at the target",
  },
  'credentials-refresh-seconds': {
    ...count(1, 86_400),
    default: `${DEFAULTS.credentials.refreshSeconds}`,
    describe: 'how often these are read again, and told to open connections',
  },
  'reverify-seconds': {
    ...count(0, 86_400),
    default: `${DEFAULTS.reverifySeconds}`,
    describe: "how often connected clients' credentials are tried again; 0: never (tokens that expire)",
  },
  'client-idle-seconds': {
    ...count(0, 1_000_000_000),
    default: `${DEFAULTS.clientIdleSeconds}`,
    describe: 'a client that sends nothing for so long is disconnected; 0: never',
  },
  scripts: {
    value: scriptModes,
    expects: 'copy, replay, or modes by SHA-1 or function name such as my_function=replay,default=copy',
    default: 'copy',
    describe: 'how scripts are mirrored: by copies of their declared keys, or replayed',
  },
  'db-prefix': {
    value: prefixes,
    expects:
      'prefixes by database such as 1=db1:,2=db2: (databases from 1; no prefix empty, with { or }, or the beginning of another)',
    default: null,
    describe: 'where the keys of databases other than 0 live on a Cluster: behind a prefix',
  },
  include: {
    value: keyPatterns,
    expects: PATTERNS_EXPECTED,
    default: 'every key',
    describe: 'migrate only keys whose names match one of these patterns (as of SCAN MATCH); the others stay behind',
  },
  exclude: {
    value: keyPatterns,
    expects: PATTERNS_EXPECTED,
    default: 'no key',
    describe: 'leave keys behind whose names match one of these patterns',
  },
  'include-dbs': {
    value: databases,
    expects: DATABASES_EXPECTED,
    default: 'every database',
    describe: 'migrate only these databases; the others stay behind',
  },
  'exclude-dbs': {
    value: databases,
    expects: DATABASES_EXPECTED,
    default: 'no database',
    describe: 'leave these databases behind',
  },
  'replica-reads': {
    ...YES_NO,
    default: 'false',
    describe: 'reads of clients that said READONLY may go to replicas of a Cluster',
  },
  announce: {
    value: publicAddress,
    expects: 'an address with its port such as ferry.example:6380',
    default: 'the address connected to',
    describe: "what cluster-aware clients are told as Ferry's address",
  },
  'topology-refresh': {
    ...count(1, HOUR_MS),
    default: `${topology.refreshMs}`,
    describe: 'milliseconds after which nodes and sentinels are asked again who serves what',
  },
  'redirect-wait': {
    ...count(0, HOUR_MS),
    default: `${topology.redirectWaitMs}`,
    describe: "milliseconds that a command waits for a slot nobody serves, before it gets the server's error",
  },
  'dns-servers': {
    value: nameServers,
    expects: 'IP addresses of name servers such as 10.0.0.2:53,[fd00::2]:53',
    default: "the system's",
    describe: 'who resolves the names of the servers',
  },
  'dns-refresh': {
    ...count(1, HOUR_MS),
    default: `${topology.dnsRefreshMs}`,
    describe: 'milliseconds after which the names of the servers are resolved again',
  },
  'target-read-timeout-ms': {
    ...count(0, HOUR_MS),
    default: `${timeouts.targetReadMs}`,
    describe: 'milliseconds after which a read that the target has not answered is asked of the source; 0: never',
  },
  'silent-connection-ms': {
    ...count(0, HOUR_MS),
    default: `${timeouts.silentConnectionMs}`,
    describe:
      'milliseconds after which a connection that owes a reply is given up, if its server answers on another one; 0: never',
  },
  'memory-limit': {
    ...size(16 << 20),
    default: '1GiB',
    describe: 'all buffers together: above it clients that hold much wait, and keys become dirty',
  },
  'client-output-bytes': {
    ...size(1 << 20),
    default: '256MiB',
    describe: 'unread replies, after which a client is disconnected',
  },
  'mirror-backlog-bytes': {
    ...size(1 << 20),
    default: '256MiB',
    describe:
      'memory for unconfirmed mirror operations (each its bytes and 1 KiB); after that keys become dirty instead',
  },
  'max-clients': { ...count(1, 1_000_000), default: `${limits.maxClients}`, describe: 'connections of applications' },
  'accept-rate': {
    ...count(0, 1_000_000),
    default: `${limits.acceptRate}`,
    describe: 'new connections let in per second, the others wait; 0: no limit',
  },
  'max-unauthenticated': {
    ...count(1, 1_000_000),
    default: `${limits.maxUnauthenticated}`,
    describe: 'connections that have not logged in, where a login is needed; the oldest makes room',
  },
  'auth-timeout-seconds': {
    ...count(0, 86_400),
    default: `${limits.authTimeoutSeconds}`,
    describe: 'how long a client may take to log in; 0: for ever',
  },
  'dirty-keys': {
    ...count(0, BILLION),
    default: `${limits.dirtyKeys}`,
    describe: 'dirty keys remembered one by one; beyond it whole slots',
  },
  'known-keys': { ...count(0, BILLION), default: `${limits.knownKeys}`, describe: 'keys remembered as mirrored' },
  deadlines: { ...count(0, BILLION), default: `${limits.deadlines}`, describe: 'expiry times remembered' },
  'copy-budget-bytes': { ...size(1 << 20), default: '64MiB', describe: 'copies in flight together' },
  'big-key-bytes': { ...size(1 << 10), default: '8MiB', describe: 'keys over it are copied in chunks' },
  'intent-idle-ms': {
    ...count(0, BILLION),
    default: `${limits.intentIdleMs}`,
    describe: 'slots written so lately are copied again after a crash',
  },
  'session-window': {
    ...count(1, 1_000_000),
    default: `${limits.sessionWindow}`,
    describe: 'unanswered commands per client before it is no longer read from',
  },
  'warm-first': {
    ...YES_NO,
    default: 'true',
    describe: 'while the backfill runs, copy keys that clients read ahead of its scan',
  },
  'backfill-rate': {
    ...count(0, BILLION),
    default: `${backfill.rateKeysPerSecond}`,
    describe: 'keys per second of the backfill; 0: no limit',
  },
  'scan-count': { ...count(1, 1_000_000), default: `${backfill.scanCount}`, describe: 'COUNT of the SCANs' },
  'drain-timeout-ms': {
    ...count(1, 3_600_000),
    default: `${cutover.drainTimeoutMs}`,
    describe: 'a cutover that has not drained by then is given up',
  },
  'max-pause-ms': {
    ...count(0, 3_600_000),
    default: `${cutover.maxPauseMs}`,
    describe: 'a longer pause gives a cutover up; 0: only the drain timeout',
  },
  'detect-bypass': {
    ...oneOf(['auto', 'on', 'off']),
    default: DEFAULTS.detectBypass.mode,
    describe: 'look for changes that do not come through Ferry: other writers, undeclared keys of scripts, evictions',
  },
  'detect-bypass-rate': {
    ...count(0, BILLION),
    default: `${DEFAULTS.detectBypass.maxWritesPerSecond}`,
    describe: 'writes per second up to which detect-bypass auto turns it on: it costs the servers throughput',
  },
  'direct-clients': {
    ...oneOf(['ask', 'block', 'warn']),
    default: DEFAULTS.directClients.mode,
    describe:
      'a cutover while anybody is connected to the servers past Ferry: ask (ferry cutover, migrate and the dashboard are refused until those that may stay are named), block every one, or only warn',
  },
  'known-clients': {
    value: list,
    expects: 'names, users or addresses such as exporter,10.0.0.7,backup*',
    default: null,
    describe: 'who may be connected past Ferry, monitoring for example',
  },
  eviction: {
    ...oneOf(['refuse', 'allow']),
    default: DEFAULTS.eviction,
    describe: 'a target that evicts keys: blocks the cutover, or (for caches) only needs free memory',
  },
  'lost-data': {
    ...oneOf(['follow', 'hold']),
    default: DEFAULTS.lostData,
    describe:
      'a server that decides comes back with less than nine tenths of the keys: the other one becomes the same, or is kept as it is until somebody decides (ferry status says how)',
  },
  'settle-ms': {
    ...count(0, HOUR_MS),
    default: `${DEFAULTS.settleMs}`,
    describe: 'where lost connections cannot be killed: how long their keys must stay the same to count as repaired',
  },
  'slowlog-ms': {
    ...count(0, HOUR_MS),
    default: `${DEFAULTS.slowlogMs}`,
    describe: 'a command that takes at least so long is kept for FERRY SLOWLOG; 0: none is',
  },
  'log-level': { ...oneOf(LOG_LEVELS), default: DEFAULTS.logLevel, describe: 'of the log on stderr' },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;
export type OptionValues = { [Name in OptionName]?: z.output<(typeof OPTIONS)[Name]['value']> };

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}

export function envName(name: OptionName): string {
  const option: Option = OPTIONS[name];
  return option.env ?? `FERRY_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** The values in the Config's shape; what was not given is the default. */
export function arrange(given: OptionValues & Pick<Required<OptionValues>, 'source' | 'target'>): Config {
  return {
    source: given.source,
    target: given.target,
    listen: given.listen ?? DEFAULTS.listen,
    admin: { ...(given.admin ?? DEFAULTS.admin), token: given.token ?? null },
    stateDir: given['state-dir'] ?? DEFAULTS.stateDir,
    phase: given.phase ?? DEFAULTS.phase,
    takeover: given.takeover ?? DEFAULTS.takeover,
    adopt: given.adopt ?? DEFAULTS.adopt,
    ack: given.ack ?? DEFAULTS.ack,
    onUncertain: given['on-uncertain'] ?? DEFAULTS.onUncertain,
    readRepair: given['read-repair'] ?? DEFAULTS.readRepair,
    rename: { source: given['rename-source'] ?? {}, target: given['rename-target'] ?? {} },
    tls:
      given['tls-cert'] === undefined
        ? null
        : {
            cert: given['tls-cert'],
            key: given['tls-key'] ?? given['tls-cert'],
            ca: given['tls-ca'] ?? null,
            clientAuth: given['tls-client-auth'] ?? (given['tls-ca'] === undefined ? 'no' : 'required'),
            sni: given['tls-sni'] ?? {},
          },
    usersFile: given['users-file'] ?? null,
    mapUsers: given['map-users'] ?? {},
    credentials: {
      source: {
        file: given['source-credentials-file'] ?? null,
        command: given['source-credentials-command'] ?? null,
      },
      target: {
        file: given['target-credentials-file'] ?? null,
        command: given['target-credentials-command'] ?? null,
      },
      refreshSeconds: given['credentials-refresh-seconds'] ?? DEFAULTS.credentials.refreshSeconds,
    },
    reverifySeconds: given['reverify-seconds'] ?? DEFAULTS.reverifySeconds,
    slowlogMs: given['slowlog-ms'] ?? DEFAULTS.slowlogMs,
    clientIdleSeconds: given['client-idle-seconds'] ?? DEFAULTS.clientIdleSeconds,
    scripts: given.scripts ?? DEFAULTS.scripts,
    allowUnknownKeys: given['allow-unknown-keys'] ?? DEFAULTS.allowUnknownKeys,
    dbPrefix: given['db-prefix'] ?? DEFAULTS.dbPrefix,
    scope: {
      include: given.include ?? scope.include,
      exclude: given.exclude ?? scope.exclude,
      includeDbs: given['include-dbs'] ?? scope.includeDbs,
      excludeDbs: given['exclude-dbs'] ?? scope.excludeDbs,
    },
    replicaReads: given['replica-reads'] ?? DEFAULTS.replicaReads,
    announce: given.announce ?? DEFAULTS.announce,
    topology: {
      refreshMs: given['topology-refresh'] ?? topology.refreshMs,
      redirectWaitMs: given['redirect-wait'] ?? topology.redirectWaitMs,
      dnsServers: given['dns-servers'] ?? topology.dnsServers,
      dnsRefreshMs: given['dns-refresh'] ?? topology.dnsRefreshMs,
    },
    timeouts: {
      targetReadMs: given['target-read-timeout-ms'] ?? timeouts.targetReadMs,
      silentConnectionMs: given['silent-connection-ms'] ?? timeouts.silentConnectionMs,
    },
    limits: {
      memoryBytes: given['memory-limit'] ?? limits.memoryBytes,
      clientOutputBytes: given['client-output-bytes'] ?? limits.clientOutputBytes,
      mirrorBacklogBytes: given['mirror-backlog-bytes'] ?? limits.mirrorBacklogBytes,
      maxClients: given['max-clients'] ?? limits.maxClients,
      acceptRate: given['accept-rate'] ?? limits.acceptRate,
      maxUnauthenticated: given['max-unauthenticated'] ?? limits.maxUnauthenticated,
      authTimeoutSeconds: given['auth-timeout-seconds'] ?? limits.authTimeoutSeconds,
      dirtyKeys: given['dirty-keys'] ?? limits.dirtyKeys,
      knownKeys: given['known-keys'] ?? limits.knownKeys,
      deadlines: given.deadlines ?? limits.deadlines,
      copyBudgetBytes: given['copy-budget-bytes'] ?? limits.copyBudgetBytes,
      bigKeyBytes: given['big-key-bytes'] ?? limits.bigKeyBytes,
      sessionWindow: given['session-window'] ?? limits.sessionWindow,
      intentIdleMs: given['intent-idle-ms'] ?? limits.intentIdleMs,
    },
    backfill: {
      rateKeysPerSecond: given['backfill-rate'] ?? backfill.rateKeysPerSecond,
      scanCount: given['scan-count'] ?? backfill.scanCount,
      warmsFirst: given['warm-first'] ?? backfill.warmsFirst,
    },
    cutover: {
      drainTimeoutMs: given['drain-timeout-ms'] ?? cutover.drainTimeoutMs,
      maxPauseMs: given['max-pause-ms'] ?? cutover.maxPauseMs,
    },
    directClients: {
      mode: given['direct-clients'] ?? DEFAULTS.directClients.mode,
      known: given['known-clients'] ?? DEFAULTS.directClients.known,
    },
    detectBypass: {
      mode: given['detect-bypass'] ?? DEFAULTS.detectBypass.mode,
      maxWritesPerSecond: given['detect-bypass-rate'] ?? DEFAULTS.detectBypass.maxWritesPerSecond,
    },
    eviction: given.eviction ?? DEFAULTS.eviction,
    lostData: given['lost-data'] ?? DEFAULTS.lostData,
    settleMs: given['settle-ms'] ?? DEFAULTS.settleMs,
    logLevel: given['log-level'] ?? DEFAULTS.logLevel,
  };
}
