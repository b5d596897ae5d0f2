/**
 * Everything that a Redis server holds, in a form that compares: for each db and key its type, its value without
 * regard to encoding or order where Redis promises none, and the moment it expires; and the function libraries.
 * It shares no code with Ferry: it is the judge. Ferry's own keys (see OWN_KEY) are left out.
 */
import { isHyperLogLog, registersOf } from './hyperloglog.js';
import type { Wire, WireReply } from './wire.js';
import { SCRIPTS, sha1 } from './write-case.js';

export interface KeyState {
  readonly type: string;
  /** Canonical; equal values give equal text. Bytes are latin1. */
  readonly value: string;
  /** Unix milliseconds; -1 for a key that stays. */
  readonly expiresAtMs: number;
  /** Unix milliseconds of the deliveries of a stream's pending entries, in the order in which `value` lists them. */
  readonly deliveredAtMs: readonly number[];
  /** The same of a hash's fields, in the order in which `value` lists them: when each expires, -1 for one that stays. */
  readonly fieldsExpireAtMs: readonly number[];
}

/** What depends on a key's type. */
type Value = Pick<KeyState, 'value' | 'deliveredAtMs' | 'fieldsExpireAtMs'>;

export interface ServerState {
  /** By "db key". */
  readonly keys: ReadonlyMap<string, KeyState>;
  readonly functions: string;
  /** One of 1 and 0 for each of SCRIPTS: is it loaded? */
  readonly scripts: string;
}

/** Keys in which Ferry keeps its lease and proves databases distinct. What it stages must be gone: that is compared. */
const OWN_KEY = /^__ferry:(?!staging:)/;

/** The type of a key that lies on a cluster node which does not answer for it, since the slot is another's. */
export const MISPLACED = 'misplaced';

const MAX_ENTRIES = 0; // XINFO STREAM … FULL COUNT 0: all of them

export async function stateOf(wire: Wire): Promise<ServerState> {
  const keys = new Map<string, KeyState>();
  const [fieldTtls] = list(await wire.send('COMMAND', 'INFO', 'HPEXPIRETIME'));
  const hasFieldTtls = Array.isArray(fieldTtls);
  const keyspace = text(await wire.send('INFO', 'keyspace'));
  for (const [, db] of keyspace.matchAll(/^db(\d+):/gm)) {
    const name = wire.otherName(Number(db));
    await wire.send('SELECT', name);
    await readDb(wire, name, hasFieldTtls, keys);
  }
  await wire.send('SELECT', 0);
  // Servers list a library's functions in any order; they follow from its code.
  const libraries = list(await wire.send('FUNCTION', 'LIST', 'WITHCODE'))
    .map(fields)
    .map((library) => canonical([library.get('library_name') ?? null, library.get('library_code') ?? null]))
    .sort();
  const scripts = canonical(await wire.send('SCRIPT', 'EXISTS', ...Object.values(SCRIPTS).map(sha1)));
  return { keys, functions: libraries.join('\n'), scripts };
}

async function readDb(wire: Wire, db: number, hasFieldTtls: boolean, into: Map<string, KeyState>): Promise<void> {
  const names: Buffer[] = [];
  let cursor = '0';
  do {
    const [next, page] = list(await wire.send('SCAN', cursor, 'COUNT', 1000));
    cursor = text(next);
    for (const name of list(page)) if (Buffer.isBuffer(name) && !OWN_KEY.test(text(name))) names.push(name);
  } while (cursor !== '0');
  const heads = await Promise.all(
    names.map(async (name) => {
      const [type, expiresAt] = await Promise.all([wire.send('TYPE', name), wire.send('PEXPIRETIME', name)]);
      if (type instanceof Error && type.message.startsWith('MOVED ')) return { name, type: MISPLACED, expiresAtMs: -1 };
      return { name, type: text(type), expiresAtMs: Number(text(expiresAt)) };
    }),
  );
  const states = heads
    .filter((head) => head.type !== 'none') // expired since SCAN saw it
    .map(async ({ name, type, expiresAtMs }) => {
      into.set(`${db} ${text(name)}`, { type, expiresAtMs, ...(await readValue(wire, name, type, hasFieldTtls)) });
    });
  await Promise.all(states);
}

