/**
 * What is known of both sides when the checks begin: gathered once (gather.ts, sample.ts), plain data from then on. The
 * checks are pure functions over it.
 *
 * Whatever a server would not tell is null (or an empty text), and named in `unread`: managed services withhold CONFIG,
 * MODULE or ACL, and that is no fault.
 */
import type { Config, Endpoint } from '../config/config.js';
import { infoField } from '../lanes/info.js';
import type { Side } from '../phases/phase.js';

export interface Facts {
  readonly config: Config;
  readonly source: SideFacts;
  readonly target: SideFacts;
  /** of what is migrated */
  readonly sample: Sample;
  /** Of what is not; null: everything is migrated. */
  readonly leftOut: LeftOut | null;
  /** Of a Ferry that runs on this pair; null: there is none. */
  readonly live: LiveFacts | null;
}

export interface SideFacts {
  readonly side: Side;
  readonly endpoint: Endpoint;
  /** Its masters; never empty. */
  readonly servers: readonly ServerFacts[];
  /** Of its first server: every command and subcommand with its ACL categories. Null: COMMAND was refused. */
  readonly commands: ReadonlyMap<string, CommandFacts> | null;
  readonly account: AccountFacts;
  /** Questions that were refused, as they are spoken: 'CONFIG GET'. */
  readonly unread: readonly string[];
}

export interface CommandFacts {
  readonly flags: ReadonlySet<string>;
  /** Without '@'. */
  readonly categories: ReadonlySet<string>;
}

/** One master. */
export interface ServerFacts {
  /** host:port, or the path of its socket */
  readonly name: string;
  /** INFO all; '' when it is refused */
  readonly info: string;
  /** CLUSTER INFO, also of a Cluster's node that is spoken of as one server; '' where there is none */
  readonly clusterInfo: string;
  /** of a Cluster's master */
  readonly ranges: readonly (readonly [from: number, to: number])[];
  /** CONFIG GET *; null when it is refused */
  readonly settings: ReadonlyMap<string, string> | null;
  /** The server's clock minus ours, ms; null when TIME is refused */
  readonly clockOffsetMs: number | null;
  readonly slowlog: readonly SlowEntry[] | null;
  readonly latency: readonly LatencyEvent[] | null;
  /** names and versions; null when MODULE LIST is refused */
  readonly modules: ReadonlyMap<string, number> | null;
  /** names of libraries; null when there are no functions there, or they are not told */
  readonly libraries: readonly string[] | null;
  /** of the DUMP payloads that it makes; null when that could not be found out */
  readonly rdbVersion: number | null;
  /** It has no such database as the connection string names. */
  readonly lacksDatabase: boolean;
  /** The lease of a Ferry is in that database: a key that is none of the data. */
  readonly holdsLease: boolean;
}

export interface SlowEntry {
  readonly micros: number;
  /** its first words */
  readonly command: readonly string[];
}

export interface LatencyEvent {
  readonly name: string;
  readonly maxMs: number;
}

/** What Ferry's account may do on a side. */
export interface AccountFacts {
  /** '' when it is not told */
  readonly user: string;
  /** how it was found out; 'probes': only harmless commands could be tried */
  readonly askedBy: 'dry run' | 'rules' | 'probes';
  /** as in needs.ts NEEDS, by their names */
  readonly missing: readonly string[];
  /** of the same, what the server does not have at all, at least not under the name that Ferry was told */
  readonly absent: readonly string[];
  /** patterns of keys, as ACL GETUSER says them; null when it does not */
  readonly keyPatterns: string | null;
}

export interface SampledKey {
  readonly key: Buffer;
  readonly db: number;
  readonly type: string;
  /** -1: it has none */
  readonly ttlMs: number;
  /** MEMORY USAGE; null when it is refused */
  readonly bytes: number | null;
  /** elements; of a string 0; null for a type that Ferry does not know */
  readonly length: number | null;
  /** OBJECT FREQ (0 to 255, logarithmic); null where the policy is not LFU */
  readonly frequency: number | null;
}

export interface Sample {
  readonly keys: readonly SampledKey[];
  /** how many keys the source has */
  readonly total: number;
  /** every key is in it */
  readonly isComplete: boolean;
  readonly seconds: number;
  /** why it is smaller than it could be; '' if it is not */
  readonly why: string;
}

export interface LeftOut {
  readonly keys: readonly SampledKey[];
  /** of the sampled keys' bytes, 0 to 1 */
  readonly bytesShare: number;
}

export const NO_SAMPLE: Sample = { keys: [], total: 0, isComplete: true, seconds: 0, why: '' };

export interface LiveFacts {
  /** commands with keys in several slots, by name, since that Ferry started */
  readonly crossings: Readonly<Record<string, number>>;
}

// ── reading them

export function field(server: ServerFacts, name: string): string {
  return infoField(server.info, name);
}

/** A number of INFO; 0 when it is not there. */
export function numberField(server: ServerFacts, name: string): number {
  return Number(field(server, name)) || 0;
}

export function sumOf(side: SideFacts, name: string): number {
  return side.servers.reduce((sum, server) => sum + numberField(server, name), 0);
}

export function versionOf(side: SideFacts): string {
  return field(side.servers[0]!, 'redis_version');
}

/** 'Valkey 8.0', where the server says that it is one. */
export function productOf(side: SideFacts): string {
  const [server] = side.servers;
  const valkey = field(server!, 'valkey_version');
  if (valkey !== '') return `Valkey ${valkey}`;
  const version = field(server!, 'redis_version');
  return version === '' ? 'a server of unknown version' : `Redis ${version}`;
}

export interface DatabaseFacts {
  readonly keys: number;
  readonly expires: number;
}

/** INFO keyspace, of all servers together. */
export function databasesOf(side: SideFacts): Map<number, DatabaseFacts> {
  const found = new Map<number, DatabaseFacts>();
  for (const { info } of side.servers) {
    for (const [, db, keys, expires] of info.matchAll(/^db(\d+):keys=(\d+),expires=(\d+)/gm)) {
      const before = found.get(Number(db)) ?? { keys: 0, expires: 0 };
      found.set(Number(db), { keys: before.keys + Number(keys), expires: before.expires + Number(expires) });
    }
  }
  return found;
}

/** Calls of each command since the servers started: 'get', 'config|get'. */
export function callsOf(side: SideFacts): Map<string, number> {
  const calls = new Map<string, number>();
  for (const { info } of side.servers) {
    for (const [, name, count] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
      const key = name!.toLowerCase();
      calls.set(key, (calls.get(key) ?? 0) + Number(count));
    }
  }
  return calls;
}

export function isCluster(side: SideFacts): boolean {
  return side.endpoint.kind === 'cluster';
}

/** Servers, as a sentence names them. */
export function namesOf(servers: readonly ServerFacts[]): string {
  return servers.map(({ name }) => name).join(', ');
}
