/** What a job that enumerates a Cluster meets there: slots that nobody serves, a server that cannot answer yet. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { tagForSlot } from '../../../src/topology/crc16.js';
import { startRedis } from '../../support/redis.js';
import { command } from '../../support/relay.js';
import { RelayedCluster } from '../../support/relayed-cluster.js';
import { type ClusterServers, ClusterStage, stopClusterServers } from '../divergence/cluster-stage.js';

let servers: ClusterServers;
let stage: ClusterStage;

beforeAll(async () => {
  const args = ['--cluster-require-full-coverage', 'no', '--enable-debug-command', 'yes'];
  const [cluster, server] = await Promise.all([RelayedCluster.start({ args }), startRedis()]);
  servers = { cluster, server };
});
afterEach(() => stage.stop());
afterAll(() => stopClusterServers(servers));

describe('a Cluster is enumerated', () => {
  test('while one of its servers cannot answer yet', async () => {
    stage = await ClusterStage.start(servers, { cluster: 'source' });
    const { cluster } = servers;
    const slot = 42;
    const { from, to } = await cluster.ends(slot);
    const keys = Array.from({ length: 20 }, (_, i) => `{${tagForSlot(slot)}}${i}`);
    for (const key of keys) await cluster.ask(from, 'SET', key, randomBytes(4096));
    const scans = stage.relayOf(to).hold('backfill', 'requests', command('SCAN'));
    await stage.ferry.control.backfill('start');
    await scans.reached();
    await cluster.move(slot, to);
    const counts = stage.relayOf(to).hold('backfill', 'requests', command('CLUSTER'));
    scans.release();
    await counts.reached();
    // a second, and now and then a moment to say so
    await cluster.ask(to, 'CONFIG', 'SET', 'key-load-delay', 50_000, 'loading-process-events-interval-bytes', 1024);
    const reloaded = cluster.ask(to, 'DEBUG', 'RELOAD');
    await stage.until(
      'the server to load',
      async () =>
        await stage.side
          .node('127.0.0.1', stage.relayOf(to).port)
          .call('PING')
          .then(
            () => false,
            () => true,
          ),
    );
    counts.release();
    await reloaded;
    await stage.until('the backfill to end', () => /done|failed/.test(stage.ferry.control.status().backfill.state));
    expect(stage.ferry.control.status().backfill.state).toBe('done');
    expect(await stage.outcome()).toEqual([]);
  });

  test('that does not serve all slots', async () => {
    await servers.cluster.askAll('CLUSTER', 'DELSLOTS', 0);
    stage = await ClusterStage.start(servers, { cluster: 'source', onSource: [['SET', 'key', 'value']] });
    await stage.ferry.control.backfill('start');
    await stage.until('the backfill to end', () => stage.ferry.control.status().backfill.state === 'done');
    await stage.ferry.control.verify({ repair: false });
    await stage.until('the verification to end', () => stage.ferry.control.status().verify.state === 'done');
    expect(stage.ferry.control.status().verify).toMatchObject({ compared: 1, clean: true });
  });
});
