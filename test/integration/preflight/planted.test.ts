/** Every problem that a preflight knows of on two standalone servers, planted on real ones, and each found. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Facts, SideFacts } from '../../../src/preflight/facts.js';
import { judge, type Preflight } from '../../../src/preflight/preflight.js';
import { eventually } from '../../support/eventually.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { ShiftedClock } from '../../support/shifted-clock.js';
import { text, Wire } from '../journey/wire.js';
import { codesOf, EmptyModule, fill, found, look, send } from './looking.js';

const MIB = 2 ** 20;

const module = new EmptyModule();
const clock = new ShiftedClock(5000);
const servers: RedisServer[] = [];
const wires: Wire[] = [];
let seen: Preflight;

async function start(args: string[], env?: Record<string, string>): Promise<{ server: RedisServer; wire: Wire }> {
  const server = await startRedis({ args, env });
  servers.push(server);
  const wire = await Wire.open(server.port);
  wires.push(wire);
  return { server, wire };
}

beforeAll(async () => {
  const { server: source, wire } = await start([
    ...['--loadmodule', module.path, '--save', '3600', '1', '--enable-debug-command', 'yes'],
    ...['--maxmemory', '512mb', '--maxmemory-policy', 'allkeys-lfu', '--lfu-log-factor', '0'],
    ...['--slowlog-log-slower-than', '5000', '--latency-monitor-threshold', '5'],
    ...['--client-output-buffer-limit', 'replica', '67108864', '33554432', '60'],
  ]);
  const { server: target, wire: there } = await start(
    [
      ...['--maxmemory', '8mb', '--maxmemory-policy', 'allkeys-lru', '--maxclients', '50', '--databases', '4'],
      ...['--rename-command', 'getdel', '', '--client-output-buffer-limit', 'normal', '1048576', '1048576', '10'],
    ],
    clock.env,
  );
  await send(there, 'SET left-over 1', 'SET another 2');
  await plant(wire, source);
  seen = await look(source.url, target.url, {}, { sample: 100_000 });
}, 60_000);

afterAll(async () => {
  for (const wire of wires) wire.close();
  await Promise.all(servers.map((server) => server.stop()));
  module.remove();
  clock.remove();
});

async function plant(wire: Wire, source: RedisServer): Promise<void> {
  const { server: replica } = await start(['--replicaof', '127.0.0.1', String(source.port)]);
  await eventually('the replica', 20_000, async () =>
    /state=online/.test(text(await wire.send('INFO', 'replication'))) ? '' : 'not online',
  );
  process.kill(replica.pid, 'SIGSTOP');
  await wire.send('SET', 'big', 'x'.repeat(20 * MIB));
  await wire.send('SET', 'large', 'x'.repeat(2 * MIB));
  // the server counts its clients' buffers once a second: that of the big request is the value now
  await eventually('clients that hold little', 20_000, async () => {
    const [, held] = /^mem_clients_normal:(\d+)/m.exec(text(await wire.send('INFO', 'memory'))) ?? [];
    return Number(held) < MIB ? '' : `clients hold ${held} bytes`;
  });
  await fill(wire, 60, (i) => ['RPUSH', 'grown', ...Array.from({ length: 1000 }, (_, j) => i * 1000 + j)]);
  await fill(wire, 300, (i) => ['SET', `session:${i}`, i, ...(i % 3 === 0 ? [] : ['EX', 3600])]);
  await fill(wire, 300, (i) => ['HSET', `user:${i}`, 'name', `n${i}`]);
  await fill(wire, 300, (i) => ['SET', `order.${i}`, i]);
  await fill(wire, 600, () => ['GET', 'user-of-the-day']);
  await send(wire, 'SET user-of-the-day 1', 'SET __ferry:mine 1', `SET ${'n'.repeat(2000)} 1`);
  await fill(wire, 600, () => ['GET', 'user-of-the-day']);
  await send(
    wire,
    'SELECT 5',
    'SET far 1',
    'SWAPDB 5 6',
    'SWAPDB 5 6',
    'SELECT 0',
    'KEYS none*',
    'SELECT 9',
    'FLUSHDB',
  );
  await send(wire, 'SELECT 0', 'SET gone 1', 'GETDEL gone', 'EVAL return(1) 0', 'DEBUG SLEEP 0.15');
  await wire.send('MIGRATE', '127.0.0.1', '1', 'no such key', '0', '10');
  await wire.send('FUNCTION', 'LOAD', "#!lua name=planted\nredis.register_function('f', function() return 1 end)");
}

test('blockers', () => {
  expect(codesOf(seen.report, 'blocker').sort()).toEqual([
    'commands-missing',
    'databases-missing',
    'modules-missing',
    'target-eviction',
    'target-memory',
  ]);
  expect(seen.report.ok).toBe(false);
  expect(found(seen.report, 'commands-missing').evidence).toContain('GETDEL (1)');
  expect(found(seen.report, 'databases-missing').evidence).toContain('db5 (1 keys)');
  expect(found(seen.report, 'modules-missing').evidence).toContain('ferryempty 3');
  // the replica that lags is not to hide a part of it: what it has not read is in the source's memory, too
  expect(found(seen.report, 'target-memory').evidence).toMatch(/^the data takes 2[5-9]\.\d MiB/);
});

test('warnings', () => {
  expect(codesOf(seen.report, 'warning').sort()).toEqual([
    'big-keys',
    'clock-skew',
    'flush-in-use',
    'keys-in-use',
    'maxclients',
    'output-buffer-normal',
    'output-buffer-replica',
    'refused-in-use',
    'replica-lag',
    'reserved-names',
    'source-eviction',
    'swapdb-in-use',
    'target-persistence',
    'target-replicas',
    'ttl-missing',
    'unbounded-collections',
  ]);
  expect(found(seen.report, 'big-keys').evidence).toMatch(/big: string, 2\d\.\d MiB/);
  expect(found(seen.report, 'clock-skew').evidence).toMatch(/is (4,9|5,0)\d\d ms ahead of/);
  expect(found(seen.report, 'refused-in-use').evidence).toContain('MIGRATE (1)');
  expect(found(seen.report, 'ttl-missing').evidence).toContain('session: 33 % of 300');
  expect(found(seen.report, 'unbounded-collections').evidence).toContain('grown: list, 60,000 elements');
});

test('notes', () => {
  const notes = codesOf(seen.report, 'note');
  for (const code of [
    'functions-missing',
    'hot-keys',
    'large-keys',
    'long-names',
    'mixed-names',
    'no-ttl',
    'prefixes',
    'sample',
    'scripts-in-use',
    'select-in-use',
    'slow-commands',
    'source-acl',
    'source-latency',
    'target-acl',
    'target-not-empty',
  ]) {
    expect(notes).toContain(code);
  }
  expect(found(seen.report, 'hot-keys').evidence).toContain('user-of-the-day');
  expect(found(seen.report, 'functions-missing').evidence).toContain('planted');
  expect(found(seen.report, 'sample').evidence).toContain('(all of them)');
  expect(found(seen.report, 'target-not-empty').evidence).toBe('db0: 2 keys');
});

describe('what no server at hand shows, from the facts of real ones', () => {
  const withInfo = (side: SideFacts, change: (info: string) => string): SideFacts => ({
    ...side,
    servers: side.servers.map((server) => ({ ...server, info: change(server.info) })),
  });
  const withVersion = (side: SideFacts, version: string, rdbVersion: number | null): SideFacts => {
    const changed = withInfo(side, (info) => info.replace(/^redis_version:.*$/m, `redis_version:${version}`));
    return { ...changed, servers: changed.servers.map((server) => ({ ...server, rdbVersion })) };
  };
  const codes = (change: (facts: Facts) => Partial<Facts>): string[] =>
    judge({ ...seen.facts, ...change(seen.facts) }).findings.map(({ code }) => code);

  test('payloads of other versions', () => {
    expect(codes(() => ({}))).not.toContain('dump-forward');
    expect(codes(({ source }) => ({ source: withVersion(source, '7.4.1', 12) }))).toEqual(
      expect.arrayContaining(['dump-forward', 'target-older']),
    );
    const newer = codes(({ target }) => ({ target: withVersion(target, '7.4.1', 12) }));
    expect(newer).toContain('dump-back');
    expect(newer).not.toContain('target-older');
    // no payload could be had: the version tells
    expect(codes(({ target }) => ({ target: withVersion(target, '6.2.14', null) }))).toContain('dump-forward');
    expect(codes(({ target }) => ({ target: withVersion(target, '99.0.0', null) }))).toContain('dump-back');
    expect(codes(({ source }) => ({ source: withVersion(source, '3.0.7', null) }))).toContain('version-too-old');
  });

  test('roles, disks, loading', () => {
    const info = (side: 'source' | 'target', change: (text: string) => string): string[] =>
      codes((facts) => ({ [side]: withInfo(facts[side], change) }));
    expect(info('target', (text) => text.replace('role:master', 'role:slave'))).toContain('target-is-replica');
    expect(info('source', (text) => text.replace('loading:0', 'loading:1'))).toContain('source-loading');
    const failed = info('source', (text) => text.replace('rdb_last_bgsave_status:ok', 'rdb_last_bgsave_status:err'));
    expect(failed).toContain('source-disk');
  });

  test('a sample that cannot explain the memory', () => {
    const evidence = codes(({ source, sample }) => ({
      source: withInfo(source, (text) => text.replace(/^used_memory_dataset:.*$/m, 'used_memory_dataset:900000000')),
      sample: { ...sample, isComplete: false, total: sample.keys.length * 2 },
    }));
    expect(evidence).toContain('big-keys-unseen');
  });
});
