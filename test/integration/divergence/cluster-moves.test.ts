/**
 * Case 17 of the ways to diverge on a real Cluster, as the authority and as the mirror: writes of a slot that is on its
 * way from one node to another. Each case is shown with Ferry as it is, and where that can be arranged with the rule off.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Watch } from '../../../src/sessions/watch.js';
import { command } from '../../support/relay.js';
import { withoutFreezing } from '../../support/without-freezing.js';
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
const restores: (() => void)[] = [];

beforeAll(async () => {
  servers = await startClusterServers();
});
afterEach(async () => {
  for (const restore of restores.splice(0)) restore();
  vi.restoreAllMocks();
  await stage.stop();
});
afterAll(() => stopClusterServers(servers));

async function play(options: ClusterStageOptions): Promise<ClusterStage> {
  tests++;
  [movingKey, otherKey] = [own('key'), own('other')];
  movingSlot = slotOf(movingKey);
  stage = await ClusterStage.start(servers, options);
  return stage;
}

/** All keys of a test are in one slot, and each test has another one (see RelayedCluster.agree). */
let tests = 0;
let movingKey = '';
let otherKey = '';
let movingSlot = 0;

function own(name: string): string {
  return `{moving ${tests}}${name}`;
}

const PIPELINE = 8;

function ends(): ReturnType<ClusterServers['cluster']['ends']> {
  return servers.cluster.ends(movingSlot);
}

describe('case 17: MOVED comes for the first of two writes, and a third is sent before it comes for the second', () => {
  async function onAuthority(isFrozen: boolean): Promise<{ value: string; differences: string[] }> {
    if (!isFrozen) restores.push(withoutFreezing());
    await play({ cluster: 'source' });
    const client = await stage.client();
    await client.send('SET', movingKey, '0');
    const { from, to } = await ends();
    const relay = stage.relayOf(from);
    const requests = relay.hold('client', 'requests', command('APPEND', movingKey));
    const written = [client.send('APPEND', movingKey, '1'), client.send('APPEND', movingKey, '2')];
    await requests.reached(2);
    await stage.cluster.move(movingSlot, to);
    const replies = relay.hold('client', 'replies', command('APPEND', movingKey));
    requests.release();
    await replies.reached(2);
    replies.pass(1);
    await stage.until('Ferry to know', () => stage.knowsOwner(movingSlot, to));
    written.push(client.send('APPEND', movingKey, '3'));
    const isThere = (): boolean =>
      stage
        .relayOf(to)
        .delivered('client')
        .some(([, , value]) => value === '3');
    if (isFrozen) await pause(50);
    else await stage.until('the third write', isThere);
    replies.release();
    const lengths = texts(await Promise.all(written));
    const value = texts([await client.send('GET', movingKey)])[0]!;
    if (isFrozen) expect(lengths).toEqual(['2', '3', '4']);
    return { value, differences: await stage.outcome() };
  }

  test('case 17: on the authority [a slot is frozen until it is drained]', async () => {
    expect(await onAuthority(true)).toEqual({ value: '0123', differences: [] });
  });
  test('case 17, slot not frozen: a client’s writes are executed in another order than they were sent', async () => {
    expect(await onAuthority(false)).toEqual({ value: '0132', differences: [] });
  });

  async function onMirror(isFrozen: boolean): Promise<string[]> {
    if (!isFrozen) restores.push(withoutFreezing());
    await play({ cluster: 'target' });
    const client = await stage.client();
    await client.send('SET', movingKey, '0');
    await stage.settled();
    const { from, to } = await ends();
    const relay = stage.relayOf(from);
    const requests = relay.hold('mirror', 'requests', command('SET', movingKey));
    for (const value of ['1', '2']) await client.send('SET', movingKey, value);
    await requests.reached(2);
    await stage.cluster.move(movingSlot, to);
    const replies = relay.hold('mirror', 'replies', command('SET', movingKey));
    requests.release();
    await replies.reached(2);
    replies.pass(1);
    await stage.until('Ferry to know', () => stage.knowsOwner(movingSlot, to));
    await stage.until('the connection to the new node', () => stage.relayOf(to).isConnected('mirror'));
    await client.send('SET', movingKey, '3');
    const isThere = (): boolean =>
      stage
        .relayOf(to)
        .delivered('mirror')
        .some(([, , value]) => value === '3');
    if (isFrozen) await pause(50);
    else await stage.until('the third write', isThere);
    replies.release();
    return stage.outcome();
  }

  test('case 17: on the mirror [a slot is frozen until it is drained]', async () => {
    expect(await onMirror(true)).toEqual([]);
  });
  test('case 17, slot not frozen: the mirror ends with an older value, and nobody knows', async () => {
    expect(await onMirror(false)).toEqual([expect.stringMatching(/key: /)]);
  });
});

