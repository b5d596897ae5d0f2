/** Case 12 where the authority is a Cluster: each of its nodes reports, wherever its slots are. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  type ClusterServers,
  ClusterStage,
  slotOf,
  startClusterServers,
  stopClusterServers,
} from '../divergence/cluster-stage.js';
import { pause } from '../divergence/scenario.js';

let servers: ClusterServers;
let stage: ClusterStage;

beforeAll(async () => {
  servers = await startClusterServers();
});
afterEach(() => stage.stop());
afterAll(() => stopClusterServers(servers));

const KEYS = Array.from({ length: 30 }, (_, i) => `key:${i}`);

/** Written beside Ferry, each on the node that serves it. */
async function writeBeside(): Promise<void> {
  const client = await stage.client();
  for (const key of KEYS) await client.send('SET', key, 'own');
  await stage.settled();
  for (const key of KEYS)
    await stage.cluster.ask(await stage.cluster.cluster.ownerOf(slotOf(key)), 'SET', key, 'foreign');
  await pause(400);
}

test('case 12: writers beside Ferry on every node of a Cluster are found [tracking]', async () => {
  stage = await ClusterStage.start(servers, { cluster: 'source', config: { detectBypass: { mode: 'on' } } });
  await stage.until('changes are reported', () => stage.ferry.control.status().bypass.state === 'on');
  await writeBeside();
  await stage.until('all of them', () => stage.ferry.control.status().bypass.found >= KEYS.length);
  expect(await stage.outcome()).toEqual([]);
});

test('case 12, detection off: the mirror keeps what Ferry wrote', async () => {
  stage = await ClusterStage.start(servers, { cluster: 'source', config: { detectBypass: { mode: 'off' } } });
  await writeBeside();
  expect(await stage.outcome()).toHaveLength(KEYS.length);
});

test('a slot that moves from node to node is no bypass', async () => {
  stage = await ClusterStage.start(servers, { cluster: 'source', config: { detectBypass: { mode: 'on' } } });
  await stage.until('changes are reported', () => stage.ferry.control.status().bypass.state === 'on');
  const client = await stage.client();
  const slot = slotOf('{move}');
  for (let i = 0; i < 20; i++) await client.send('SET', `{move}${i}`, 'x');
  await stage.settled();
  const { to } = await stage.cluster.ends(slot);
  await stage.cluster.move(slot, to);
  await pause(1000);
  expect(await stage.outcome()).toEqual([]);
  expect(stage.ferry.control.status().bypass.found).toBe(0);
});
