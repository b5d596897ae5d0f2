/** To a Cluster: what its one database and its slots have against the source, seen from counters, keys, and a running Ferry. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { defaultConfig } from '../../../src/config/config.js';
import { askRunningFerry } from '../../../src/preflight/live.js';
import { type Cluster, startCluster } from '../../support/cluster.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Wire } from '../journey/wire.js';
import { codesOf, fill, found, look, send } from './looking.js';

let source: RedisServer;
let cluster: Cluster;
let wire: Wire;
let ferry: Ferry | null = null;
let through: Wire | null = null;
const stateDir = mkdtempSync(join(tmpdir(), 'ferry-preflight-'));

beforeAll(async () => {
  [source, cluster] = await Promise.all([startRedis(), startCluster({ replicasPerMaster: 0 })]);
  wire = await Wire.open(source.port);
  await fill(wire, 600, (i) => ['SET', `{tenant}:${i}`, i]);
  await fill(wire, 600, (i) => ['SET', `user:${i}`, i]);
  await send(wire, 'SUNION a b', 'MGET a b', 'MULTI', 'SET x 1', 'EXEC', 'EVAL return(1) 0', 'SELECT 3', 'SET three 3');
});
afterAll(async () => {
  wire?.close();
  through?.close();
  await ferry?.stop();
  await Promise.all([source?.stop(), cluster?.stop()]);
  rmSync(stateDir, { recursive: true, force: true });
});

test('databases, slots, commands over several keys', async () => {
  const { report } = await look(source.url, cluster.url);
  expect(codesOf(report, 'blocker')).toEqual(['databases-on-cluster']);
  expect(codesOf(report, 'warning').sort()).toEqual([
    'cross-slot-commands',
    'cross-slot-transactions',
    'hot-slots',
    'select-in-use',
  ]);
  expect(found(report, 'databases-on-cluster')).toMatchObject({
    evidence: 'db3 (1 keys) beside db0',
    fix: expect.stringContaining('--db-prefix 3=db3:'),
  });
  expect(found(report, 'cross-slot-commands').evidence).toContain('SUNION (1)');
  expect(found(report, 'cross-slot-transactions').evidence).toContain('MULTI (1)');
  expect(found(report, 'hot-slots').evidence).toMatch(/50 % of the keys, \d+ % of the bytes \(\{tenant\}:\d+\)/);
  expect(found(report, 'split-commands').evidence).toContain('MGET (1)');
});

test('a URL that speaks of one node as of a server', async () => {
  const node = cluster.url.replace('redis+cluster://', 'redis://').split(',')[0]!;
  const { report } = await look(source.url, node);
  expect(codesOf(report, 'blocker')).toEqual(['target-is-cluster', 'databases-missing']);
  expect(found(report, 'target-is-cluster').fix).toContain('redis+cluster://');
  // one that serves every slot does as a server does
  const alone = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  try {
    const admin = await Wire.open(alone.port);
    await send(admin, 'CLUSTER ADDSLOTSRANGE 0 16383');
    await expect
      .poll(async () => String(await admin.send('CLUSTER', 'INFO')), { timeout: 10_000 })
      .toContain('state:ok');
    admin.close();
    expect(codesOf((await look(source.url, alone.url)).report, 'blocker')).toEqual(['databases-missing']);
  } finally {
    await alone.stop();
  }
});

test('a prefix gives a database its place', async () => {
  const { report } = await look(source.url, cluster.url, { dbPrefix: { '3': 'db3:' } });
  expect(codesOf(report, 'blocker')).toEqual([]);
});

test('a master that has no room for its part', async () => {
  const [first] = await cluster.masters();
  const node = await Wire.open(first!.node.port);
  await node.send('CONFIG', 'SET', 'maxmemory', '1000000');
  const { report } = await look(source.url, cluster.url, { dbPrefix: { '3': 'db3:' } });
  expect(found(report, 'target-memory').evidence).toContain(`127.0.0.1:${first!.node.port}`);
  await node.send('CONFIG', 'SET', 'maxmemory', '0');
  node.close();
});

test('what a running Ferry has seen', async () => {
  const config = defaultConfig({
    source: source.url,
    target: cluster.url,
    dbPrefix: { '3': 'db3:' },
    listen: { host: '127.0.0.1', port: 0 },
    admin: { port: 0 },
    stateDir,
    logLevel: 'silent',
  });
  expect(await askRunningFerry({ ...config, admin: { ...config.admin, port: 1 } })).toBeNull();
  ferry = await startFerry(config);
  through = await Wire.open(ferry.port);
  expect(codesOf(await ferry.control.preflight(), 'blocker')).toEqual([]);
  await through.send('SUNION', 'user:1', 'user:2');
  await through.send('SUNION', '{tenant}:1', '{tenant}:2');
  const own = await ferry.control.preflight();
  expect(found(own, 'cross-slot-seen')).toMatchObject({
    severity: 'blocker',
    evidence: 'seen by the Ferry that runs: SUNION (1)',
  });
  // and the same asked from outside
  const at = { ...config, admin: { ...config.admin, port: ferry.adminPort } };
  const live = await askRunningFerry(at);
  const { report } = await look(source.url, cluster.url, { dbPrefix: { '3': 'db3:' } }, { live });
  expect(found(report, 'cross-slot-seen').evidence).toBe('seen by the Ferry that runs: SUNION (1)');
  const other = defaultConfig({ ...at, target: 'redis://127.0.0.1:1' });
  expect(await askRunningFerry(other)).toBeNull();
});

test('what is left out needs no place and is no finding of its own, but is said', async () => {
  const scope = { include: [], exclude: ['{tenant}:*'], includeDbs: [], excludeDbs: [3] };
  const { report, facts } = await look(source.url, cluster.url, { scope });
  expect(codesOf(report, 'blocker')).toEqual([]);
  expect(codesOf(report, 'warning')).toContain('left-out');
  expect(codesOf(report, 'warning')).not.toContain('hot-slots');
  expect(found(report, 'left-out').evidence).toMatch(
    /^50 % of the keys that were looked at, \d+ % of their bytes: \{tenant\}: in db0 \(600\), .* in db3 \(1\)$/,
  );
  expect(facts.sample.keys.every(({ key, db }) => db === 0 && !key.toString().startsWith('{tenant}'))).toBe(true);
  const wrong = { ...scope, include: ['user:'], exclude: [] };
  const nothing = await look(source.url, cluster.url, { scope: wrong });
  expect(found(nothing.report, 'nothing-included').fix).toContain('user:* and not user:');
});
