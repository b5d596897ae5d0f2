/**
 * Case 24 of the ways to diverge with a Cluster on either side: FLUSHALL while copies, redirected writes and whole slots are
 * on their way; SWAPDB; commands whose keys are in several slots of the mirror.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { RoutedLane } from '../../../src/lanes/routed/routed-lane.js';
import { Mirror } from '../../../src/mirror/mirror.js';
import { withoutOwn } from '../../support/own-keys.js';
import { command } from '../../support/relay.js';
import {
  type ClusterServers,
  ClusterStage,
  type ClusterStageOptions,
  slotOf,
  startClusterServers,
  stopClusterServers,
} from './cluster-stage.js';
import { pause, texts } from './scenario.js';

let servers: ClusterServers;
let stage: ClusterStage;

beforeAll(async () => {
  servers = await startClusterServers();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await stage.stop();
});
afterAll(() => stopClusterServers(servers));

const SIDES = ['source', 'target'] as const;
const FLUSHES = ['FLUSHALL', 'FLUSHDB'] as const;

/** Another slot for each test (see RelayedCluster.agree). */
let tests = 0;
function own(name: string): string {
  return `{flushed ${tests}}${name}`;
}

async function play(options: ClusterStageOptions): Promise<ClusterStage> {
  tests++;
  stage = await ClusterStage.start(servers, options);
  return stage;
}

/** Some keys all over the slots, and some in the slot of `own`. */
function manyKeys(): string[] {
  return Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? `key ${i}` : own(`key ${i}`)));
}

async function keysLeft(): Promise<{ cluster: string[]; server: string[] }> {
  const server = withoutOwn(texts((await stage.direct.send('KEYS', '*')) as Buffer[])).sort();
  return { cluster: await stage.cluster.cluster.keys(), server };
}

describe.each(SIDES)('case 24: copies are on their way, and the Cluster is the %s', (cluster) => {
  /** Copies have read their keys, and the answers are on their way; then everything is flushed. */
  async function flushBehindCopies(admission: boolean): Promise<string[]> {
    tests++; // the keys are made before the stage is
    const onSource = manyKeys().map((key) => ['SET', key, 'old']);
    stage = await ClusterStage.start(servers, { cluster, onSource, hooks: { admission } });
    if (!admission) Object.assign(stage.board.ledger, { mayPass: () => true });
    const client = await stage.client();
    const relays =
      cluster === 'source' ? stage.cluster.cluster.nodes.map((node) => stage.relayOf(node)) : [stage.relay];
    const holds = relays.map((relay) => relay.hold('copy', 'replies', command('EXEC')));
    await stage.ferry.control.backfill('start');
    await Promise.all(holds.map((hold) => hold.reached()));
    const flushed = client.send('FLUSHALL');
    const after = client.send('SET', own('after'), 'new');
    if (!admission) await after;
    else await pause(30);
    for (const hold of holds) hold.release();
    expect(texts([await flushed, await after])).toEqual(['OK', 'OK']);
    const differences = await stage.outcome();
    if (differences.length === 0) {
      expect(await keysLeft()).toEqual({ cluster: [own('after')], server: [own('after')] });
    }
    return differences;
  }

  test('case 24: no ghost stays [L3]', async () => {
    expect(await flushBehindCopies(true)).toEqual([]);
  });
  test('case 24, admission off: what was copied is there again', async () => {
    // and nothing that looks at both sides again
    vi.spyOn(Mirror.prototype, 'flushed').mockReturnValue();
    expect((await flushBehindCopies(false)).length).toBeGreaterThan(0);
  });
});

