/**
 * A logical copy as its caller does it, and the check that both servers show a client the same value: not by the
 * comparison under test, but by the servers' own output, command by command.
 */
import { expect } from 'vitest';
import { type LogicalOptions, logicalReader } from '../../../src/mirror/logical/reader.js';
import type { Args } from '../../../src/mirror/logical/replies.js';
import type { Reply } from '../../../src/resp/values.js';
import type { Connection } from './connection.js';

const FEATURES = { hashFieldTtl: false, xgroupEntriesRead: true };

export const WHOLE: LogicalOptions = {
  chunkElements: Number.POSITIVE_INFINITY,
  chunkBytes: Number.POSITIVE_INFINITY,
  features: FEATURES,
};

/** So small that every value of more than a few elements is read in many pieces. */
export const TINY_PIECES: LogicalOptions = { chunkElements: 3, chunkBytes: 40, features: FEATURES };

export const PIECES: LogicalOptions = { chunkElements: 500, chunkBytes: 64 * 1024, features: FEATURES };

/** → the number of groups that were read. */
export async function transfer(
  from: Connection,
  to: Connection,
  key: Buffer,
  options: LogicalOptions,
): Promise<number> {
  const staging = Buffer.concat([key, Buffer.from(':staging')]);
  const type = String(await from.command('TYPE', key));
  const reader = logicalReader(type, key, staging, options);
  await to.command('DEL', staging);
  let groups = 0;
  for (let reads = reader.nextReads(); reads !== null; reads = reader.nextReads()) {
    groups++;
    const whole = options.chunkElements === Number.POSITIVE_INFINITY;
    const rebuilding = reader.take(whole ? await inOneMulti(from, reads) : await from.call(reads));
    await to.commands(rebuilding);
  }
  await (reader.missing ? to.command('DEL', key) : to.command('RENAME', staging, key));
  return groups;
}

async function inOneMulti(connection: Connection, commands: Args[]): Promise<Reply[]> {
  const replies = await connection.call([['MULTI'], ...commands, ['EXEC']]);
  return replies.at(-1) as Reply[];
}

/** What clients can see of a value, as comparable text: integers too, so that none is rounded. */
export async function visible(connection: Connection, key: Buffer): Promise<unknown> {
  const type = String(await connection.command('TYPE', key));
  switch (type) {
    case 'none':
      return null;
    case 'string':
      return { type, value: texts(await connection.command('GET', key)) };
    case 'list':
      return { type, value: texts(await connection.command('LRANGE', key, 0, -1)) };
    case 'zset':
      return { type, value: texts(await connection.command('ZRANGE', key, 0, -1, 'WITHSCORES')) };
    case 'set':
      return { type, value: (texts(await connection.command('SMEMBERS', key)) as string[]).sort() };
    case 'hash': {
      const flat = texts(await connection.command('HGETALL', key)) as string[];
      const fields = flat.filter((_, i) => i % 2 === 0).map((name, i) => [name, flat[2 * i + 1]]);
      return { type, value: fields.sort((a, b) => (a[0] < b[0] ? -1 : 1)) };
    }
    case 'stream':
      return { type, value: withoutShape(texts(await connection.command('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0))) };
    default:
      throw new Error(`no such type: ${type}`);
  }
}

export async function expectSameVisible(a: Connection, b: Connection, key: Buffer): Promise<void> {
  expect(await visible(b, key)).toEqual(await visible(a, key));
}

function texts(reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map(texts);
  return Buffer.isBuffer(reply) ? reply.toString('latin1') : String(reply);
}

/** XINFO's flat pairs as objects, without what differs between equal streams: the tree's shape and seen-time. */
function withoutShape(info: unknown): unknown {
  if (!Array.isArray(info)) return info;
  const named = typeof info[0] === 'string' && ['length', 'name'].includes(info[0]);
  if (!named) return info.map(withoutShape);
  const pairs: [string, unknown][] = [];
  for (let i = 0; i < info.length; i += 2) {
    const name = String(info[i]);
    if (!name.startsWith('radix-tree') && name !== 'seen-time') pairs.push([name, withoutShape(info[i + 1])]);
  }
  return Object.fromEntries(pairs);
}

/** Delivery times in a `visible` stream differ by some ms when it was read in pieces: rounds them off. */
export function withoutDeliveryTimes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (name, held: unknown) => {
    if (name !== 'pending' || !Array.isArray(held)) return held;
    return held.map((entry: unknown[]) => (entry.length === 4 ? [entry[0], entry[1], entry[3]] : [entry[0], entry[2]]));
  });
}
