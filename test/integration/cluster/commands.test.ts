/**
 * What a client may ask of a Cluster through Ferry: commands of one slot are answered with the bytes of the node that has
 * it, commands over several slots are split or get the Cluster's own error, and what is about all keys is put together.
 *
 * One Cluster, asked first directly and then, emptied, through a Ferry that only passes on (source-only).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { CommandTable } from '../../../src/commands/table.js';
import { defaultConfig } from '../../../src/config/config.js';
import type { Reply } from '../../../src/resp/values.js';
import { keySlot } from '../../../src/topology/crc16.js';
import { type Cluster, startCluster } from '../../support/cluster.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Asker } from '../equality/asker.js';
import { LINES, SETUP, UNORDERED, VARYING } from '../equality/lines.js';
import { sleep } from '../journey/stage.js';
import { list, text, Wire, type WireReply } from '../journey/wire.js';
import { CASES } from '../write-commands/cases.js';
import { makePayloads } from '../write-commands/running.js';
import { LIBRARY, linesToArgs, type Place, prefixOf, sha1 } from '../write-commands/write-case.js';
import { tagged } from './tagged.js';

const TIMEOUT_MS = 60_000;
/** Of the last third of the slots: not where Ferry sends what has no key. */
const TAG = '{t2}';
/** Keys of all three masters, several of each. */
const SPREAD = Array.from({ length: 40 }, (_, i) => `spread:${i}`);
const CROSSSLOT = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";

let cluster: Cluster;
let other: RedisServer;
let ferry: Ferry;
let table: CommandTable;
let place: Place;
let stateDir: string;
let owner: number;
let wire: Wire;
const nodes: Wire[] = [];

function slotOf(key: string): number {
  const bytes = Buffer.from(key);
  return keySlot(bytes, 0, bytes.length);
}

beforeAll(async () => {
  [cluster, other] = await Promise.all([
    startCluster({ replicasPerMaster: 0, args: ['--busy-reply-threshold', '50'] }),
    startRedis(),
  ]);
  stateDir = mkdtempSync(join(tmpdir(), 'ferry-commands-'));
  ferry = await startFerry(
    defaultConfig({
      ...{ source: cluster.url, target: other.url, stateDir, logLevel: 'silent' },
      ...{ listen: { host: '127.0.0.1', port: 0 }, admin: { port: 0 } },
    }),
  );
  const maker = await Wire.open(other.port);
  const payloads = await makePayloads(maker);
  table = CommandTable.fromServer((await maker.send('COMMAND')) as Reply);
  maker.close();
  place = { prefix: '', payloads, nowMs: Date.now() };
  owner = (await cluster.ownerOf(slotOf(TAG))).port;
  wire = await Wire.open(ferry.port);
  for (const { node } of await cluster.masters()) nodes.push(await Wire.open(node.port));
}, TIMEOUT_MS);
afterAll(async () => {
  wire?.close();
  for (const node of nodes) node.close();
  await ferry?.stop();
  await Promise.all([cluster?.stop(), other?.stop()]);
  rmSync(stateDir, { recursive: true, force: true });
});

async function empty(): Promise<void> {
  for (const node of nodes) {
    for (const line of ['FLUSHALL', 'SCRIPT FLUSH', 'FUNCTION FLUSH', 'SLOWLOG RESET']) {
      expect(text(await node.send(...line.split(' ')))).toBe('OK');
    }
  }
}
beforeEach(empty);

type Line = readonly (string | Buffer)[];

/** The lines whose answers differ between the node that has the keys and Ferry, one after the other. */
async function unequal(
  resp: number,
  lines: readonly Line[],
  shape: (reply: string, line: number) => string = (reply) => reply,
): Promise<Record<string, { direct: string; ferry: string }>> {
  const ask = async (port: number): Promise<string[]> => {
    await empty();
    const asker = await Asker.open(port);
    try {
      await asker.ask([['HELLO', String(resp)]]);
      return await asker.ask(lines);
    } finally {
      asker.close();
    }
  };
  const its = await ask(owner);
  const mine = await ask(ferry.port);
  const found: Record<string, { direct: string; ferry: string }> = {};
  for (const [i, line] of lines.entries()) {
    const [a, b] = [its[i] ?? 'closed', mine[i] ?? 'closed'];
    if (shape(a, i) !== shape(b, i)) {
      found[`${i}: ${line.map(String).join(' ')}`.slice(0, 200)] = { direct: a, ferry: b };
    }
  }
  return found;
}

/** Not about one node's answer: Ferry shows itself as the one node, or asks all of them. */
const OWN_WAY =
  /^(CLUSTER|INFO|HELLO|CLIENT (ID|INFO|LIST|KILL)|READONLY|READWRITE|ASKING|KEYS|DBSIZE|SCAN|RANDOMKEY|SPUBLISH channel)\b/i;

