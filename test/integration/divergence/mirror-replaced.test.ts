/**
 * Case 10 of the ways to diverge: the mirror does not have what Ferry believes it has, because it never had it, evicted
 * it, lost it in a restart or was flushed beside Ferry. INCR and HSET would build on nothing there.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { command } from '../../support/relay.js';
import type { Wire } from '../write-commands/wire.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

let servers: Servers;
let scenario: Scenario;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(() => scenario.stop());
afterAll(() => stopServers(servers));

const BEFORE = [
  ['SET', 'counter', '5'],
  ['HSET', 'hash', 'a', '1'],
  ['RPUSH', 'list', 'a', 'b', 'c'],
  ['ZADD', 'zset', '1', 'a'],
  ['SADD', 'set', 'a'],
  ['SET', 'untouched', 'value'],
  ['SET', 'expiring', 'value', 'EX', '1000'],
];

async function play(options: ScenarioOptions = {}): Promise<Wire> {
  scenario = await Scenario.start(servers, { before: BEFORE, ...options });
  return scenario.client();
}

/** Some would answer the same on a mirror that has nothing: HSET, ZADD, SADD of what is new. */
async function buildOnAll(client: Wire, name: string): Promise<void> {
  await Promise.all([
    client.send('INCR', 'counter'),
    client.send('HSET', 'hash', name, '1'),
    client.send('RPUSH', 'list', name),
    client.send('ZADD', 'zset', '2', name),
    client.send('SADD', 'set', name),
    client.send('EXPIRE', 'expiring', '500'),
  ]);
}

/** Names of the keys that differ. */
function names(differences: readonly string[]): string[] {
  return differences.map((line) => line.slice(0, line.indexOf(':')));
}

describe('case 10: the mirror never had the key', () => {
  async function unknownKeys(withRule: boolean): Promise<string[]> {
    const client = await play();
    if (!withRule) scenario.board.known.isKnown = () => true;
    await buildOnAll(client, 'new');
    return names(await scenario.outcome());
  }

  test('case 10: what is not known is copied [known]', async () => {
    expect(await unknownKeys(true)).toEqual(['untouched']); // until the backfill
    await scenario.backfilled();
    expect(await scenario.outcome()).toEqual([]);
  });
  test('case 10, everything taken for known: HSET, ZADD and SADD build on nothing', async () => {
    // INCR and RPUSH answer otherwise there: the self-check has them copied
    expect(await unknownKeys(false)).toEqual(['expiring', 'hash', 'set', 'untouched', 'zset']);
  });
});

describe('case 10: the mirror restarts empty', () => {
  async function restarted(withRule: boolean): Promise<string[]> {
    const client = await play();
    await scenario.backfilled();
    expect(await scenario.verified()).toBe(true);
    if (!withRule) Object.assign(scenario.board.target.home, { sawRunId: () => {} });
    await scenario.restartTarget();
    await buildOnAll(client, 'after the restart');
    return names(await scenario.outcome());
  }

  test('case 10: another process is noticed by its run id, and filled again [run id]', async () => {
    expect(await restarted(true)).toEqual([]);
    expect(await scenario.verified()).toBe(true);
  });
  test('case 10, run id not looked at: most of it is gone', async () => {
    expect(await restarted(false)).toEqual(['expiring', 'hash', 'set', 'untouched', 'zset']);
  });

  test('case 10: under writes, killed and not stopped, twice [run id]', async () => {
    const client = await play({ phase: 'target-read' });
    await scenario.backfilled();
    let running = true;
    const load = (async () => {
      for (let i = 0; running; i++) {
        await buildOnAll(client, `field ${i % 20}`);
        expect(texts([await client.send('HGET', 'hash', 'a'), await client.send('GET', 'untouched')])).toEqual([
          '1',
          'value',
        ]);
      }
    })();
    for (let i = 0; i < 2; i++) {
      await pause(100);
      scenario.target.server.kill();
      await scenario.restartTarget();
    }
    await pause(100);
    running = false;
    await load;
    expect(await scenario.outcome()).toEqual([]);
  });

  test('case 10: during the backfill, with a copy on its way [run id]', async () => {
    const keys = Array.from({ length: 2000 }, (_, i) => [`key ${i}`, `${i}`]).flat();
    const client = await play({ before: [...BEFORE, ['MSET', ...keys]] });
    const restored = scenario.target.relay.hold('mirror', 'requests', command('RESTORE', 'key 1000'));
    await scenario.ferry.control.backfill('start');
    await restored.reached();
    await scenario.restartTarget(() => restored.release());
    await buildOnAll(client, 'during the backfill');
    expect(await scenario.outcome()).toEqual([]);
    expect(scenario.ferry.control.status().backfill).toMatchObject({ state: 'done', scanned: 2007 });
  });
});