async function readValue(wire: Wire, name: Buffer, type: string, hasFieldTtls: boolean): Promise<Value> {
  const value = (canonicalText: string) => ({ value: canonicalText, deliveredAtMs: [], fieldsExpireAtMs: [] });
  switch (type) {
    case 'string': {
      const bytes = await wire.send('GET', name);
      return value(Buffer.isBuffer(bytes) && isHyperLogLog(bytes) ? `HyperLogLog ${registersOf(bytes)}` : text(bytes));
    }
    case 'list':
      return value(canonical(await wire.send('LRANGE', name, 0, -1)));
    case 'set':
      return value(
        JSON.stringify(
          list(await wire.send('SMEMBERS', name))
            .map(text)
            .sort(),
        ),
      );
    case 'zset':
      return value(
        canonical(
          list(await wire.send('ZRANGE', name, 0, -1, 'WITHSCORES')).map((item, i) =>
            i % 2 === 0 ? item : scoreText(text(item)),
          ),
        ),
      );
    case 'hash':
      return hashValue(wire, name, hasFieldTtls);
    case 'vectorset':
      return value(await vectorSetText(wire, name));
    case MISPLACED:
      return value('');
    case 'stream':
      return streamValue(await wire.send('XINFO', 'STREAM', name, 'FULL', 'COUNT', MAX_ENTRIES));
    default:
      throw new Error(`no way to compare a ${type}`);
  }
}

/** Older servers write 0.10000000000000001 for the number that newer ones write 0.1. */
function scoreText(score: string): string {
  return /inf|^-0$/.test(score) ? score : String(Number(score));
}

async function hashValue(wire: Wire, name: Buffer, hasFieldTtls: boolean): Promise<Value> {
  const flat = list(await wire.send('HGETALL', name));
  const names = flat.filter((_, i) => i % 2 === 0) as Buffer[];
  const times = hasFieldTtls ? list(await wire.send('HPEXPIRETIME', name, 'FIELDS', names.length, ...names)) : [];
  const fields = names.map((field, i) => ({
    // one that expired after HGETALL saw it has -2 here
    shown: JSON.stringify([text(field), text(flat[2 * i + 1])]),
    expiresAtMs: times.length === 0 ? -1 : Number(text(times[i])),
  }));
  fields.sort((a, b) => (a.shown < b.shown ? -1 : 1));
  return {
    value: fields.map(({ shown }) => shown).join(),
    deliveredAtMs: [],
    fieldsExpireAtMs: fields.map(({ expiresAtMs }) => expiresAtMs),
  };
}

/** The parameters, and each element's vector as it is stored, its attributes and its neighbours in each layer. */
async function vectorSetText(wire: Wire, name: Buffer): Promise<string> {
  const info = fields(await wire.send('VINFO', name));
  const head = ['quant-type', 'hnsw-m', 'vector-dim', 'projection-input-dim', 'size', 'attributes-count'];
  const names = list(await wire.send('VRANDMEMBER', name, text(info.get('size')))) as Buffer[];
  const elements = names.map(async (element) => {
    const [vector, attributes, layers] = await Promise.all([
      wire.send('VEMB', name, element, 'RAW'),
      wire.send('VGETATTR', name, element),
      wire.send('VLINKS', name, element),
    ]);
    const links = list(layers).map((layer) => list(layer).map(text).sort());
    return JSON.stringify([text(element), canonical(vector), text(attributes), links]);
  });
  return JSON.stringify([head.map((field) => text(info.get(field))), (await Promise.all(elements)).sort()]);
}

/**
 * Leaves out what is no state of the stream: radix tree figures, and the time at which a consumer was last seen (each
 * attempt to read moves it, so the two sides never agree).
 */