describe.each([2, 3])('RESP%i: as the node that has the slot', (resp) => {
  test('reads, errors, transactions, the connection and the server', { timeout: TIMEOUT_MS }, async () => {
    const lines = [...SETUP, ...LINES, `SPUBLISH ${TAG}channel message`].filter((line) => !OWN_WAY.test(line));
    const shape = (reply: string, i: number): string =>
      UNORDERED.test(lines[i]!) ? reply.split('\r\n').sort().join('\r\n') : reply;
    const words = lines.map((line) => tagged(table, TAG, line));
    expect(await unequal(resp, words, shape)).toEqual({});
  });

  test('what varies by nature has the same shape', { timeout: TIMEOUT_MS }, async () => {
    const varying = VARYING.filter(([line]) => !OWN_WAY.test(line));
    const lines = [...SETUP, ...varying.map(([line]) => line)];
    const shape = (reply: string, i: number): string => {
      const varies = varying[i - SETUP.length]?.[1];
      if (varies === undefined || reply.startsWith('-')) return reply;
      if (varies === 'type') return reply.slice(0, 1);
      if (varies === 'order') return reply.split('\r\n').sort().join('\r\n');
      return reply.replace(varies, '~').replace(/~+/g, '~');
    };
    const words = lines.map((line) => tagged(table, TAG, line));
    expect(await unequal(resp, words, shape)).toEqual({});
  });

  test('write commands', { timeout: TIMEOUT_MS }, async () => {
    const lines = CASES.filter(({ alone, replyVaries }) => !alone && !replyVaries).flatMap((write) => {
      const here = { ...place, prefix: TAG + prefixOf(write) };
      return [...write.setup, ...write.run].map((line) => linesToArgs(line, here));
    });
    const shape = (reply: string): string => (/^:\d{6,}\r\n$/.test(reply) ? 'about the same' : reply);
    expect(await unequal(resp, lines, shape)).toEqual({});
  });

  test('what a Cluster refuses', { timeout: TIMEOUT_MS }, async () => {
    const lines = [
      ...['SELECT 1', 'SELECT 0', 'SWAPDB 0 1', 'SWAPDB x 1'],
      ...[`SET ${TAG}k v`, `MOVE ${TAG}k 1`, `COPY ${TAG}k ${TAG}l DB 1`, `COPY ${TAG}k ${TAG}l DB 0`, `GET ${TAG}l`],
      ...[`RPUSH ${TAG}list 2 1`, `SORT ${TAG}list BY w_*`, `SORT ${TAG}list GET o_*`, `SORT ${TAG}list BY nosort`],
      ...[`SORT ${TAG}list GET #`, `SORT_RO ${TAG}list BY w_*`, `SORT ${TAG}list BY ${TAG}w_*`],
      ...[`SORT ${TAG}list STORE ${TAG}sorted`, `LRANGE ${TAG}sorted 0 -1`],
      ...[`SORT ${TAG}list STORE elsewhere`, 'MULTI', 'SWAPDB 0 1', 'EXEC'],
    ];
    const words = lines.map((line) => line.split(' '));
    expect(await unequal(resp, words)).toEqual({});
  });

  test('keys in several slots: CROSSSLOT, byte for byte', { timeout: TIMEOUT_MS }, async () => {
    const lines = [
      ...['SUNIONSTORE d a b', 'SINTER a b', 'SDIFF a b', 'SMOVE a b m', 'RENAME a b', 'RENAMENX a b', 'COPY a b'],
      ...['MSETNX a 1 b 2', 'LMOVE a b LEFT LEFT', 'RPOPLPUSH a b', 'BLMOVE a b LEFT LEFT 1', 'BRPOPLPUSH a b 1'],
      ...['BLPOP a b 1', 'BRPOP a b 1', 'BZPOPMIN a b 1', 'BLMPOP 1 2 a b LEFT', 'BZMPOP 1 2 a b MIN'],
      ...['LMPOP 2 a b LEFT', 'ZMPOP 2 a b MIN', 'PFCOUNT a b', 'PFMERGE a b', 'BITOP AND a b c', 'LCS a b'],
      ...['ZUNION 2 a b', 'ZINTERSTORE d 2 a b', 'ZRANGESTORE a b 0 -1', 'SINTERCARD 2 a b', 'ZINTERCARD 2 a b'],
      ...['XREAD STREAMS a b 0 0', 'XREAD BLOCK 5 STREAMS a b 0 0', 'XREADGROUP GROUP g c STREAMS a b > >'],
      ...['EVAL return(1) 2 a b', 'EVAL_RO return(1) 2 a b', 'FCALL f 2 a b', 'FCALL_RO f 2 a b'],
      ...['EVALSHA ffffffffffffffffffffffffffffffffffffffff 2 a b', 'SORT a STORE b', 'WATCH a b'],
      ...['GEOSEARCHSTORE a b FROMLONLAT 1 1 BYRADIUS 1 km', 'GEORADIUS a 1 1 1 km STORE b'],
      ...['MULTI', 'SUNIONSTORE d a b', 'EXEC', 'MULTI', 'MGET a b', 'EXEC', 'MULTI', 'DEL a b', 'EXEC'],
    ];
    const words = lines.map((line) => line.split(' '));
    expect(await unequal(resp, words)).toEqual({});
    const replies = await wire.send(...words[0]!);
    expect(`-${(replies as Error).message}\r\n`).toBe(CROSSSLOT);
  });
});

