/**
 * Everything two servers hold, compared by reading every key on both, by type. Independent of Ferry's verification.
 *
 * Values are compared exactly: lists and streams in order, scores as the texts that Redis prints (17 digits), streams
 * with last and max-deleted id, groups, consumers and pending entries; only their delivery times, and TTLs, may differ
 * by a second. HyperLogLogs are compared but for the cached cardinality in their header.
 */
import { Clock, RawClient } from './client.js';
import type { Value } from './model.js';
import { Random } from './random.js';
import { ErrorReply, type Reply, show } from './resp.js';

const TOLERANCE_MS = 1000;
/** Reading everything that a server has may take its time. */
const DIRECT_PATIENCE_MS = 100_000;
const KEYS_AT_ONCE = 5000;

/** A connection to a server itself, as its default user. */
export async function directly(port: number, db: number): Promise<RawClient> {
  const client = new RawClient(null, new Clock(), new Random(0));
  client.extraPatienceMs = DIRECT_PATIENCE_MS;
  await client.connect(port, db);
  return client;
}

/** A deployment asked directly: a standalone server, or all masters of a Cluster at rest. */
export class Direct {
  private constructor(private readonly servers: readonly RawClient[]) {}

  static async open(ports: readonly number[], db: number): Promise<Direct> {
    return new Direct(await Promise.all(ports.map((port) => directly(port, db))));
  }

  /** The replies of those that serve the commands' keys. All are asked: the others answer MOVED. */
  async ask(commands: readonly (readonly string[])[]): Promise<Reply[]> {
    const [only, ...more] = await this.askEach(commands);
    if (more.length === 0) return only!;
    return commands.map((args, i) => {
      const served = [only!, ...more].map((replies) => replies[i]!).filter((reply) => !isMoved(reply));
      if (served.length !== 1) throw new Error(`${args.slice(0, 3).join(' ')} is served by ${served.length} masters`);
      return served[0]!;
    });
  }

  /** The replies of every server. */
  askEach(commands: readonly (readonly string[])[]): Promise<Reply[][]> {
    return Promise.all(this.servers.map((server) => server.ask(commands)));
  }

  drop(): void {
    for (const server of this.servers) server.drop();
  }
}

function isMoved(reply: Reply): boolean {
  return reply instanceof ErrorReply && reply.word === 'MOVED';
}

interface Found {
  readonly type: string;
  /** absolute, in milliseconds; -1: none */
  readonly expiresAtMs: number;
  readonly value: Reply;
  /** by how much its server's clock is ahead */
  readonly aheadMs: number;
}

/**
 * One line per difference; none if both hold the same. `ignored` keys are the proxy's own; `aheadMs`: by how much the clocks
 * of the first ones are ahead of those of the second ones.
 */
export async function differences(
  portsA: readonly number[],
  portsB: readonly number[],
  databases: readonly number[],
  ignored: (key: string) => boolean,
  aheadMs = 0,
): Promise<string[]> {
  const found: string[] = [];
  const twice = (key: string): unknown => found.push(`${JSON.stringify(key)} is on two masters`);
  for (const db of databases) {
    const [a, b] = await Promise.all([
      readAll(portsA, db, ignored, twice, aheadMs),
      readAll(portsB, db, ignored, twice, 0),
    ]);
    for (const key of new Set([...a.keys(), ...b.keys()])) {
      const why = difference(a.get(key), b.get(key));
      if (why !== '') found.push(`db ${db} ${JSON.stringify(key)}: ${why}`);
    }
  }
  return found;
}

function difference(a: Found | undefined, b: Found | undefined): string {
  if (a === undefined) return `only on the second: ${show(b!.value)}`;
  if (b === undefined) return `only on the first: ${show(a.value)}`;
  if (a.type !== b.type) return `types ${a.type} and ${b.type}`;
  const where = firstDifference(comparable(a), comparable(b), '');
  if (where !== '') return `${a.type}${where}`;
  const ttl = a.expiresAtMs < 0 !== b.expiresAtMs < 0 || Math.abs(a.expiresAtMs - b.expiresAtMs) > TOLERANCE_MS;
  return ttl ? `expires at ${a.expiresAtMs} and ${b.expiresAtMs}` : '';
}

async function readAll(
  ports: readonly number[],
  db: number,
  ignored: (key: string) => boolean,
  twice: (key: string) => void,
  aheadMs: number,
): Promise<Map<string, Found>> {
  const all = new Map<string, Found>();
  for (const port of ports) {
    for (const [key, found] of await readServer(port, db, ignored, aheadMs)) {
      if (all.has(key)) twice(key);
      all.set(key, found);
    }
  }
  return all;
}

