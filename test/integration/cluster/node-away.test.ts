/** A Cluster's node is gone and nobody takes its place: what every node is asked for is refused after a while, as what a slot is. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRedis } from '../../support/redis.js';
import { RelayedCluster } from '../../support/relayed-cluster.js';
import { type ClusterServers, ClusterStage, stopClusterServers } from '../divergence/cluster-stage.js';

let servers: ClusterServers;
let stage: ClusterStage;

beforeAll(async () => {
  const [cluster, server] = await Promise.all([RelayedCluster.start(), startRedis()]);
  servers = { cluster, server };
  stage = await ClusterStage.start(servers, { cluster: 'source', config: { topology: { redirectWaitMs: 500 } } });
  const client = await stage.client();
  await client.send('DBSIZE');
  await servers.cluster.cluster.killMaster(1);
  // until connections to it are no longer tried
  await stage.until('the source to be degraded', () => stage.ferry.control.status().source.state === 'degraded');
});
afterAll(async () => {
  await stage.stop();
  await stopClusterServers(servers);
});

test.each([['DBSIZE'], ['KEYS', '*'], ['RANDOMKEY'], ['SCRIPT', 'EXISTS', 'x'], ['FLUSHALL']])(
  '%s',
  { timeout: 10_000 },
  async (...command) => {
    const client = await stage.client();
    expect(String(await client.send(...command))).toContain('CLUSTERDOWN');
  },
);