describe('split over slots', () => {
  test('MSET, MGET, EXISTS, TOUCH, DEL and UNLINK, with duplicates and missing keys, in order', async () => {
    expect(text(await wire.send('MSET', ...SPREAD.flatMap((key, i) => [key, `v${i}`])))).toBe('OK');
    const asked = [...SPREAD, 'missing:1', SPREAD[3]!, 'missing:2', SPREAD[0]!, SPREAD[0]!];
    const values = list(await wire.send('MGET', ...asked)).map((value) => (value === null ? null : text(value)));
    expect(values).toEqual(asked.map((key) => (SPREAD.includes(key) ? `v${SPREAD.indexOf(key)}` : null)));
    const present = asked.filter((key) => SPREAD.includes(key)).length;
    expect(text(await wire.send('EXISTS', ...asked))).toBe(String(present));
    expect(text(await wire.send('TOUCH', ...asked))).toBe(String(present));
    expect(text(await wire.send('DEL', ...asked.slice(20), 'missing:3'))).toBe('22');
    expect(text(await wire.send('UNLINK', ...SPREAD))).toBe('18');
    expect(text(await wire.send('DBSIZE'))).toBe('0');
  });

  test('of a key that is named twice the last value stays', async () => {
    expect(text(await wire.send('MSET', 'a', '1', 'b', '1', 'a', '2', 'c', '1', 'b', '3'))).toBe('OK');
    expect(list(await wire.send('MGET', 'a', 'b', 'c')).map(text)).toEqual(['2', '3', '1']);
  });

  test('a value of another type is nil, and a key without a value is refused', async () => {
    await wire.send('LPUSH', 'list', 'x');
    await wire.send('SET', 'a', '1');
    expect(list(await wire.send('MGET', 'list', 'a', 'b'))).toEqual([null, Buffer.from('1'), null]);
    expect(String(await wire.send('MSET', 'a', '1', 'b'))).toMatch(/CROSSSLOT/);
  });

  test('RESP3 gets its own nulls', async () => {
    const asker = await Asker.open(ferry.port);
    const [, , values] = await asker.ask([
      ['HELLO', '3'],
      ['SET', 'a', '1'],
      ['MGET', 'b', 'a', 'c'],
    ]);
    asker.close();
    expect(values).toBe('*3\r\n_\r\n$1\r\n1\r\n_\r\n');
  });
});

describe('about all keys', () => {
  const names = (reply: WireReply): string[] => list(reply).map(text).sort();

  async function scanned(...options: string[]): Promise<string[]> {
    const found: string[] = [];
    let cursor = '0';
    for (let calls = 0; calls < 1000; calls++) {
      const [next, page] = list(await wire.send('SCAN', cursor, ...options));
      found.push(...list(page!).map(text));
      cursor = text(next!);
      if (cursor === '0') return found;
    }
    throw new Error('SCAN came to no end');
  }

  beforeEach(async () => {
    await wire.send('MSET', ...SPREAD.flatMap((key) => [key, 'v']));
    await wire.send('SADD', 'set:1', 'x');
    await wire.send('SADD', 'set:2', 'x');
  });

  test('DBSIZE, KEYS and RANDOMKEY', async () => {
    // flushed past Ferry, its own key is back within a second; until then there is one less to hide
    while (text(await wire.send('EXISTS', '__ferry:lease')) === '0') await sleep(20);
    expect(text(await wire.send('DBSIZE'))).toBe(String(SPREAD.length + 2));
    expect(names(await wire.send('KEYS', '*'))).toEqual([...SPREAD, 'set:1', 'set:2'].sort());
    expect(names(await wire.send('KEYS', 'set:?'))).toEqual(['set:1', 'set:2']);
    const seen = new Set<string>();
    for (let i = 0; i < 400; i++) seen.add(text(await wire.send('RANDOMKEY')));
    for (const node of nodes) {
      const its = names(await node.send('KEYS', '*'));
      expect(its.length).toBeGreaterThan(0);
      expect(its.some((key) => seen.has(key))).toBe(true);
    }
    for (const flush of ['FLUSHALL', 'FLUSHDB']) {
      await wire.send('SET', 'x', 'y');
      expect(text(await wire.send(flush))).toBe('OK');
      expect(text(await wire.send('DBSIZE'))).toBe('0');
    }
    expect(await wire.send('RANDOMKEY')).toBe(null);
    expect(list(await wire.send('KEYS', '*'))).toEqual([]);
  });

  test('SCAN sees every key, each once, with MATCH, COUNT and TYPE', async () => {
    expect((await scanned()).sort()).toEqual([...SPREAD, 'set:1', 'set:2'].sort());
    expect((await scanned('COUNT', '1')).sort()).toEqual([...SPREAD, 'set:1', 'set:2'].sort());
    expect((await scanned('MATCH', 'spread:1*', 'COUNT', '3')).sort()).toEqual(
      SPREAD.filter((key) => key.startsWith('spread:1')).sort(),
    );
    expect((await scanned('TYPE', 'set')).sort()).toEqual(['set:1', 'set:2']);
    expect(await scanned('MATCH', 'none')).toEqual([]);
  });
});

