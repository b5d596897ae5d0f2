/** Reads from a Cluster's replicas: whose, which, and what happens when a replica does not answer. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterNode } from '../../support/cluster.js';
import { list, text, Wire } from '../journey/wire.js';
import { Voyage } from './voyage.js';

const TIMEOUT_MS = 90_000;
const KEYS = Array.from({ length: 20 }, (_, i) => `k${i}`);

const open: Wire[] = [];
afterEach(() => {
  for (const wire of open.splice(0)) wire.close();
});

async function wire(port: number): Promise<Wire> {
  const one = await Wire.open(port);
  open.push(one);
  return one;
}

/** How often each node executed a command since its statistics were reset. */
async function calls(nodes: readonly ClusterNode[], command: string): Promise<number> {
  let sum = 0;
  for (const { port } of nodes) {
    const info = text(await (await wire(port)).send('INFO', 'commandstats'));
    sum += Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
  }
  return sum;
}

describe('with replica-reads', () => {
  let voyage: Voyage;
  beforeAll(async () => {
    voyage = await Voyage.open('cluster', 'standalone', { replicaReads: true });
  }, TIMEOUT_MS);
  afterAll(() => voyage?.close());

  async function nodes(): Promise<{ masters: ClusterNode[]; replicas: ClusterNode[] }> {
    const cluster = voyage.source.cluster!;
    const masters = (await cluster.masters()).map(({ node }) => node);
    const replicas = (await Promise.all(masters.map((node) => cluster.replicasOf(node)))).flat();
    return { masters, replicas };
  }

  /** Written, and known by the replicas. */
  async function fill(value: string): Promise<void> {
    const writer = await wire(voyage.ferry.port);
    for (const key of KEYS) {
      await writer.send('SET', key, value);
      expect(text(await writer.send('WAIT', 1, 5000))).toBe('1');
    }
  }

  /** A client that sent READONLY, of whom some reads were answered by replicas. */
  async function reader(): Promise<Wire> {
    const one = await wire(voyage.ferry.port);
    expect(text(await one.send('READONLY'))).toBe('OK');
    // connections to replicas are opened when they are first asked for
    await expect
      .poll(async () => {
        const before = voyage.ferry.counters.replicaReads;
        for (const key of KEYS) await one.send('GET', key);
        return voyage.ferry.counters.replicaReads - before;
      })
      .toBe(KEYS.length);
    return one;
  }

  async function resetStats(): Promise<void> {
    for (const { port } of voyage.source.cluster!.nodes) await (await wire(port)).send('CONFIG', 'RESETSTAT');
  }

  test('reads of who sent READONLY go to replicas, until READWRITE; those of others do not', async () => {
    await fill('v1');
    const [one, other] = [await reader(), await wire(voyage.ferry.port)];
    await resetStats();
    const { masters, replicas } = await nodes();
    for (const key of KEYS) expect(text(await one.send('GET', key))).toBe('v1');
    expect([await calls(replicas, 'get'), await calls(masters, 'get')]).toEqual([KEYS.length, 0]);
    for (const key of KEYS) expect(text(await other.send('GET', key))).toBe('v1');
    await one.send('READWRITE');
    for (const key of KEYS) expect(text(await one.send('GET', key))).toBe('v1');
    expect([await calls(replicas, 'get'), await calls(masters, 'get')]).toEqual([KEYS.length, 2 * KEYS.length]);
  });

  test('writes, transactions, scripts, cursors and what is about several slots do not', async () => {
    await fill('v2');
    const one = await reader();
    const before = voyage.ferry.counters.replicaReads;
    const lines = [
      'SET k0 v2',
      'MULTI',
      'GET k0',
      'EXEC',
      "EVAL_RO return(redis.call('GET',KEYS[1])) 1 k0",
      'SSCAN s 0',
    ];
    lines.push('MGET k0 k1 k2', 'DBSIZE', 'SCAN 0', 'BLPOP none 0.01', 'XREAD BLOCK 1 STREAMS none 0', 'WATCH k0');
    lines.push('GET k0', 'UNWATCH', 'TOUCH k0', 'EXPIRE k0 1000', 'TIME', 'PING');
    for (const line of lines) expect(await one.send(...line.split(' ')), line).not.toBeInstanceOf(Error);
    expect(voyage.ferry.counters.replicaReads).toBe(before);
  });

  test('an error is what the master says', async () => {
    const one = await reader();
    expect(String(await one.send('LLEN', 'k0'))).toMatch(/WRONGTYPE/);
    expect(String(await one.send('GETRANGE', 'k0', 'x', 'y'))).toMatch(/not an integer/);
  });

  test('the answers keep their order, and no read shows what its client wrote behind it', async () => {
    await fill('old');
    const one = await reader();
    const replies = await Promise.all(
      KEYS.flatMap((key) => [one.send('GET', key), one.send('SET', key, 'new'), one.send('STRLEN', key)]),
    );
    KEYS.forEach((_, i) => {
      expect(text(replies[3 * i]!)).toBe('old');
      expect(text(replies[3 * i + 1]!)).toBe('OK');
      expect(text(replies[3 * i + 2]!)).toBe('3');
    });
  });

  test('a replica that does not know of a moved slot, or that is gone: the master answers', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await fill('v3');
    const cluster = voyage.source.cluster!;
    const one = await reader();
    const { masters, replicas } = await nodes();
    const [slotKey] = KEYS;
    const slot = Number(text(await one.send('CLUSTER', 'KEYSLOT', slotKey!)));
    const from = await cluster.ownerOf(slot);
    await cluster.moveSlot(slot, masters.find((node) => node !== from)!);
    expect(text(await one.send('GET', slotKey!))).toBe('v3');
    const doomed = replicas[0]!;
    doomed.kill();
    for (let round = 0; round < 20; round++) {
      for (const key of KEYS) expect(text(await one.send('GET', key))).toBe('v3');
    }
    expect(voyage.status.mirror.uncertain).toBe(0);
    expect(voyage.status.source.state).toBe('up');
    await cluster.restart(doomed);
  });

  test('after a failover reads go on, and the promoted replica is asked as a master', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await fill('v4');
    const cluster = voyage.source.cluster!;
    const one = await reader();
    const { masters } = await nodes();
    const promoted = await cluster.promoteReplicaOf(masters[1]!);
    await voyage.until('it is whole again', ({ source }) =>
      source.nodes.some(({ address }) => address.endsWith(`:${promoted.port}`)),
    );
    for (const key of KEYS) expect(text(await one.send('GET', key))).toBe('v4');
    for (const key of KEYS) expect(text(await one.send('SET', key, 'v5'))).toBe('OK');
    await expect
      .poll(async () => text(await (await wire(promoted.port)).send('CLIENT', 'LIST')))
      .not.toMatch(/flags=r/);
  });

  test('not while it is the other side that reads are decided about', { timeout: TIMEOUT_MS }, async () => {
    await fill('v6');
    await voyage.goTo('dual-write');
    await reader();
    await voyage.backfill();
    await voyage.verify();
    await voyage.goTo('target-read');
    const one = await wire(voyage.ferry.port);
    await one.send('READONLY');
    const before = voyage.ferry.counters.replicaReads;
    for (const key of KEYS) expect(text(await one.send('GET', key))).toBe('v6');
    expect(voyage.ferry.counters.replicaReads).toBe(before);
    await voyage.goTo('dual-write');
  });
});

test('without it they all go to the masters', { timeout: TIMEOUT_MS }, async () => {
  const voyage = await Voyage.open('cluster', 'standalone');
  try {
    const one = await wire(voyage.ferry.port);
    expect(text(await one.send('READONLY'))).toBe('OK');
    for (let round = 0; round < 3; round++) for (const key of KEYS) await one.send('GET', key);
    expect(voyage.ferry.counters.replicaReads).toBe(0);
    expect(list(await one.send('MGET', ...KEYS))).toEqual(KEYS.map(() => null));
  } finally {
    for (const wire of open.splice(0)) wire.close();
    await voyage.close();
  }
});