describe.each(FLUSHES)('case 24: %s', (flush) => {
  /** A write for the mirror is on its way to a node that does not serve its slot any more; then everything is flushed. */
  async function flushBehindRedirected(): Promise<void> {
    await play({ cluster: 'target' });
    const client = await stage.client();
    const slot = slotOf(own('ghost'));
    const { from, to } = await stage.cluster.ends(slot);
    const requests = stage.relayOf(from).hold('mirror', 'requests', command('SET'));
    await client.send('SET', own('ghost'), 'old');
    await requests.reached();
    await stage.cluster.move(slot, to);
    expect(texts([await client.send(flush)])).toEqual(['OK']);
    await stage.until('the new node to be flushed', () =>
      stage
        .relayOf(to)
        .delivered('mirror')
        .some(([name]) => name === flush),
    );
    requests.release();
    await client.send('SET', own('after'), 'new');
  }

  test('case 24: a redirected write does not come behind it [barrier]', async () => {
    await flushBehindRedirected();
    expect(await stage.outcome()).toEqual([]);
    expect(await keysLeft()).toEqual({ cluster: [own('after')], server: [own('after')] });
  });
  test('case 24, without the barrier: a ghost stays', async () => {
    vi.spyOn(RoutedLane.prototype, 'barrier').mockReturnValue();
    vi.spyOn(Mirror.prototype, 'flushed').mockReturnValue();
    await flushBehindRedirected();
    expect(await stage.outcome()).toEqual([expect.stringMatching(/ghost/)]);
  });

  test('case 24: a slot of the mirror is on a detour', async () => {
    await play({ cluster: 'target' });
    const client = await stage.client();
    const slot = slotOf(own('ghost'));
    await client.send('SET', own('ghost'), 'old');
    await stage.settled();
    const { from, to } = await stage.cluster.ends(slot);
    const move = await stage.cluster.cluster.beginMove(slot, to);
    await move.step();
    // the node answers ASK, and the node that it names does not answer
    const replies = stage.relayOf(to).hold('mirror', 'replies', command('SET'));
    await client.send('SET', own('ghost'), 'newer');
    await replies.reached();
    expect(texts([await client.send(flush)])).toEqual(['OK']);
    await client.send('SET', own('after'), 'new');
    replies.release();
    await move.finish();
    await stage.cluster.agree(slot);
    expect(await stage.outcome()).toEqual([]);
    expect(await keysLeft()).toEqual({ cluster: [own('after')], server: [own('after')] });
    expect(from).not.toBe(to);
  });

  /** A key goes from a node that is not flushed yet to one that is. */
  async function keyPassesFlush(cluster: 'source' | 'target'): Promise<void> {
    await play({ cluster });
    const client = await stage.client();
    const slot = slotOf(own('passes'));
    await client.send('SET', own('passes'), 'old');
    await client.send('SET', 'elsewhere', 'old');
    await stage.settled();
    const { from, to } = await stage.cluster.ends(slot);
    const label = cluster === 'source' ? 'client' : 'mirror';
    const requests = stage.relayOf(from).hold(label, 'requests', command(flush));
    const flushed = client.send(flush);
    await requests.reached();
    await stage.until('the other node to be flushed', async () => {
      const keys = withoutOwn(texts((await stage.cluster.ask(to, 'KEYS', '*')) as Buffer[]));
      return (
        keys.length === 0 &&
        stage
          .relayOf(to)
          .delivered(label)
          .some(([name]) => name === flush)
      );
    });
    await stage.cluster.move(slot, to);
    requests.release();
    expect(texts([await flushed])).toEqual(['OK']);
  }

  test.each(SIDES)(
    'case 24: a key passes it from node to node, in the %s [both sides are looked at again]',
    async (cluster) => {
      await keyPassesFlush(cluster);
      expect(await stage.outcome()).toEqual([]);
      // on the authority too: it is flushed twice
      expect(await keysLeft()).toEqual({ cluster: [], server: [] });
    },
  );
  test('case 24, not looked at again: the sides differ', async () => {
    vi.spyOn(Mirror.prototype, 'flushed').mockReturnValue();
    await keyPassesFlush('target');
    expect(await stage.outcome()).toEqual([expect.stringMatching(/passes/)]);
  });
});