describe.each(['source', 'target'] as const)(
  'case 17: a slot is moved back and forth in small steps, as the %s',
  (cluster) => {
    test(`case 17: sequences stay sequences (${cluster})`, async () => {
      await play({ cluster });
      let isOver = false;
      const faults: string[] = [];
      const expectThat = (what: string, got: string[], wanted: string[]): void => {
        if (JSON.stringify(got) !== JSON.stringify(wanted)) faults.push(`${what}: ${got} instead of ${wanted}`);
      };
      /** How far each of them is. */
      const rounds = [0, 0, 0, 0, 0];
      /** Pipelines of one key, their replies in order. */
      const appender = async (i: number): Promise<void> => {
        const client = await stage.client();
        for (; !isOver; rounds[i]!++) {
          const numbers = Array.from({ length: PIPELINE }, (_, n) => rounds[i]! * PIPELINE + n + 1);
          const replies = await Promise.all(
            numbers.flatMap((number) => [
              client.send('INCR', own(`counter ${i}`)),
              client.send('APPEND', own(`list ${i}`), `${number},`),
            ]),
          );
          const counted = texts(replies.filter((_, at) => at % 2 === 0));
          expectThat(`counter ${i}`, counted, numbers.map(String));
        }
      };
      /** What needs several keys of the slot, or several commands. */
      const mixer = async (): Promise<void> => {
        const client = await stage.client();
        for (; !isOver; rounds[3]!++) {
          const n = rounds[3]!;
          const [a, b] = [own(`pair ${n % 7} a`), own(`pair ${n % 7} b`)];
          expectThat('MSET', texts([await client.send('MSET', a, n, b, n)]), ['OK']);
          const script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('APPEND', KEYS[2], ARGV[1])";
          expectThat('EVAL', texts([await client.send('EVAL', script, 2, a, b, n)]), [String(2 * String(n).length)]);
          const transaction = await Promise.all([
            client.send('MULTI'),
            client.send('SET', a, `${n} again`),
            client.send('RPUSH', own('pushed'), n),
            client.send('EXEC'),
          ]);
          expectThat('EXEC', texts([transaction[3]!]), [`OK,${n + 1}`]);
          const added = await client.send('XADD', own('stream'), 'MAXLEN', '~', 20, `${n + 1}-1`, 'n', n);
          expectThat('XADD', texts([added]), [`${n + 1}-1`]);
          if (n % 3 === 0) expectThat('DEL', texts([await client.send('DEL', a, b)]), ['2']);
        }
      };
      /** Keys are made and taken away: of some there is ASK, of others not. */
      const maker = async (): Promise<void> => {
        const client = await stage.client();
        for (; !isOver; rounds[4]!++) {
          const key = own(`fresh ${rounds[4]! % 50}`);
          const replies = [client.send('SET', key, rounds[4]!), client.send('GET', key), client.send('DEL', key)];
          expectThat(key, texts(await Promise.all(replies)), ['OK', String(rounds[4]), '1']);
        }
      };
      const running = [appender(0), appender(1), appender(2), mixer(), maker()];
      try {
        for (let i = 0; i < 6; i++) {
          const before = [...rounds];
          const { to } = await ends();
          const move = await stage.cluster.cluster.beginMove(movingSlot, to);
          await pause(20);
          await move.finish({ stepKeys: 3, pauseMs: 10 });
          await stage.cluster.agree(movingSlot);
          await stage.until('everybody to get on', async () => {
            await stage.cluster.agree(movingSlot);
            return rounds.every((n, at) => n > before[at]!);
          });
        }
      } finally {
        isOver = true;
      }
      await Promise.all(running);
      expect(faults).toEqual([]);
      const client = await stage.client();
      for (const i of [0, 1, 2]) {
        const numbers = Array.from({ length: rounds[i]! * PIPELINE }, (_, n) => `${n + 1},`).join('');
        expect(texts([await client.send('GET', own(`list ${i}`))])).toEqual([numbers]);
      }
      await stage.cluster.agree(movingSlot);
      expect(await stage.outcome()).toEqual([]);
    }, 120_000);
  },
);