describe('known by every node', () => {
  test('SCRIPT LOAD, EXISTS and FLUSH', async () => {
    const script = "return {KEYS[1], redis.call('GET', KEYS[1])}";
    const sha = text(await wire.send('SCRIPT', 'LOAD', script));
    expect(sha).toBe(sha1(script));
    for (const key of SPREAD) {
      expect(list(await wire.send('EVALSHA', sha, 1, key))[0]).toEqual(Buffer.from(key));
    }
    expect(list(await wire.send('SCRIPT', 'EXISTS', sha, 'f'.repeat(40)))).toEqual(['1', '0']);
    await nodes[1]!.send('SCRIPT', 'FLUSH');
    expect(list(await wire.send('SCRIPT', 'EXISTS', sha))).toEqual(['0']);
    expect(text(await wire.send('SCRIPT', 'FLUSH'))).toBe('OK');
    for (const node of nodes) expect(list(await node.send('SCRIPT', 'EXISTS', sha))).toEqual(['0']);
  });

  test('FUNCTION LOAD, DELETE, FLUSH and RESTORE', async () => {
    const call = async (): Promise<WireReply[]> =>
      Promise.all(SPREAD.map((key) => wire.send('FCALL', 'ferry_push', 1, key, 'x')));
    expect(text(await wire.send('FUNCTION', 'LOAD', LIBRARY))).toBe('ferrycases');
    expect(await call()).toEqual(SPREAD.map(() => '1'));
    expect(String(await wire.send('FUNCTION', 'LOAD', LIBRARY))).toMatch(/already exists/);
    const dump = (await wire.send('FUNCTION', 'DUMP')) as Buffer;
    expect(text(await wire.send('FUNCTION', 'DELETE', 'ferrycases'))).toBe('OK');
    expect((await call()).every((reply) => /Function not found/.test(String(reply)))).toBe(true);
    expect(text(await wire.send('FUNCTION', 'RESTORE', dump))).toBe('OK');
    expect(await call()).toEqual(SPREAD.map(() => '2'));
    expect(text(await wire.send('FUNCTION', 'FLUSH'))).toBe('OK');
    for (const node of nodes) expect(list(await node.send('FUNCTION', 'LIST'))).toEqual([]);
  });

  test.each(['SCRIPT', 'FUNCTION'])('%s KILL finds the node that runs it', async (what) => {
    const forever = 'while true do end';
    if (what === 'FUNCTION') {
      const body = `#!lua name=loop\nredis.register_function('loop', function() ${forever} end)`;
      expect(text(await wire.send('FUNCTION', 'LOAD', body))).toBe('loop');
    }
    const runner = await Wire.open(ferry.port);
    const running = what === 'SCRIPT' ? runner.send('EVAL', forever, 1, TAG) : runner.send('FCALL', 'loop', 1, TAG);
    let answer = '';
    for (let i = 0; i < 1000 && answer !== 'OK'; i++) {
      answer = text(await wire.send(what, 'KILL'));
      expect(answer).toMatch(/^OK$|NOTBUSY/);
    }
    expect(String(await running)).toMatch(/killed by user/);
    runner.close();
    expect(text(await wire.send(what, 'KILL'))).toMatch(/NOTBUSY/);
  });
});

test('WAIT is about the node of the last write, a plain one or in MULTI', async () => {
  for (const key of SPREAD.slice(0, 5)) {
    const asker = await Asker.open(ferry.port);
    const replies = await asker.ask([
      ['SET', key, 'v'],
      ['WAIT', '0', '0'],
      ['MULTI'],
      ['SET', key, 'w'],
      ['EXEC'],
      ['WAIT', '1', '5'],
    ]);
    expect(replies.at(1)).toBe(':0\r\n');
    expect(replies.at(-1)).toBe(':0\r\n');
    asker.close();
  }
});