async function readServer(
  port: number,
  db: number,
  ignored: (key: string) => boolean,
  aheadMs: number,
): Promise<Map<string, Found>> {
  const server = await directly(port, db);
  const [names] = await server.ask([['KEYS', '*']]);
  const keys = (names as string[]).filter((key) => !ignored(key));
  const found = new Map<string, Found>();
  for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
    await readKeys(server, keys.slice(at, at + KEYS_AT_ONCE), aheadMs, found);
  }
  server.drop();
  return found;
}

async function readKeys(
  server: RawClient,
  keys: readonly string[],
  aheadMs: number,
  found: Map<string, Found>,
): Promise<void> {
  const about = await server.ask(
    keys.flatMap((key) => [
      ['TYPE', key],
      ['PEXPIRETIME', key],
    ]),
  );
  const misplaced = about.find((reply) => reply instanceof ErrorReply);
  if (misplaced !== undefined) throw new Error(`a misplaced key: ${show(misplaced)}`);
  const values = await server.ask(keys.map((key, i) => READ[about[2 * i] as string]!(key)));
  keys.forEach((key, i) => {
    // a key that died between two of these reads is not there
    if (about[2 * i] === 'none' || about[2 * i + 1] === -2 || values[i] === null) return;
    const expiresAtMs = about[2 * i + 1] as number;
    found.set(key, {
      type: about[2 * i] as string,
      expiresAtMs: expiresAtMs < 0 ? expiresAtMs : expiresAtMs - aheadMs,
      value: values[i]!,
      aheadMs,
    });
  });
}

const READ: Readonly<Record<string, (key: string) => readonly string[]>> = {
  none: (key) => ['EXISTS', key],
  string: (key) => ['GET', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  hash: (key) => ['HGETALL', key],
  stream: (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'],
};

/** The value as nested arrays and records that are equal if and only if the values are. */
function comparable({ type, value, aheadMs }: Found): unknown {
  if (type === 'set') return [...(value as string[])].sort();
  if (type === 'hash') return Object.fromEntries(pairsOf(value));
  if (type === 'stream') return stream(value, aheadMs);
  if (type === 'string' && (value as string).startsWith('HYLL')) {
    return `${(value as string).slice(0, 8)}${(value as string).slice(16)}`;
  }
  return value;
}

/** A moment: equal if within the tolerance. */
class Moment {
  constructor(readonly ms: number) {}
}

function stream(value: Reply, aheadMs: number): unknown {
  const info = Object.fromEntries(pairsOf(value));
  const groups = (info.groups as Reply[]).map((group) => {
    const g = Object.fromEntries(pairsOf(group));
    const consumers = (g.consumers as Reply[]).map((consumer) => {
      const c = Object.fromEntries(pairsOf(consumer));
      const pending = (c.pending as Reply[][]).map(([id, at, count]) => [
        id,
        new Moment((at as number) - aheadMs),
        count,
      ]);
      return [c.name, pending];
    });
    consumers.sort(([x], [y]) => ((x as string) < (y as string) ? -1 : 1));
    return { name: g.name, last: g['last-delivered-id'], read: g['entries-read'], consumers };
  });
  return {
    length: info.length,
    last: info['last-generated-id'],
    maxDeleted: info['max-deleted-entry-id'],
    added: info['entries-added'],
    entries: info.entries,
    groups,
  };
}

function pairsOf(flat: Reply): [string, Reply][] {
  const items = flat as readonly Reply[];
  return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i] as string, items[2 * i + 1]!]);
}

function firstDifference(a: unknown, b: unknown, path: string): string {
  if (a instanceof Moment && b instanceof Moment) {
    return Math.abs(a.ms - b.ms) <= TOLERANCE_MS ? '' : `${path}: at ${a.ms} and ${b.ms}`;
  }
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    for (const key of keys) {
      const here = `${path}.${key}`;
      const why = firstDifference((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], here);
      if (why !== '') return why;
    }
    return '';
  }
  return Object.is(a, b) ? '' : `${path}: ${show(a as Reply)} and ${show(b as Reply)}`;
}

/** The modelled keys of one object, as they are now. */
export async function readState(server: Direct, keys: readonly string[]): Promise<Map<string, Value>> {
  const types = await server.ask(
    keys.flatMap((key) => [
      ['TYPE', key],
      ['PTTL', key],
    ]),
  );
  const state = new Map<string, Value>();
  for (const [i, key] of keys.entries()) {
    const type = types[2 * i] as string;
    if (type === 'none') continue;
    const ttl = (types[2 * i + 1] as number) >= 0;
    const [value] = await server.ask([READ[type]!(key)]);
    if (value instanceof ErrorReply) throw new Error(`${key}: ${value.text}`);
    if (type === 'string') state.set(key, { kind: 'string', text: value as string, ttl });
    else if (type === 'list') state.set(key, { kind: 'list', items: value as string[], ttl });
    else if (type === 'set') state.set(key, { kind: 'set', members: [...(value as string[])].sort(), ttl });
    else throw new Error(`${key} is a ${type}, which is not modelled`);
  }
  return state;
}
