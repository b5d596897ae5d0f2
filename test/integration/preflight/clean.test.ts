/** A pair without a problem: nothing blocks, nothing warns; and nothing is written by looking. */
import { afterEach, expect, test } from 'vitest';
import { startCluster } from '../../support/cluster.js';
import { startRedis } from '../../support/redis.js';
import { startSentinels } from '../../support/sentinel.js';
import { text, Wire } from '../journey/wire.js';
import { codesOf, fill, found, look } from './looking.js';
import { Watched } from './watched.js';

const opened: { stop(): Promise<unknown> }[] = [];
const wires: Wire[] = [];
afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close();
  await Promise.all(opened.splice(0).map((one) => one.stop()));
});

async function wireTo(port: number): Promise<Wire> {
  const wire = await Wire.open(port);
  wires.push(wire);
  return wire;
}

async function fillPlainly(wire: Wire): Promise<void> {
  await fill(wire, 500, (i) => ['SET', `user:${i}`, `value ${i}`]);
  await fill(wire, 500, (i) => ['SET', `session:${i}`, i, 'EX', 3600]);
  await fill(wire, 100, (i) => ['HSET', `cart:${i}`, 'a', i, 'b', i]);
  await fill(wire, 100, (i) => ['ZADD', `board:${i % 3}`, i, `m${i}`]);
  await wire.send('XADD', 'events:1', '*', 'f', 'v');
}

test('two standalone servers, and not one write', async () => {
  const [source, target] = await Promise.all([startRedis(), startRedis()]);
  opened.push(source, target);
  const wire = await wireTo(source.port);
  await fillPlainly(wire);
  const changes = async (): Promise<string> =>
    /rdb_changes_since_last_save:(\d+)/.exec(text(await wire.send('INFO', 'persistence')))![1]!;
  const before = await changes();
  const watched = [await Watched.open(source.port), await Watched.open(target.port)];
  const { report, facts } = await look(source.url, target.url);
  const [onSource, onTarget] = await Promise.all(watched.map((one) => one.stop()));
  expect(codesOf(report, 'blocker')).toEqual([]);
  expect(codesOf(report, 'warning')).toEqual([]);
  expect(report.ok).toBe(true);
  expect(found(report, 'sample').evidence).toContain('1,104 of 1,104 keys (all of them)');
  expect(facts.source.account).toMatchObject({ user: 'default', askedBy: 'dry run', missing: [] });
  // the payload of an empty target too has a version
  expect(facts.target.servers[0]!.rdbVersion).toBe(facts.source.servers[0]!.rdbVersion);
  expect(onSource!.seen).toContain('scan');
  expect(onTarget!.seen).toContain('info');
  expect(onSource!.writes).toEqual([]);
  expect(onTarget!.writes).toEqual([]);
  expect(await changes()).toBe(before);
});

test('a sample ends at its number of keys, and at its time', async () => {
  const [source, target] = await Promise.all([startRedis(), startRedis()]);
  opened.push(source, target);
  await fill(await wireTo(source.port), 5000, (i) => ['SET', `key:${i}`, i]);
  const few = await look(source.url, target.url, {}, { sample: 300 });
  expect(few.facts.sample.keys.length).toBeGreaterThanOrEqual(300);
  expect(few.facts.sample.keys.length).toBeLessThan(600);
  expect(few.facts.sample).toMatchObject({ total: 5000, isComplete: false });
  const short = await look(source.url, target.url, {}, { sample: 5000, maxSeconds: 0.2 });
  expect(found(short.report, 'sample').evidence).toContain('it ended after --max-seconds 0.2');
  expect(short.facts.sample.seconds).toBeLessThan(2);
});

test('from sentinels to a Cluster', async () => {
  const [sentinels, cluster] = await Promise.all([startSentinels(), startCluster()]);
  opened.push(sentinels, cluster);
  const master = await sentinels.master();
  await fillPlainly(await wireTo(master.port));
  const { report, facts } = await look(sentinels.url, cluster.url);
  expect(codesOf(report, 'blocker')).toEqual([]);
  expect(codesOf(report, 'warning')).toEqual([]);
  expect(facts.source.servers.map(({ name }) => name)).toEqual([`127.0.0.1:${master.port}`]);
  expect(facts.target.servers).toHaveLength(3);
  // and back: the Cluster as the source, with keys on all of its masters
  for (const { node } of await cluster.masters()) {
    const wire = await wireTo(node.port);
    for (let i = 0; i < 60; i++) await wire.send('SET', `there:${i}`, i);
  }
  const back = await look(cluster.url, sentinels.url);
  expect(codesOf(back.report, 'blocker')).toEqual([]);
  expect(back.facts.sample).toMatchObject({ total: 60, isComplete: true });
  expect(back.facts.sample.keys).toHaveLength(60);
});
