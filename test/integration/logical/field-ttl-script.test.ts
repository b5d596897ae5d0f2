/**
 * The script that reads a hash with its fields' TTLs, run by a real server. Redis 7.0 has no HPEXPIRETIME, so a Lua
 * function answers in its place; everything else is the script as it is sent.
 */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { READ_WITH_FIELD_TTLS } from '../../../src/mirror/logical/read-hash.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Connection } from './connection.js';

const STAND_IN = `
local function hpexpiretime(_, key, _, count, ...)
  local names, times = {...}, {}
  assert(count == #names)
  for i = 1, count do
    times[i] = string.sub(names[i], 1, 4) == 'ttl:' and 1800000000000 + tonumber(string.sub(names[i], 5)) or -1
  end
  return times
end`;

let redis: RedisServer;
let connection: Connection;

beforeAll(async () => {
  redis = await startRedis();
  connection = await Connection.open(redis.port);
});

afterAll(async () => {
  connection?.close();
  await redis?.stop();
});

beforeEach(async () => {
  await connection.command('FLUSHALL');
});

async function read(): Promise<[Buffer[], number[]]> {
  const script = STAND_IN + READ_WITH_FIELD_TTLS.replace("redis.call('HPEXPIRETIME'", "hpexpiretime('HPEXPIRETIME'");
  return (await connection.command('EVAL_RO', script, 1, 'k')) as [Buffer[], number[]];
}

it('answers every field and its deadline in the same order, however many there are', async () => {
  for (let i = 0; i < 5003; i++) await connection.call([['HSET', 'k', i % 3 === 0 ? `ttl:${i}` : `f${i}`, i]]);
  const [fields, times] = await read();
  expect(times).toHaveLength(5003);
  times.forEach((time, i) => {
    const name = String(fields[2 * i]);
    expect(time).toBe(name.startsWith('ttl:') ? 1_800_000_000_000 + Number(name.slice(4)) : -1);
  });
});

it('answers no deadlines if no field has one, and nothing for a missing key', async () => {
  await connection.command('HSET', 'k', 'f', 'v');
  expect(await read()).toEqual([[Buffer.from('f'), Buffer.from('v')], []]);
  await connection.command('DEL', 'k');
  expect(await read()).toEqual([[], []]);
});
