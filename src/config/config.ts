/**
 * The configuration of a running Ferry: one frozen object, complete, checked, in units that the names say.
 *
 * Nothing here reads files, flags or the environment (that is load.ts); nothing outside `config/` fills in defaults.
 * Durations are milliseconds, sizes are bytes.
 */
import type { Phase } from '../phases/phase.js';
import { EVERYTHING, type ScopeOptions } from '../topology/scope.js';
import { type Address, type Endpoint, parseEndpoint } from './url.js';

export type { Phase as PhaseName } from '../phases/phase.js';
export type { Address, Endpoint } from './url.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Config {
  readonly source: Endpoint;
  readonly target: Endpoint;
  /** where applications connect; port 0 takes a free one */
  readonly listen: { readonly host: string; readonly port: number; readonly path?: string };
  /** TLS for clients; null: plain connections */
  readonly tls: {
    readonly cert: string;
    readonly key: string;
    /** authorities of client certificates */
    readonly ca: string | null;
    readonly clientAuth: 'no' | 'optional' | 'required';
    /** further certificates by server name: files */
    readonly sni: Readonly<Record<string, { readonly cert: string; readonly key: string }>>;
  } | null;
  /** who clients are: Ferry's own file, and users who have another account on the target */
  readonly usersFile: string | null;
  readonly mapUsers: Readonly<Record<string, { readonly username: string | null; readonly password: string }>>;
  /** Ferry's own secrets, where they are not in the connection strings */
  readonly credentials: {
    readonly source: { readonly file: string | null; readonly command: string | null };
    readonly target: { readonly file: string | null; readonly command: string | null };
    readonly refreshSeconds: number;
  };
  /** how often the users of connected clients are looked at; 0: never */
  readonly reverifySeconds: number;
  /** a client that sends nothing for so long is disconnected; 0: never */
  readonly clientIdleSeconds: number;
  /** a command that takes at least so long is kept for FERRY SLOWLOG; 0: none is */
  readonly slowlogMs: number;
  /** the HTTP API; without a token only loopback hosts are allowed */
  readonly admin: { readonly host: string; readonly port: number; readonly token: string | null };
  readonly stateDir: string;
  /** only used when the state directory is new */
  readonly phase: Phase;
  /** start although another Ferry holds the lease of this pair */
  readonly takeover: boolean;
  /** use a state directory or a target that was not made by this migration */
  readonly adopt: boolean;
  /** whose acknowledgement releases a write's reply to the client */
  readonly ack: 'authority' | 'both';
  /** what a client gets for a write whose outcome is unknown: a closed connection, or -UNCERTAIN */
  readonly onUncertain: 'close' | 'error';
  /** copy a key that a read in `target-read` missed on the target */
  readonly readRepair: boolean;
  /** canonical command name → the name it was renamed to on that side, both lower case; '' means disabled there */
  readonly rename: {
    readonly source: Readonly<Record<string, string>>;
    readonly target: Readonly<Record<string, string>>;
  };
  /** forward write commands whose keys cannot be determined (they are refused otherwise) */
  readonly allowUnknownKeys: boolean;
  /** How scripts and functions are mirrored: `default`, and by SHA-1 or function name. */
  readonly scripts: Readonly<Record<string, 'copy' | 'replay'>>;
  /** database number → what the keys of that database begin with on a Cluster, which has only database 0 */
  readonly dbPrefix: Readonly<Record<string, string>>;
  /** what is migrated at all; the rest stays with each side (topology/scope.ts) */
  readonly scope: ScopeOptions;
  /** reads of clients that said READONLY may go to replicas of a Cluster */
  readonly replicaReads: boolean;
  /** what cluster-aware clients are told as Ferry's address; null: the address that they connected to */
  readonly announce: Address | null;
  readonly topology: Topology;
  readonly timeouts: Timeouts;
  readonly limits: Limits;
  readonly backfill: {
    /** 0: as fast as both sides allow */
    readonly rateKeysPerSecond: number;
    readonly scanCount: number;
    /** keys that clients read are copied ahead of the scan */
    readonly warmsFirst: boolean;
  };
  readonly cutover: {
    /** how long a drain may take before the cutover is given up and nothing changed */
    readonly drainTimeoutMs: number;
    /** a longer pause aborts the cutover; 0: only the drain timeout counts */
    readonly maxPauseMs: number;
  };
  /** looking for changes behind Ferry: while a mirror follows, never, or when there is a sign of any */
  readonly detectBypass: {
    readonly mode: 'on' | 'off' | 'auto';
    /** of Ferry's writes: `auto` turns it on below that only */
    readonly maxWritesPerSecond: number;
  };
  /** clients that are connected to the servers past Ferry: whether a cutover is refused while there are any */
  readonly directClients: {
    readonly mode: 'ask' | 'block' | 'warn';
    /** names, users and addresses of those that may be there; `*` at the end for what begins so */
    readonly known: readonly string[];
  };
  /** whether the target may evict keys after the cutover (caches) */
  readonly eviction: 'refuse' | 'allow';
  /** whether the side that follows is to follow a server that comes back without its data */
  readonly lostData: 'follow' | 'hold';
  /** how long a key must stay the same that a connection which could not be killed may yet write */
  readonly settleMs: number;
  readonly logLevel: LogLevel;
}

