/** What a job that enumerates a Cluster meets there: slots that nobody serves. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startRedis } from '../../support/redis.js';
import { RelayedCluster } from '../../support/relayed-cluster.js';
import { type ClusterServers, ClusterStage, stopClusterServers } from '../divergence/cluster-stage.js';

let servers: ClusterServers;
let stage: ClusterStage;

beforeAll(async () => {
  const args = ['--cluster-require-full-coverage', 'no'];
  const [cluster, server] = await Promise.all([RelayedCluster.start({ args }), startRedis()]);
  servers = { cluster, server };
});
afterEach(() => stage.stop());
afterAll(() => stopClusterServers(servers));

describe('a Cluster is enumerated', () => {
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
