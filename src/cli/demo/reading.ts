/**
 * What one key holds on one side, in a form that is equal exactly if the key is: independent of how Redis stores it.
 *
 * Used where two DUMPs differ, which they may without a difference (the order inside a hash table, a HyperLogLog's
 * cached count). A stream is its entries, ids and counters, and its groups with their consumers and pending entries;
 * when a pending entry was delivered is compared with tolerance, when a consumer was last seen not at all.
 */
import { askDirectly, type Direct, type DirectCommand } from '../../../bench/app/direct.js';

export interface Reading {
  type: string;
  content: string;
  /** delivery times of pending entries, in the order of `content` */
  timesMs: number[];
}

type Reply = Buffer | string | number | null | Reply[];

const READ_BY_TYPE: Record<string, (key: Buffer) => DirectCommand> = {
  string: (key) => ['GET', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  hash: (key) => ['HGETALL', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  stream: (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'],
};

export async function readKeys(direct: Direct, keys: readonly Buffer[]): Promise<Reading[]> {
  const types = (
    await pipelined(
      direct,
      keys.map((key) => ['TYPE', key]),
    )
  ).map(String);
  const reads = keys.map((key, i) => READ_BY_TYPE[types[i]!]?.(key) ?? (['EXISTS', key] as DirectCommand));
  const replies = await pipelined(direct, reads);
  return replies.map((reply, i) => interpret(types[i]!, reply));
}

/** Raw commands, all at once, with Buffer replies; any error reply is thrown. */
export async function pipelined(direct: Direct, commands: readonly DirectCommand[]): Promise<Reply[]> {
  return (await askDirectly(direct, commands, 'bytes')).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply as Reply;
  });
}

function interpret(type: string, reply: Reply): Reading {
  const timesMs: number[] = [];
  if (type === 'stream') return { type, content: JSON.stringify(streamOf(reply, timesMs)), timesMs };
  if (type === 'string') return { type, content: withoutCachedCount(latin1(reply)), timesMs };
  const items = Array.isArray(reply) ? reply.map(latin1) : [latin1(reply)];
  if (type === 'set') items.sort();
  if (type === 'hash') return { type, content: JSON.stringify(pairs(items).sort()), timesMs };
  return { type, content: JSON.stringify(items), timesMs };
}

/** PFCOUNT writes its result into bytes 8–15 of a HyperLogLog; the registers are what counts. */
function withoutCachedCount(value: string): string {
  return value.startsWith('HYLL') && value.length >= 16 ? value.slice(0, 8) + value.slice(16) : value;
}

function streamOf(reply: Reply, timesMs: number[]): unknown {
  const stream = record(reply);
  const groups = list(stream.get('groups')).map((reply) => {
    const group = record(reply);
    const pending = list(group.get('pending') ?? group.get('pel')).map((reply) => {
      const [id, consumer, deliveredAtMs, deliveries] = list(reply);
      timesMs.push(Number(deliveredAtMs));
      return [latin1(id), latin1(consumer), Number(deliveries)];
    });
    const consumers = list(group.get('consumers')).map((consumer) => latin1(record(consumer).get('name')));
    const position = ['name', 'last-delivered-id', 'entries-read'].map((field) => latin1(group.get(field)));
    return [...position, pending, consumers.sort()];
  });
  const ids = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added'];
  return [ids.map((field) => latin1(stream.get(field))), entries(stream.get('entries')), groups];
}

function entries(reply: Reply | undefined): unknown {
  return list(reply).map((entry) => list(entry).map((part) => (Array.isArray(part) ? part.map(latin1) : latin1(part))));
}

function record(reply: Reply | undefined): Map<string, Reply> {
  const flat = list(reply);
  const map = new Map<string, Reply>();
  for (let i = 0; i + 1 < flat.length; i += 2) map.set(latin1(flat[i]), flat[i + 1]!);
  return map;
}

function pairs(flat: readonly string[]): [string, string][] {
  const all: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) all.push([flat[i]!, flat[i + 1]!]);
  return all;
}

function list(reply: Reply | undefined): Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function latin1(reply: Reply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString('latin1') : String(reply ?? '');
}