describe('case 17: the keys of one command are on two nodes', () => {
  /** One of the two keys is on the new node already, whichever it is. */
  async function halfMoved(cluster: 'source' | 'target') {
    await play({ cluster });
    const client = await stage.client();
    await client.send('MSET', movingKey, '0', otherKey, '0');
    await stage.settled();
    const { from, to } = await ends();
    const move = await stage.cluster.cluster.beginMove(movingSlot, to);
    await move.step(1);
    const [stays] = texts((await stage.cluster.ask(from, 'CLUSTER', 'GETKEYSINSLOT', movingSlot, 1)) as Buffer[]);
    return { client, move, from, to, stays: stays! };
  }

  const COMMANDS: readonly (readonly [name: string, args: () => string[], reply: string])[] = [
    ['MSET', () => ['MSET', movingKey, '1', otherKey, '1'], 'OK'],
    ['DEL', () => ['DEL', movingKey, otherKey], '2'],
    [
      'EVAL',
      () => [
        'EVAL',
        "redis.call('SET', KEYS[1], 'x') return redis.call('APPEND', KEYS[2], 'y')",
        '2',
        movingKey,
        otherKey,
      ],
      '2',
    ],
    ['RENAME', () => ['RENAME', movingKey, otherKey], 'OK'],
  ];

  test.each(COMMANDS)('case 17: %s waits until they are together (authority)', async (name, args, reply) => {
    const { client, move, from } = await halfMoved('source');
    const answered = client.send(...args());
    const tries = (): number =>
      stage
        .relayOf(from)
        .delivered('client')
        .filter((sent) => sent[0] === name).length;
    await stage.until('some tries', () => tries() >= 3);
    await move.finish();
    expect(texts([await answered])).toEqual([reply]);
    await stage.cluster.agree(movingSlot);
    expect(await stage.outcome()).toEqual([]);
  });

  test.each(COMMANDS)('case 17: %s on the mirror', async (_name, args, reply) => {
    const { client, move } = await halfMoved('target');
    const replies = await Promise.all([
      client.send(...args()),
      client.send('SET', movingKey, 'later'),
      client.send('INCR', otherKey),
    ]);
    expect(texts([replies[0]!])).toEqual([reply]);
    await move.finish();
    await stage.cluster.agree(movingSlot);
    expect(await stage.outcome()).toEqual([]);
  });

  test('case 17: a transaction waits as well', async () => {
    const { client, move, from } = await halfMoved('source');
    const replies = [
      client.send('MULTI'),
      client.send('SET', movingKey, '1'),
      client.send('APPEND', otherKey, '1'),
      client.send('EXEC'),
    ];
    await stage.until(
      'some tries',
      () =>
        stage
          .relayOf(from)
          .delivered('client')
          .filter(([n]) => n === 'EXEC').length >= 2,
    );
    await move.finish();
    expect(texts(await Promise.all(replies))).toEqual(['OK', 'QUEUED', 'QUEUED', 'OK,2']);
    await stage.cluster.agree(movingSlot);
    expect(await stage.outcome()).toEqual([]);
  });

  test('case 17: a client’s later write was executed before: it is told so, and nothing is undone', async () => {
    const { client, move, stays } = await halfMoved('source');
    const replies = await Promise.all([
      client.send('MSET', movingKey, '1', otherKey, '1'),
      client.send('SET', stays, '2'),
    ]);
    expect(texts(replies)).toEqual([expect.stringMatching(/^-TRYAGAIN /), 'OK']);
    expect(texts([await client.send('GET', stays)])).toEqual(['2']);
    await move.finish();
    await stage.cluster.agree(movingSlot);
    expect(await stage.outcome()).toEqual([]);
  });

  test('case 17: on the mirror a later write was executed before: the keys are copied', async () => {
    const { client, move, from, stays } = await halfMoved('target');
    // both reach the node together
    const requests = stage.relayOf(from).hold('mirror', 'requests', command('MSET'));
    await client.send('MSET', movingKey, '1', otherKey, '1');
    await client.send('SET', stays, '2');
    await requests.reached(2);
    requests.release();
    await move.finish();
    await stage.cluster.agree(movingSlot);
    expect(await stage.outcome()).toEqual([]);
    expect(texts([await client.send('GET', stays)])).toEqual(['2']);
  });

  test('case 17: longer than redirect-wait: the server’s own words', async () => {
    await play({ cluster: 'source', config: { topology: { redirectWaitMs: 200 } } });
    const client = await stage.client();
    await client.send('MSET', movingKey, '0', otherKey, '0');
    const { to } = await ends();
    const move = await stage.cluster.cluster.beginMove(movingSlot, to);
    await move.step(1);
    expect(texts([await client.send('MSET', movingKey, '1', otherKey, '1')])).toEqual([
      expect.stringMatching(/^-TRYAGAIN /),
    ]);
    await move.finish();
    expect(texts([await client.send('MSET', movingKey, '2', otherKey, '2')])).toEqual(['OK']);
    await stage.cluster.agree(movingSlot);
    expect(await stage.outcome()).toEqual([]);
  });
});

