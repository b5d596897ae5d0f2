/** The judge is judged: it must find small differences of every type, and none between equal values. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { difference, type KeyState, stateOf } from './state.js';
import { Wire } from './wire.js';

let server: RedisServer;
let wire: Wire;

beforeAll(async () => {
  server = await startRedis();
  wire = await Wire.open(server.port);
});

afterAll(async () => {
  wire.close();
  await server.stop();
});

/** What the lines, split at blanks, make of the key k. */
async function made(...lines: string[]): Promise<KeyState | undefined> {
  await wire.send('FLUSHALL');
  for (const line of lines) {
    const reply = await wire.send(...line.split(' '));
    if (reply instanceof Error) throw reply;
  }
  return (await stateOf(wire)).keys.get('0 k');
}

/** What servers before 7.4 and 8.0 do not have. */
const NEWER = /deadline of a field|vector|attribute/;

async function hasAll(lines: readonly string[]): Promise<boolean> {
  const names = lines.map((line) => line.split(' ', 1)[0]!);
  const infos = await wire.send('COMMAND', 'INFO', ...names);
  return Array.isArray(infos) && infos.every(Array.isArray);
}

const STREAM = ['XADD k 1-1 f v', 'XADD k 2-1 f v', 'XGROUP CREATE k g 0'];
const READ = [...STREAM, 'XREADGROUP GROUP g c1 COUNT 1 STREAMS k >'];
const elements = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `element-${from + i}`).join(' ');

const DIFFERENT: readonly (readonly [what: string, a: string[], b: string[]])[] = [
  ['a missing key', ['SET k v'], ['SET other v']],
  ['a type', ['RPUSH k a'], ['SADD k a']],
  ['a TTL', ['SET k v'], ['SET k v PX 100000']],
  ['another TTL', ['SET k v PXAT 33177117420000'], ['SET k v PXAT 33177117420001']],
  ['a string', ['SET k v'], ['SET k w']],
  ['the tail of a list', ['RPUSH k a b c'], ['RPUSH k a b']],
  ['the order of a list', ['RPUSH k a b'], ['RPUSH k b a']],
  ['a member', ['SADD k a b'], ['SADD k a c']],
  ['the last bit of a score', ['ZADD k 0.3 a'], ['ZADD k 0.30000000000000004 a']],
  ['a field', ['HSET k f v'], ['HSET k f w']],
  ['a field and its value exchanged', ['HSET k f v'], ['HSET k v f']],
  ['the registers of a HyperLogLog', ['PFADD k a'], ['PFADD k b']],
  ['the deadline of a field', ['HSET k f v'], ['HSET k f v', 'HEXPIRE k 500 FIELDS 1 f']],
  [
    'another deadline of a field',
    ['HSETEX k PXAT 33177117420000 FIELDS 1 f v'],
    ['HSETEX k PXAT 33177117420001 FIELDS 1 f v'],
  ],
  ['a vector', ['VADD k VALUES 2 1 2 a'], ['VADD k VALUES 2 1 3 a']],
  ['an attribute', ['VADD k VALUES 2 1 2 a'], ['VADD k VALUES 2 1 2 a SETATTR {"n":1}']],
  ['a stream id', ['XADD k 1-1 f v'], ['XADD k 1-2 f v']],
  ['the last id of a stream', STREAM, [...STREAM, 'XSETID k 3-0']],
  ['the position of a group', STREAM, [...STREAM, 'XGROUP SETID k g 1-1']],
  ['a consumer', STREAM, [...STREAM, 'XGROUP CREATECONSUMER k g c']],
  ['a pending entry', READ, [...READ, 'XACK k g 1-1']],
  ['the owner of a pending entry', READ, [...STREAM, 'XREADGROUP GROUP g c2 COUNT 1 STREAMS k >']],
  ['a number of deliveries', READ, [...READ, 'XCLAIM k g c1 0 1-1 RETRYCOUNT 9']],
  ['a time of delivery', READ, [...READ, 'XCLAIM k g c1 0 1-1 IDLE 5000 RETRYCOUNT 1 JUSTID']],
];

const EQUAL: readonly (readonly [what: string, a: string[], b: string[]])[] = [
  ['encodings of a set', ['SADD k 1 2'], ['SADD k 2 1 x', 'SREM k x']],
  ['order of fields', ['HSET k a 1 b 2'], ['HSET k b 2 a 1']],
  ['a cached count', ['PFADD k a b'], ['PFADD k a b', 'PFCOUNT k']],
  ['sparse and dense', [`PFADD k ${elements(0, 50)}`], [`PFADD k ${elements(0, 50)}`, 'PFDEBUG TODENSE k']],
  ['sparse and dense of many', [`PFADD k ${elements(0, 400)}`], [`PFADD k ${elements(0, 400)}`, 'PFDEBUG TODENSE k']],
];

describe('the comparison of states', () => {
  it.each(DIFFERENT)('finds %s', async (what, a, b) => {
    if (!(await hasAll([...a, ...b]))) return expect(NEWER.test(what), 'only a newer server has that').toBe(true);
    expect(difference(await made(...a), await made(...b), 0)).not.toBe('');
  });

  it.each(EQUAL)('does not mind %s', async (_, a, b) => {
    expect(difference(await made(...a), await made(...b), 0)).toBe('');
  });

  it('tolerates a TTL within its limit only', async () => {
    const at = (ms: number) => made(`SET k v PXAT ${33177117420000 + ms}`);
    expect(difference(await at(0), await at(900), 1000)).toBe('');
    expect(difference(await at(0), await at(1100), 1000)).not.toBe('');
  });
});