/** How Ferry follows a Cluster or a Sentinel that changes. */
export interface Topology {
  /** how often nodes and sentinels are asked, although nothing seems wrong */
  readonly refreshMs: number;
  /** how long a command waits for a slot that nobody serves before it gets the server's error */
  readonly redirectWaitMs: number;
  /** `ip:port` each; empty: the system's resolver */
  readonly dnsServers: readonly string[];
  /** how often the names of servers are resolved again */
  readonly dnsRefreshMs: number;
}

/** How long servers may be silent. */
export interface Timeouts {
  /** a read of the target that it has not answered by then is asked of the source; 0: never */
  readonly targetReadMs: number;
  /** a connection on which the server owes a reply for so long is given up if the server answers on another one; 0: never */
  readonly silentConnectionMs: number;
}

export interface Limits {
  /** all buffers together: above it clients that hold much wait, then the mirror's work becomes dirty keys */
  readonly memoryBytes: number;
  /** unread replies per client, after which it is disconnected */
  readonly clientOutputBytes: number;
  /** memory for unacknowledged mirror operations (each its bytes and 1 KiB), after which keys become dirty instead */
  readonly mirrorBacklogBytes: number;
  readonly maxClients: number;
  /** new connections that are let in per second; 0: no limit */
  readonly acceptRate: number;
  /** connections that have not logged in, where a login is needed; the oldest makes room for one more */
  readonly maxUnauthenticated: number;
  /** how long such a connection may take; 0: for ever */
  readonly authTimeoutSeconds: number;
  /** single dirty keys that are remembered; beyond it whole slots are dirty */
  readonly dirtyKeys: number;
  /** key hashes in the table of known keys */
  readonly knownKeys: number;
  /** deadlines in the table of expiring known keys */
  readonly deadlines: number;
  /** bytes of copies that may be in flight together */
  readonly copyBudgetBytes: number;
  /** keys over this size are copied in chunks */
  readonly bigKeyBytes: number;
  /** how long a slot must be quiet before a crash may take it for unwritten, ms */
  readonly intentIdleMs: number;
  /** commands of one client in flight before it is no longer read from */
  readonly sessionWindow: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Everything but the two URLs, which have no default. */
export const DEFAULTS: Omit<Config, 'source' | 'target'> = deepFreeze({
  listen: { host: '127.0.0.1', port: 6380 },
  admin: { host: '127.0.0.1', port: 6390, token: null },
  stateDir: './.ferry',
  phase: 'source-only',
  takeover: false,
  adopt: false,
  ack: 'authority',
  onUncertain: 'close',
  readRepair: true,
  rename: { source: {}, target: {} },
  allowUnknownKeys: false,
  tls: null,
  usersFile: null,
  mapUsers: {},
  credentials: {
    source: { file: null, command: null },
    target: { file: null, command: null },
    refreshSeconds: 30,
  },
  reverifySeconds: 3,
  clientIdleSeconds: 0,
  slowlogMs: 10,
  scripts: {},
  dbPrefix: {},
  scope: EVERYTHING,
  replicaReads: false,
  announce: null,
  topology: { refreshMs: 1000, redirectWaitMs: 30_000, dnsServers: [], dnsRefreshMs: 2000 },
  timeouts: { targetReadMs: 1000, silentConnectionMs: 15_000 },
  limits: {
    memoryBytes: 1024 * MIB,
    clientOutputBytes: 256 * MIB,
    mirrorBacklogBytes: 256 * MIB,
    maxClients: 10_000,
    acceptRate: 5000,
    maxUnauthenticated: 1000,
    authTimeoutSeconds: 30,
    dirtyKeys: 100_000,
    knownKeys: 1 << 20,
    deadlines: 1 << 20,
    copyBudgetBytes: 64 * MIB,
    bigKeyBytes: 8 * MIB,
    sessionWindow: 1024,
    intentIdleMs: 5000,
  },
  backfill: { rateKeysPerSecond: 0, scanCount: 500, warmsFirst: true },
  cutover: { drainTimeoutMs: 5000, maxPauseMs: 0 },
  detectBypass: { mode: 'auto', maxWritesPerSecond: 10_000 },
  directClients: { mode: 'ask', known: [] },
  eviction: 'refuse',
  lostData: 'follow',
  settleMs: 5000,
  logLevel: 'info',
});

/** Any part of a Config; the two sides also as connection strings. */
export type ConfigOverrides = Partial<
  Omit<
    Config,
    | 'source'
    | 'target'
    | 'admin'
    | 'rename'
    | 'topology'
    | 'timeouts'
    | 'limits'
    | 'backfill'
    | 'cutover'
    | 'detectBypass'
    | 'directClients'
  >
> & {
  readonly source?: string | Endpoint;
  readonly target?: string | Endpoint;
  readonly admin?: Partial<Config['admin']>;
  readonly rename?: Partial<Config['rename']>;
  readonly topology?: Partial<Topology>;
  readonly timeouts?: Partial<Timeouts>;
  readonly limits?: Partial<Limits>;
  readonly backfill?: Partial<Config['backfill']>;
  readonly cutover?: Partial<Config['cutover']>;
  readonly detectBypass?: Partial<Config['detectBypass']>;
  readonly directClients?: Partial<Config['directClients']>;
};

/** A whole Config from some of its parts; what is not given is the default (the sides: local ports 6379 and 6381). */
export function defaultConfig(overrides: ConfigOverrides = {}): Config {
  return deepFreeze({
    ...DEFAULTS,
    ...overrides,
    source: endpoint(overrides.source ?? 'redis://127.0.0.1:6379'),
    target: endpoint(overrides.target ?? 'redis://127.0.0.1:6381'),
    admin: { ...DEFAULTS.admin, ...overrides.admin },
    rename: { ...DEFAULTS.rename, ...overrides.rename },
    topology: { ...DEFAULTS.topology, ...overrides.topology },
    timeouts: { ...DEFAULTS.timeouts, ...overrides.timeouts },
    limits: { ...DEFAULTS.limits, ...overrides.limits },
    backfill: { ...DEFAULTS.backfill, ...overrides.backfill },
    cutover: { ...DEFAULTS.cutover, ...overrides.cutover },
    detectBypass: { ...DEFAULTS.detectBypass, ...overrides.detectBypass },
    directClients: { ...DEFAULTS.directClients, ...overrides.directClients },
  });
}

function endpoint(side: string | Endpoint): Endpoint {
  return typeof side === 'string' ? parseEndpoint(side) : side;
}

/** The same object, frozen with all that it holds. */
export function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null && !Object.isFrozen(part)) deepFreeze(part);
  }
  return Object.freeze(value);
}
