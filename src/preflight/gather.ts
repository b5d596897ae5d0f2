/**
 * Asks the servers of a side what the checks need, once each, by commands that only read. What is refused is noted and goes
 * on; a server that is lost in the middle ends the preflight.
 */
import { describedByServer } from '../commands/descriptions.js';
import { StartError } from '../config/errors.js';
import { clockOffset } from '../lanes/clock.js';
import { infoField } from '../lanes/info.js';
import { reasonOf } from '../lanes/unusable.js';
import { LEASE_KEY } from '../phases/lease-record.js';
import type { Reply } from '../resp/values.js';
import { accountOn } from './account.js';
import type { Argument, Looker, OpenServer, OpenSide } from './connect.js';
import type { CommandFacts, LatencyEvent, ServerFacts, SideFacts, SlowEntry } from './facts.js';

const CLOCK_SAMPLES = 5;
const SLOWLOG_ENTRIES = 128;
const WORDS_SHOWN = 4;
const WORD_LENGTH = 40;

/** @throws StartError 3 when a server is lost */
export async function gatherSide(side: OpenSide): Promise<SideFacts> {
  const unread = new Set<string>();
  try {
    const servers = await Promise.all(side.servers.map((server) => new Questions(server, unread).all(side)));
    const { looker } = side.servers[0]!;
    const commands = await commandsOf(looker, unread);
    const account = await accountOn(looker, side.endpoint.kind === 'cluster', commands);
    return { side: side.side, endpoint: side.endpoint, servers, commands, account, unread: [...unread] };
  } catch (error) {
    throw new StartError(
      3,
      `The ${side.side} ${side.endpoint.url} was lost while it was looked at: ${reasonOf(error)}.`,
    );
  }
}

class Questions {
  private readonly looker: Looker;

  constructor(
    private readonly server: OpenServer,
    private readonly unread: Set<string>,
  ) {
    this.looker = server.looker;
  }

  async all({ endpoint }: OpenSide): Promise<ServerFacts> {
    const info = String((await this.ask('INFO', 'INFO', 'all')) ?? '');
    const isCluster = endpoint.kind === 'cluster' || infoField(info, 'cluster_enabled') === '1';
    return {
      name: this.looker.name,
      info,
      clusterInfo: isCluster ? String((await this.ask('CLUSTER INFO', 'CLUSTER', 'INFO')) ?? '') : '',
      ranges: this.server.ranges,
      settings: settingsIn(await this.ask('CONFIG GET', 'CONFIG', 'GET', '*')),
      clockOffsetMs: await clockOffset(CLOCK_SAMPLES, () => this.ask('TIME', 'TIME')),
      slowlog: slowlogIn(await this.ask('SLOWLOG GET', 'SLOWLOG', 'GET', SLOWLOG_ENTRIES)),
      latency: latencyIn(await this.ask('LATENCY LATEST', 'LATENCY', 'LATEST')),
      modules: modulesIn(await this.ask('MODULE LIST', 'MODULE', 'LIST')),
      ...(await this.functions(info)),
      ...(await this.database(endpoint.db)),
    };
  }

  /** The one of the connection string. The connection is in database 0 again afterwards, where it began. */
  private async database(db: number): Promise<Pick<ServerFacts, 'lacksDatabase' | 'holdsLease'>> {
    // of a Cluster the master that has its slot says so, and the others refuse
    if (db === 0) {
      const [found] = await this.looker.askTogether([['EXISTS', LEASE_KEY]]);
      return { lacksDatabase: false, holdsLease: found === 1 };
    }
    const [selected, found] = await this.looker.askTogether([
      ['SELECT', db],
      ['EXISTS', LEASE_KEY],
      ['SELECT', 0],
    ]);
    // only an answer about the number counts: who may not SELECT lacks a right
    const lacksDatabase = selected instanceof Error && /out of range|invalid DB index/i.test(selected.message);
    return { lacksDatabase, holdsLease: !(selected instanceof Error) && found === 1 };
  }

  /** The reply, or null when there is none to be had. */
  private ask(what: string, command: string, ...args: Argument[]): Promise<unknown> {
    return askOrNull(this.looker, this.unread, what, command, ...args);
  }