describe('case 10: the mirror is emptied beside Ferry', () => {
  async function cutover(): Promise<string[]> {
    const step = await scenario.ferry.control.changePhase({ to: 'target-first' });
    return step.ok ? [] : step.blockers.map(({ code }) => code);
  }

  async function emptied(empty: (target: Wire) => Promise<void>): Promise<Wire> {
    const client = await play({ phase: 'target-read' });
    await scenario.backfilled();
    expect(await scenario.verified()).toBe(true);
    await client.send('GET', 'elsewhere'); // opens the lane to the target
    await pause(20);
    await empty(scenario.target.direct);
    return client;
  }

  test('case 10: FLUSHALL: the self-check notices, and verification finds the rest', async () => {
    const client = await emptied(async (target) => {
      await target.send('FLUSHALL');
    });
    await client.send('HSET', 'hash', 'b', '2'); // 1 on both, but one field there
    await client.send('INCR', 'counter'); // 6 here, 1 there
    await scenario.settled();
    expect(texts([await client.send('HLEN', 'hash')])).toEqual(['2']); // no longer asked there
    expect(scenario.ferry.counters.selfCheckMismatches).toBe(1);
    // the one key is right again; that the others may be gone is remembered
    expect(names(await scenario.differences())).not.toContain('counter');
    expect(await cutover()).toContain('not-verified');
    await buildOnAll(client, 'after the flush');
    expect(names(await scenario.outcome())).toEqual(['untouched']);
    expect(await scenario.verified(true)).toBe(false);
    expect(scenario.ferry.control.status().verify.differences).toMatchObject({ missing: 1 });
    expect(await scenario.verified()).toBe(true);
    expect(await scenario.outcome()).toEqual([]);
    expect(await cutover()).toEqual([]);
  });

  test('case 10: a reader of the emptied target gets the value of the source', async () => {
    const client = await emptied(async (target) => {
      await target.send('FLUSHALL');
    });
    expect(texts([await client.send('GET', 'untouched'), await client.send('HGET', 'hash', 'a')])).toEqual([
      'value',
      '1',
    ]);
    await scenario.settled();
    expect(texts([await scenario.target.direct.send('GET', 'untouched')])).toEqual(['value']); // read repair
  });

  test('case 10: eviction: refused writes are dirty, the rest is found, the cutover waits for noeviction', async () => {
    const client = await emptied(async (target) => {
      await target.send('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random', 'maxmemory', '1');
    });
    await client.send('SET', 'straw', 'x'); // evicts everything, and is refused
    await client.send('INCR', 'counter');
    await scenario.until('dirty keys', () => scenario.ferry.control.status().mirror.dirtyKeys > 0);
    await scenario.target.direct.send('CONFIG', 'SET', 'maxmemory', '100mb');
    await scenario.settled();
    await buildOnAll(client, 'after the eviction');
    await scenario.settled();
    await scenario.verified(true);
    expect(await scenario.verified()).toBe(true);
    expect(await scenario.outcome()).toEqual([]);
    expect(await cutover()).toEqual(['target-evicts']);
    await scenario.target.direct.send('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
    expect(await cutover()).toEqual([]);
  });
});