describe('case 17: while keys are on their way (ASK)', () => {
  test('case 17: MULTI, and XADD with the read behind it, are executed whole on the new node', async () => {
    await play({ cluster: 'source' });
    const client = await stage.client();
    const { to } = await ends();
    // no key of the slot: every command is told to ask the other node
    const move = await stage.cluster.cluster.beginMove(movingSlot, to);
    const replies = [
      client.send('MULTI'),
      client.send('SET', movingKey, '1'),
      client.send('APPEND', movingKey, '2'),
      client.send('EXEC'),
      client.send('XADD', own('stream'), 'MAXLEN', '~', '3', '1-1', 'f', 'v'),
      client.send('XADD', own('stream'), 'MAXLEN', '~', '3', '1-2', 'f', 'v'),
      client.send('INCR', own('counter')),
      client.send('INCR', own('counter')),
    ];
    expect(texts(await Promise.all(replies))).toEqual(['OK', 'QUEUED', 'QUEUED', 'OK,2', '1-1', '1-2', '1', '2']);
    const sent = stage
      .relayOf(to)
      .delivered('client')
      .map(([name]) => name);
    expect(sent.join(' ')).toContain('ASKING MULTI SET APPEND EXEC');
    expect(sent.filter((name, i) => name === 'XADD' && sent[i - 1] !== 'ASKING')).toEqual([]);
    await move.finish();
    await stage.cluster.agree(movingSlot);
    expect(await stage.outcome()).toEqual([]);
  });
});