  /** The libraries, and the version of payloads: FUNCTION DUMP ends as DUMP does, and needs no key. */
  private async functions(info: string): Promise<Pick<ServerFacts, 'libraries' | 'rdbVersion'>> {
    // before 7.0 there are none, which is nothing that could not be read
    if (Number.parseInt(infoField(info, 'redis_version'), 10) < 7) return { libraries: null, rdbVersion: null };
    const payload = await this.ask('FUNCTION DUMP', 'FUNCTION', 'DUMP');
    const libraries = await this.ask('FUNCTION LIST', 'FUNCTION', 'LIST');
    return {
      libraries: Array.isArray(libraries)
        ? libraries.map((library) => pairsOf(library).get('library_name') ?? '')
        : null,
      rdbVersion: Buffer.isBuffer(payload) ? rdbVersionIn(payload) : null,
    };
  }
}

async function askOrNull(
  looker: Looker,
  unread: Set<string>,
  what: string,
  command: string,
  ...args: Argument[]
): Promise<unknown> {
  try {
    return await looker.ask(command, ...args);
  } catch (error) {
    if (looker.wasLost) throw error;
    unread.add(what);
    return null;
  }
}

/** A payload ends with two bytes of version, little-endian, and eight of a checksum. https://redis.io/commands/dump */
export function rdbVersionIn(payload: Buffer): number | null {
  return payload.length < 10 ? null : payload.readUInt16LE(payload.length - 10);
}

async function commandsOf(looker: Looker, unread: Set<string>): Promise<Map<string, CommandFacts> | null> {
  const reply = await askOrNull(looker, unread, 'COMMAND', 'COMMAND');
  if (!Array.isArray(reply)) return null;
  const categories = new Map<string, ReadonlySet<string>>();
  collectCategories(reply, categories);
  return new Map(
    describedByServer(reply as Reply).map(({ name, flags }) => [
      name,
      { flags, categories: categories.get(name) ?? new Set<string>() },
    ]),
  );
}

/** The seventh field of an entry, since 6.0; subcommands are the tenth. */
function collectCategories(entries: readonly unknown[], found: Map<string, ReadonlySet<string>>): void {
  for (const entry of entries) {
    if (!Array.isArray(entry)) continue;
    const categories = Array.isArray(entry[6]) ? entry[6].map((word) => String(word).replace(/^@/, '')) : [];
    found.set(String(entry[0]).toLowerCase(), new Set(categories));
    if (Array.isArray(entry[9])) collectCategories(entry[9], found);
  }
}

function settingsIn(reply: unknown): Map<string, string> | null {
  const pairs = pairsOf(reply);
  // some services answer with nothing
  return pairs.size === 0 ? null : pairs;
}

function slowlogIn(reply: unknown): SlowEntry[] | null {
  if (!Array.isArray(reply)) return null;
  return reply.flatMap((entry) => {
    if (!Array.isArray(entry) || !Array.isArray(entry[3])) return [];
    const command = entry[3].slice(0, WORDS_SHOWN).map((word) => String(word).slice(0, WORD_LENGTH));
    return [{ micros: Number(entry[2]), command }];
  });
}

function latencyIn(reply: unknown): LatencyEvent[] | null {
  if (!Array.isArray(reply)) return null;
  return reply.flatMap((entry) =>
    Array.isArray(entry) ? [{ name: String(entry[0]), maxMs: Number(entry[3]) || 0 }] : [],
  );
}

function modulesIn(reply: unknown): Map<string, number> | null {
  if (!Array.isArray(reply)) return null;
  return new Map(
    reply.map((entry) => {
      const pairs = pairsOf(entry);
      return [pairs.get('name') ?? '', Number(pairs.get('ver')) || 0];
    }),
  );
}

/** A reply of names and values. */
function pairsOf(reply: unknown): Map<string, string> {
  const pairs = new Map<string, string>();
  if (!Array.isArray(reply)) return pairs;
  for (let i = 0; i + 1 < reply.length; i += 2) pairs.set(String(reply[i]), String(reply[i + 1]));
  return pairs;
}