function streamValue(full: WireReply): Value {
  const deliveredAtMs: number[] = [];
  const stream = fields(full);
  const groups = list(stream.get('groups') ?? []).map((reply) => {
    const group = fields(reply);
    const consumers = list(group.get('consumers') ?? []).map((entry) => {
      const consumer = fields(entry);
      // Each: id, time of delivery, number of deliveries.
      const pending = list(consumer.get('pel') ?? consumer.get('pending') ?? []).map((item) => {
        const [id, atMs, deliveries] = list(item).map(text);
        deliveredAtMs.push(Number(atMs));
        return [id, deliveries];
      });
      return { name: text(consumer.get('name')), pending };
    });
    const head = ['name', 'last-delivered-id', 'entries-read', 'pel-count'].map((name) => text(group.get(name)));
    return { head, consumers };
  });
  const head = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added'];
  const entries = list(stream.get('entries') ?? []).map(canonical);
  return {
    value: JSON.stringify({ head: head.map((name) => text(stream.get(name))), entries, groups }),
    deliveredAtMs,
    fieldsExpireAtMs: [],
  };
}

function fields(flat: WireReply): Map<string, WireReply> {
  const out = new Map<string, WireReply>();
  const items = list(flat);
  for (let i = 0; i + 1 < items.length; i += 2) out.set(text(items[i]), items[i + 1] ?? null);
  return out;
}

export function text(reply: WireReply | undefined): string {
  if (Buffer.isBuffer(reply)) return reply.toString('latin1');
  if (reply === null || reply === undefined) return '(nil)';
  if (reply instanceof Error) return `(error) ${reply.message}`;
  return typeof reply === 'string' ? reply : canonical(reply);
}

export function list(reply: WireReply | undefined): WireReply[] {
  if (!Array.isArray(reply)) throw new Error(`expected an array, got ${text(reply)}`);
  return reply;
}

/** A reply as text, for comparing. */
export function canonical(reply: WireReply): string {
  return Array.isArray(reply) ? `[${reply.map(canonical).join()}]` : JSON.stringify(text(reply));
}

/** How two states of one key differ; '' if they do not. `toleranceMs` holds for the moments when a key or a field expires. */
export function difference(a: KeyState | undefined, b: KeyState | undefined, toleranceMs: number): string {
  if (a === undefined || b === undefined) return a === b ? '' : `${show(a, 0)} ≠ ${show(b, 0)}`;
  if (a.type !== b.type) return `${show(a, 0)} ≠ ${show(b, 0)}`;
  if (a.value !== b.value) {
    const from = firstDifference(a.value, b.value);
    return `${show(a, from)} ≠ ${show(b, from)}`;
  }
  if (apart(a.expiresAtMs, b.expiresAtMs, toleranceMs)) return `expires ${a.expiresAtMs} ≠ ${b.expiresAtMs}`;
  const field = a.fieldsExpireAtMs.findIndex((atMs, i) => apart(atMs, b.fieldsExpireAtMs[i] ?? -1, toleranceMs));
  if (field !== -1) {
    return `field ${field} expires ${a.fieldsExpireAtMs[field]} ≠ ${b.fieldsExpireAtMs[field]} of ${show(a, 0)}`;
  }
  const late = a.deliveredAtMs.findIndex(
    (atMs, i) => Math.abs(atMs - (b.deliveredAtMs[i] ?? 0)) > DELIVERY_TOLERANCE_MS,
  );
  return late === -1 ? '' : `delivered ${a.deliveredAtMs[late]} ≠ ${b.deliveredAtMs[late]}`;
}

/** Negative ones are no moments: there is no deadline, or no field. */
function apart(a: number, b: number, toleranceMs: number): boolean {
  if (a < 0 || b < 0) return a !== b;
  return Math.abs(a - b) > toleranceMs;
}

const DELIVERY_TOLERANCE_MS = 1000;
const SHOWN_CHARS = 200;
const SHOWN_BEFORE_CHARS = 40;

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** The value from shortly before `from` on. */
function show(key: KeyState | undefined, from: number): string {
  if (key === undefined) return 'nothing';
  const start = Math.max(0, from - SHOWN_BEFORE_CHARS);
  return `${key.type} ${start > 0 ? '…' : ''}${key.value.slice(start, start + SHOWN_CHARS)} (expires ${key.expiresAtMs})`;
}