describe('case 17: WATCH and a slot that moves', () => {
  /** The key is watched, moves, and somebody writes to it. Then EXEC. */
  async function watched(): Promise<string[]> {
    await play({ cluster: 'source' });
    const [client, other] = [await stage.client(), await stage.client()];
    await client.send('SET', movingKey, 'seen');
    await client.send('WATCH', movingKey);
    const { to } = await ends();
    await stage.cluster.move(movingSlot, to);
    // so that the watching connection need not be told
    expect(texts([await other.send('SET', movingKey, 'changed')])).toEqual(['OK']);
    expect(stage.knowsOwner(movingSlot, to)).toBe(true);
    await client.send('MULTI');
    await client.send('SET', movingKey, 'mine');
    return texts([await client.send('EXEC'), await client.send('GET', movingKey)]);
  }

  test('case 17: EXEC answers nil [broken when the slot has another owner]', async () => {
    expect(await watched()).toEqual(['null', 'changed']);
    expect(await stage.outcome()).toEqual([]);
  });
  test('case 17, owner not compared: EXEC runs where nothing is watched, and an update is lost', async () => {
    vi.spyOn(Watch.prototype, 'isBroken', 'get').mockReturnValue(false);
    expect(await watched()).toEqual(['OK', 'mine']);
  });

  test('case 17: EXEC answers nil also when the node itself says that the slot moved', async () => {
    await play({ cluster: 'source', config: { topology: { refreshMs: 600_000 } } });
    const client = await stage.client();
    await client.send('SET', movingKey, 'seen');
    await client.send('WATCH', movingKey);
    const { to } = await ends();
    await stage.cluster.move(movingSlot, to);
    expect(stage.knowsOwner(movingSlot, to)).toBe(false);
    await client.send('MULTI');
    await client.send('SET', movingKey, 'mine');
    expect(texts([await client.send('EXEC')])).toEqual(['null']);
    // and is what clients try again
    await client.send('WATCH', movingKey);
    await client.send('MULTI');
    await client.send('SET', movingKey, 'mine');
    expect(texts([await client.send('EXEC'), await client.send('GET', movingKey)])).toEqual(['OK', 'mine']);
    expect(await stage.outcome()).toEqual([]);
  });
});

describe('case 17: a slot that nobody serves for a moment', () => {
  async function unserved(redirectWaitMs: number) {
    await play({ cluster: 'source', config: { topology: { redirectWaitMs } } });
    await stage.cluster.askAll('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
    const client = await stage.client();
    await client.send('SET', movingKey, '1');
    const { from } = await ends();
    await stage.cluster.askAll('CLUSTER', 'DELSLOTS', movingSlot);
    // whoever hears of it first may still hear of the old owner from another one
    const again = (): Promise<void> => stage.cluster.askAll('CLUSTER', 'DELSLOTS', movingSlot).catch(() => {});
    return { client, from, again };
  }

  async function served(from: Awaited<ReturnType<typeof unserved>>['from']): Promise<void> {
    await stage.cluster.ask(from, 'CLUSTER', 'ADDSLOTS', movingSlot);
    await stage.cluster.ask(from, 'CLUSTER', 'BUMPEPOCH');
    await stage.cluster.agree(movingSlot);
  }

  test('case 17: the commands wait, and are answered in their order', async () => {
    const { client, from } = await unserved(30_000);
    const replies = [
      client.send('APPEND', movingKey, '2'),
      client.send('APPEND', movingKey, '3'),
      client.send('GET', movingKey),
    ];
    const tries = (): number =>
      stage
        .relayOf(from)
        .delivered('client')
        .filter(([name]) => name === 'APPEND').length;
    await stage.until('some tries', () => tries() >= 4);
    await served(from);
    expect(texts(await Promise.all(replies))).toEqual(['2', '3', '123']);
    expect(await stage.outcome()).toEqual([]);
  });

  test('case 17: for too long: the server’s own words', async () => {
    const { client, from } = await unserved(200);
    expect(texts([await client.send('APPEND', movingKey, '2')])).toEqual(['-CLUSTERDOWN Hash slot not served']);
    await served(from);
    expect(texts([await client.send('APPEND', movingKey, '2')])).toEqual(['2']);
    expect(await stage.outcome()).toEqual([]);
  });
});
