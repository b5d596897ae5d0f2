/** Ways to diverge 19 on a Cluster: a client's scans while a slot is on its way, which may be for ever. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { tagForSlot } from '../../../src/topology/crc16.js';
import { startRedis } from '../../support/redis.js';
import { RelayedCluster } from '../../support/relayed-cluster.js';
import type { SlotMove } from '../../support/slot-move.js';
import { type ClusterServers, ClusterStage, stopClusterServers } from '../divergence/cluster-stage.js';
import { texts } from '../divergence/scenario.js';
import type { Wire } from '../write-commands/wire.js';

let servers: ClusterServers;
let stage: ClusterStage;
let client: Wire;
let move: SlotMove;

beforeAll(async () => {
  const [cluster, server] = await Promise.all([RelayedCluster.start(), startRedis()]);
  servers = { cluster, server };
});
afterEach(async () => {
  await move.finish();
  await servers.cluster.agree(move.slot);
  await stage.stop();
});
afterAll(() => stopClusterServers(servers));

const ELEMENTS = 3000;
const COUNT = 100;
/** Three times what it takes when nothing is on its way. */
const CALLS_MAX = (3 * ELEMENTS) / COUNT;

function names(prefix: string): string[] {
  return Array.from({ length: ELEMENTS }, (_, i) => `${prefix}${i}`);
}

async function start(): Promise<void> {
  stage = await ClusterStage.start(servers, { cluster: 'source' });
  client = await stage.client();
}

/** The slot is on its way to the node that is scanned first. */
async function begin(slot: number): Promise<void> {
  move = await servers.cluster.cluster.beginMove(slot, await servers.cluster.cluster.ownerOf(0));
}

/** Every element that a scan returns; an ASK is seen between any two of its calls. */
async function scanned(tag: string, command: readonly string[], between: (call: number) => unknown): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  for (let call = 1; call === 1 || cursor !== '0'; call++) {
    if (call > CALLS_MAX) throw new Error(`not over after ${CALLS_MAX} calls`);
    const [next, elements] = (await client.send(...command, cursor, 'COUNT', COUNT)) as [Buffer, Buffer[]];
    found.push(...texts(elements));
    cursor = next.toString('latin1');
    await client.send('GET', `${tag}missing`);
    await between(call);
  }
  return found;
}

function tagOf(slot: number): string {
  return `{${tagForSlot(slot)}}`;
}

describe('case 19, a slot is on its way, and other keys of it are asked for', () => {
  test('case 19: a scan of one key is over when it has seen every element', async () => {
    await start();
    const tag = tagOf(16_000);
    await client.send('SADD', `${tag}set`, ...names(''));
    await begin(16_000);
    const found = await scanned(tag, ['SSCAN', `${tag}set`], () => {});
    expect(found.sort()).toEqual(names('').sort());
  });

  test('case 19: a scan of one key that goes to the other node misses none', async () => {
    await start();
    const tag = tagOf(16_001);
    await client.send('SADD', `${tag}set`, ...names(''));
    await begin(16_001);
    const found = await scanned(tag, ['SSCAN', `${tag}set`], (call) => (call === 10 ? move.step() : null));
    expect([...new Set(found)].sort()).toEqual(names('').sort());
  });

  test('case 19: SCAN is over, and has seen what went to a node that it had left', async () => {
    await start();
    const tag = tagOf(16_002);
    const keys = names('key:');
    const late = Array.from({ length: 10 }, (_, i) => `${tag}${i}`);
    await client.send('MSET', ...[...keys, ...late].flatMap((key) => [key, '1']));
    await begin(16_002);
    const onFirst = Number(await servers.cluster.ask(await servers.cluster.cluster.ownerOf(0), 'DBSIZE'));
    const isLeft = Math.ceil(onFirst / COUNT) + 3;
    const found = await scanned(tag, ['SCAN'], (call) => (call === isLeft ? move.step(20) : null));
    expect([...new Set(found)].sort()).toEqual([...keys, ...late].sort());
  });
});
