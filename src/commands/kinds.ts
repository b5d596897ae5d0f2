/**
 * The commands that are neither a plain read (misses.ts) nor a write (mirroring.ts): who answers them, and
 * what the error says where nobody does. Every command is in exactly one of the three tables; one that is
 * in none of them is judged by its server's flags (`kindByFlags`).
 */
import type { CommandKind } from './command.js';
import { MIRRORING } from './mirroring.js';
import { READS } from './misses.js';

export interface KindAndReason {
  readonly kind: CommandKind;
  /** Error text after "FERRY ", or "". */
  readonly reason: string;
}

/** Answered by the session. */
const SESSION =
  'auth hello select ping reset quit multi exec discard watch unwatch wait monitor subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe ferry client|setname client|getname client|id client|setinfo client|unblock client|info client|list client|kill client|pause client|unpause client|reply client|no-evict client|no-touch client|tracking client|trackinginfo client|caching client|getredir script|kill function|kill';

/** Passed to the authority as they are. Their effects, if any, are about that server and not about data. */
const SERVER: readonly string[] = [
  'echo asking readonly readwrite swapdb',
  'info time role lastsave lolwut dbsize keys scan randomkey publish spublish',
  'command command|count command|docs command|getkeys command|getkeysandflags command|help command|info command|list',
  'config|get config|help client|help module|help module|list debug|help',
  'acl|cat acl|dryrun acl|genpass acl|getuser acl|help acl|list acl|log acl|users acl|whoami',
  'latency latency|doctor latency|graph latency|help latency|histogram latency|history latency|latest latency|reset',
  'slowlog slowlog|get slowlog|help slowlog|len slowlog|reset',
  'memory memory|doctor memory|help memory|malloc-stats memory|purge memory|stats',
  'object object|help xinfo xinfo|help xgroup|help',
  'pubsub pubsub|channels pubsub|help pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub',
  'script|exists script|help function|dump function|help function|list function|stats',
  'cluster|countkeysinslot cluster|getkeysinslot cluster|help cluster|info cluster|keyslot cluster|links',
  'cluster|myid cluster|myshardid cluster|nodes cluster|replicas cluster|shards cluster|slaves cluster|slots',
  'cluster|count-failure-reports cluster|slot-stats bless|get bless|scan hotkeys|get hotkeys|help',
  'backup|help backup|list backup|status',
];

const ADMINISTERS = 'it administers the server';
const AROUND = 'it would move data past Ferry';
const SUBCOMMAND = 'Ferry does not know this subcommand';

const REFUSED: readonly (readonly [why: string, names: string])[] = [
  [ADMINISTERS, 'shutdown save bgsave bgrewriteaof debug failover pfdebug pfselftest'],
  [ADMINISTERS, 'config|set config|rewrite config|resetstat module|load module|loadex module|unload'],
  [ADMINISTERS, 'acl|deluser acl|load acl|save acl|setuser script|debug'],
  [ADMINISTERS, 'cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|delslots cluster|delslotsrange'],
  [ADMINISTERS, 'cluster|failover cluster|flushslots cluster|forget cluster|meet cluster|migration cluster|replicate'],
  [
    ADMINISTERS,
    'cluster|reset cluster|saveconfig cluster|set-config-epoch cluster|setslot cluster|syncslots trimslots',
  ],
  [ADMINISTERS, 'hotkeys|start hotkeys|stop hotkeys|reset backup|abort backup|cleanup backup|seal backup|start'],
  ['it is for replicas', 'replicaof slaveof replconf psync sync'],
  [AROUND, 'migrate restore-asking'],
  ['Ferry does not mirror it', 'bless|set bless|clear'],
  // The containers themselves: found only with a subcommand that is in none of the tables.
  [SUBCOMMAND, 'acl client cluster config module script function xgroup backup bless hotkeys himport'],
];

const BLOCKS = 'it blocks';
const PUBSUB = 'it subscribes';

const UNSUPPORTED: readonly (readonly [why: string, names: string])[] = [
  [BLOCKS, 'blmovem waitaof'],
  ["it keeps its state in the server's connection", 'himport|prepare himport|set himport|discard himport|discardall'],
];

/** "CLIENT KILL", as users write it. */
export function spoken(name: string): string {
  return name.toUpperCase().replace('|', ' ');
}

const refused = (name: string, why: string): KindAndReason => ({
  kind: 'refused',
  reason: `${spoken(name)} is refused: ${why}`,
});

const unsupported = (name: string, why: string): KindAndReason => ({
  kind: 'unsupported',
  reason: `${spoken(name)} is not supported yet: ${why}`,
});

const without = (kind: CommandKind): KindAndReason => ({ kind, reason: '' });
const WRITE = without('write');
const KEYLESS_WRITE = without('keyless-write');
const READ = without('read');
const SERVER_KIND = without('server');
const SESSION_KIND = without('session');

const KEYLESS_WRITES = new Set(
  'flushall flushdb script|load script|flush function|load function|delete function|flush function|restore'.split(' '),
);

/** Every command that Ferry names, in one of its three tables. */
export const KINDS: ReadonlyMap<string, KindAndReason> = new Map<string, KindAndReason>([
  ...[...MIRRORING.keys()].map((name) => [name, KEYLESS_WRITES.has(name) ? KEYLESS_WRITE : WRITE] as const),
  ...[...READS.keys()].map((name) => [name, READ] as const),
  ...SESSION.split(' ').map((name) => [name, SESSION_KIND] as const),
  ...SERVER.flatMap((names) => names.split(' ').map((name) => [name, SERVER_KIND] as const)),
  ...REFUSED.flatMap(([why, names]) => names.split(' ').map((name) => [name, refused(name, why)] as const)),
  ...UNSUPPORTED.flatMap(([why, names]) => names.split(' ').map((name) => [name, unsupported(name, why)] as const)),
]);

/**
 * A command that Ferry does not name (a module's, or a newer server's). Unknown means write, unless its
 * server says that it is none: a write whose keys cannot be told is refused by the routing.
 */
export function kindByFlags(name: string, flags: ReadonlySet<string>, fixedKeys: boolean): KindAndReason {
  if (flags.has('admin')) return refused(name, ADMINISTERS);
  if (flags.has('blocking')) return unsupported(name, BLOCKS);
  if (flags.has('pubsub')) return unsupported(name, PUBSUB);
  if (flags.has('readonly')) return fixedKeys ? READ : SERVER_KIND;
  return WRITE;
}