describe('case 24: keys in several slots of a mirror that is a Cluster', () => {
  const BEFORE: readonly (readonly string[])[] = [
    ['RPUSH', 'list', '3', '1', '2'],
    ['RPUSH', 'list two', 'x'],
    ['SADD', 'set', 'a', 'b', 'c'],
    ['SADD', 'set two', 'b', 'c', 'd'],
    ['ZADD', 'sorted', '1', 'a', '2', 'b'],
    ['ZADD', 'sorted two', '3', 'b', '4', 'c'],
    ['SET', 'string', 'value'],
    ['SET', 'string two', 'other', 'PX', '600000'],
    ['PFADD', 'hyper', 'a', 'b'],
    ['PFADD', 'hyper two', 'c'],
    ['GEOADD', 'places', '13.4', '52.5', 'berlin', '2.35', '48.85', 'paris'],
  ];
  const COMMANDS: readonly (readonly string[])[] = [
    ['RENAME', 'string', 'renamed'],
    ['RENAME', 'string two', 'string'],
    ['RENAMENX', 'renamed', 'string'],
    ['RENAMENX', 'renamed', 'renamed again'],
    ['COPY', 'list', 'list copy'],
    ['COPY', 'list two', 'list copy', 'REPLACE'],
    ['SUNIONSTORE', 'set union', 'set', 'set two'],
    ['SDIFFSTORE', 'set diff', 'set', 'set two'],
    ['SINTERSTORE', 'list', 'set', 'set two'],
    ['SINTERSTORE', 'set union', 'set', 'nothing'],
    ['ZUNIONSTORE', 'sorted union', '2', 'sorted', 'sorted two'],
    ['ZINTERSTORE', 'sorted inter', '2', 'sorted', 'sorted two'],
    ['ZDIFFSTORE', 'sorted diff', '2', 'sorted', 'sorted two'],
    ['ZRANGESTORE', 'sorted range', 'sorted', '0', '0'],
    ['GEOSEARCHSTORE', 'near', 'places', 'FROMLONLAT', '13', '52', 'BYRADIUS', '100', 'km', 'ASC'],
    ['SORT', 'list two', 'ALPHA', 'STORE', 'sorted list'],
    ['SMOVE', 'set', 'set two', 'a'],
    ['LMOVE', 'list two', 'moved to', 'LEFT', 'RIGHT'],
    ['RPOPLPUSH', 'sorted list', 'moved to'],
    ['PFMERGE', 'hyper', 'hyper two'],
    ['BITOP', 'AND', 'bits', 'string', 'renamed again'],
    ['MSET', 'one', '1', 'two', '2', 'three', '3'],
    ['MSETNX', 'four', '4', 'five', '5'],
    ['MSETNX', 'five', '6', 'six', '6'],
    ['DEL', 'one', 'two', 'nothing'],
    ['UNLINK', 'three', 'places'],
    ['LMPOP', '2', 'nothing', 'moved to', 'LEFT'],
    ['ZMPOP', '2', 'nothing', 'sorted', 'MIN'],
    ['EVAL', "redis.call('SET', KEYS[1], 'by script') redis.call('SET', KEYS[2], 'by script')", '2', 'seven', 'eight'],
  ];

  test.each(['before they are known', 'when they are known'])('case 24: %s', async (when) => {
    await play({ cluster: 'target', onSource: when === 'when they are known' ? [] : BEFORE });
    const client = await stage.client();
    if (when === 'when they are known') {
      for (const args of BEFORE) await client.send(...args);
      await stage.ferry.control.backfill('start');
      await stage.settled();
      await stage.ferry.control.verify({ repair: false });
      await stage.settled();
      expect(stage.board.known.allKnown).toBe(true);
    }
    // pipelined, and the same keys again and again
    const replies = texts(await Promise.all(COMMANDS.map((args) => client.send(...args))));
    expect(replies.filter((reply) => reply.startsWith('-'))).toEqual([]);
    await stage.ferry.control.backfill('start');
    expect(await stage.outcome()).toEqual([]);
  });
});

describe.each(SIDES)('case 24: SWAPDB, and the Cluster is the %s', (cluster) => {
  test('case 24: it is refused while a mirror follows', async () => {
    await play({ cluster });
    const client = await stage.client();
    await client.send('SET', 'key', 'value');
    expect(texts([await client.send('SWAPDB', 0, 1)])).toEqual([expect.stringMatching(/^-(FERRY|ERR) .*SWAPDB/)]);
    expect(await stage.outcome()).toEqual([]);
    expect(await keysLeft()).toEqual({ cluster: ['key'], server: ['key'] });
  });
});
