/**
 * Ways to diverge 34: SELECT is refused on the mirror's side, and a write lands in the wrong database. It must not; and
 * what is mirrored from several databases must arrive in each of them.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { stateOf } from '../write-commands/state.js';
import { Wire } from '../write-commands/wire.js';
import { until, withFerry } from './plain-ferry.js';
import { pause, Scenario, type ScenarioOptions, texts } from './scenario.js';

const ONE_DATABASE = ['--databases', '1'];

let source: RedisServer;
let target: RedisServer;
let single: RedisServer;
let scenario: Scenario | null = null;

beforeAll(async () => {
  [source, target, single] = await Promise.all([startRedis(), startRedis(), startRedis({ args: ONE_DATABASE })]);
});
afterEach(async () => {
  await scenario?.target.direct.send('ACL', 'SETUSER', 'default', '+@all').catch(() => {});
  await scenario?.stop();
  scenario = null;
});
afterAll(async () => {
  await Promise.all([source, target, single].map((server) => server.stop()));
});

async function begin(to: RedisServer, options: ScenarioOptions = {}): Promise<{ s: Scenario; client: Wire }> {
  scenario = await Scenario.start({ source, target: to }, options);
  return { s: scenario, client: await scenario.client() };
}

async function sendAll(client: Wire, lines: readonly string[]): Promise<string[]> {
  return texts(await Promise.all(lines.map((line) => client.send(...line.split(' ')))));
}

/** "db key" of everything that a server holds. */
async function keysOf(wire: Wire): Promise<string[]> {
  return [...(await stateOf(wire)).keys.keys()].sort();
}

describe('ways to diverge 34: a target that has one database', () => {
  it('34: SELECT is refused to the client, and what it writes next is in its old database on both sides', async () => {
    const { s, client } = await begin(single);
    const replies = await sendAll(client, [
      'SET a 1',
      'SELECT 1',
      'SET b 2',
      'INCR n',
      'SELECT 0',
      'SELECT 99',
      'SELECT x',
    ]);
    expect(replies[1]).toMatch(/^-FERRY database 1 cannot be used on the target: ERR DB index is out of range/);
    expect([...replies.slice(2, 5), ...replies.slice(5)]).toEqual([
      ...['OK', '1', 'OK', '-ERR DB index is out of range', '-ERR value is not an integer or out of range'],
    ]);
    expect(await s.outcome()).toEqual([]);
    expect(await keysOf(s.source.direct)).toEqual(['0 a', '0 b', '0 n']);
  });

  it('34: MOVE and COPY … DB are refused, alone and in a transaction', async () => {
    const { s, client } = await begin(single);
    const replies = await sendAll(client, [
      ...[
        'SET a 1',
        'MOVE a 1',
        'COPY a b DB 1',
        'COPY a c DB 0',
        'MULTI',
        'SET d 1',
        'MOVE a 1',
        'COPY a b DB 1',
        'SELECT 1',
        'EXEC',
      ],
    ]);
    for (const i of [1, 2, 8]) expect(replies[i]).toMatch(/^-FERRY /);
    expect(await keysOf(s.source.direct)).not.toContainEqual(expect.stringMatching(/^1 /));
    expect(await s.outcome()).toEqual([]);
  });

  const USES_TWO = ['SET a 1', 'SELECT 3', 'SET b 2'];

  it('34: a source that uses more of them cannot enter dual-write', async () => {
    await withFerry({ source, target: single, phase: 'source-only', onSource: USES_TWO }, async ({ ferry }) => {
      const outcome = await ferry.control.changePhase({ to: 'dual-write' });
      expect(outcome).toMatchObject({ ok: false, blockers: [{ code: 'database-unusable' }] });
      expect(ferry.control.status().phase).toBe('source-only');
    });
  });

  it('34: nor be cut over, when it was started there', async () => {
    await withFerry({ source, target: single, phase: 'target-read', onSource: USES_TWO }, async ({ ferry }) => {
      await ferry.control.backfill('start');
      await until(() => ferry.control.status().backfill.state !== 'running');
      await ferry.control.verify({ repair: false });
      await until(() => ferry.control.status().verify.state !== 'running');
      expect(ferry.control.status()).toMatchObject({ backfill: { state: 'failed' }, verify: { state: 'failed' } });
      const outcome = await ferry.control.changePhase({ to: 'target-first' });
      if (outcome.ok) throw new Error('database 3 would be lost');
      expect(outcome.blockers.map(({ code }) => code)).toEqual(
        expect.arrayContaining(['backfill-incomplete', 'not-verified']),
      );
    });
  });
});

describe('ways to diverge 34: SELECT is refused later, on a lane that had used the database', () => {
  const WRITES = (value: string): string[] =>
    [0, 3, 5].flatMap((db) => [
      `SELECT ${db}`,
      `SET same ${value}-${db}`,
      `SET only-${db} ${value}`,
      `RPUSH list ${value}-${db}`,
    ]);

  it('34: by an ACL, in the middle of a pipeline', async () => {
    const { s, client } = await begin(target);
    await sendAll(client, WRITES('first'));
    await s.settled();
    await s.target.direct.send('ACL', 'SETUSER', 'default', '-select');
    expect((await sendAll(client, WRITES('second'))).filter((reply) => /^-[A-Z]/.test(reply))).toEqual([]);
    await s.until('the mirror has lost its lane', () => !s.mirror.lane.isUp);
    await sendAll(client, WRITES('third'));
    await s.target.direct.send('ACL', 'SETUSER', 'default', '+@all');
    await s.until('the mirror is back', () => s.mirror.lane.isUp);
    expect(await s.outcome()).toEqual([]);
    expect(await s.verified()).toBe(true);
  });

  it('34: by a new server process that has one database only, until one comes that has them all', async () => {
    const movable = await startRedis();
    const { s, client } = await begin(movable);
    await sendAll(client, WRITES('first'));
    await s.settled();
    s.target.direct.close();
    await movable.stop();
    const narrow = await startRedis({ port: movable.port, args: ONE_DATABASE });
    s.target.direct = await Wire.open(movable.port);
    const other = await s.client();
    const replies = await sendAll(client, WRITES('second'));
    expect(replies.filter((reply) => /^-[A-Z]/.test(reply))).toEqual([]);
    await sendAll(other, ['SET more 1']);
    await pause(300);
    // whatever arrived there, nothing of databases 3 and 5 did
    const there = await keysOf(s.target.direct);
    expect(there.filter((key) => !['0 same', '0 only-0', '0 list', '0 more'].includes(key))).toEqual([]);
    s.target.direct.close();
    await narrow.stop();
    const wide = await startRedis({ port: movable.port });
    s.target.direct = await Wire.open(movable.port);
    await sendAll(client, WRITES('third'));
    await s.until('the mirror is back', () => s.mirror.lane.isUp);
    expect(await s.outcome()).toEqual([]);
    expect(await s.verified()).toBe(true);
    await s.stop();
    scenario = null;
    await wide.stop();
  });

  it('34: a database that is first used while the mirror is away', async () => {
    const { s, client } = await begin(target);
    await sendAll(client, ['SET a 1']);
    await s.settled();
    const held = s.target.relay.hold('mirror', 'requests', (command) => command[0] === 'HELLO');
    s.target.relay.connection('mirror').cut();
    await held.reached();
    const replies = await sendAll(client, [
      'SELECT 7',
      'SET seven 1',
      'SELECT 0',
      'SET zero 1',
      'SELECT 7',
      'INCR seven',
    ]);
    expect(replies.slice(1)).toEqual(['OK', 'OK', 'OK', 'OK', '2']);
    held.release();
    expect(await s.outcome()).toEqual([]);
    await sendAll(client, ['SET again 1']);
    await s.settled();
    const { shed } = s.board.counters;
    await sendAll(client, ['SET again 2', 'INCR seven']);
    expect(await s.outcome()).toEqual([]);
    expect(s.board.counters.shed).toBe(shed);
  });
});

describe('ways to diverge 34: several databases', () => {
  const DBS = [0, 1, 5, 15];

  it.each(['dual-write', 'target-read', 'target-first'] as const)('34: each key in its own (%s)', async (phase) => {
    const before = DBS.flatMap((db) => [
      ['SELECT', db],
      ['SET', 'same', `old-${db}`],
      ['RPUSH', `list-${db}`, 'a'],
    ]);
    const { s } = await begin(target, phase === 'target-first' ? { phase } : { phase, before });
    const clients = await Promise.all([s.client('ann'), s.client('bob'), s.client(), s.client('ann')]);
    await Promise.all(
      clients.map(async (client, c) => {
        for (let round = 0; round < 12; round++) {
          const [db, other] = [DBS[(round + c) % 4]!, DBS[(round * 3 + c + 1) % 4]!];
          await sendAll(client, [
            ...[
              `SELECT ${db}`,
              `APPEND same ${c}`,
              `RPUSH list-${db} ${round}`,
              `SET from-${c} ${db}`,
              `INCR n`,
              'SELECT 0',
            ],
            ...[`SELECT ${other}`, `HSET hash f${c} ${round}`, `EXPIRE same 500`, `XADD stream * f v`, `SELECT ${db}`],
            ...[
              `MOVE from-${c} ${other}`,
              `COPY same copy-${c} DB ${other} REPLACE`,
              'MULTI',
              `SADD set ${round}`,
              'INCR n',
              'EXEC',
            ],
            ...(round === 6 && c === 0 ? ['FLUSHDB'] : []),
            ...['SWAPDB 0 1', 'GET same'],
          ]);
        }
      }),
    );
    if (phase !== 'target-first') await s.backfilled();
    expect(await s.outcome()).toEqual([]);
    expect(await s.verified()).toBe(true);
    const dbs = new Set((await keysOf(s.target.direct)).map((name) => name.split(' ')[0]));
    expect([...dbs].map(Number).sort((a, b) => a - b)).toEqual(DBS);
  });

  it('34: reads see the database that the client selected', async () => {
    const { s, client } = await begin(target, { phase: 'target-read' });
    await sendAll(
      client,
      DBS.flatMap((db) => [`SELECT ${db}`, `SET same ${db}`]),
    );
    await s.settled();
    const readers = await Promise.all(DBS.map(() => s.client()));
    await Promise.all(readers.map((reader, i) => sendAll(reader, [`SELECT ${DBS[i]}`])));
    for (let round = 0; round < 20; round++) {
      const replies = await Promise.all(readers.map((reader) => sendAll(reader, ['GET same'])));
      expect(replies.flat()).toEqual(DBS.map(String));
      await pause(2); // their lanes to the target open at the first read
    }
    expect(s.ferry.counters.targetReads).toBeGreaterThan(20);
    expect(s.ferry.counters.fallbacks).toBe(0);
  });

  it('34: SWAPDB is refused', async () => {
    const { client } = await begin(target);
    expect(await sendAll(client, ['SWAPDB 0 1'])).toEqual([expect.stringMatching(/^-FERRY SWAPDB is refused/)]);
  });

  it('34: SWAPDB is refused in a transaction, whose EXEC does nothing', async () => {
    const { s, client } = await begin(target, { phase: 'target-read' });
    expect(await sendAll(client, ['SET a 1', 'MULTI', 'SET b 1', 'SWAPDB 0 1', 'EXEC', 'GET a', 'EXISTS b'])).toEqual([
      ...['OK', 'OK', 'QUEUED', expect.stringMatching(/^-FERRY SWAPDB is refused/)],
      ...[expect.stringMatching(/^-EXECABORT/), '1', '0'],
    ]);
    await s.settled();
    expect(await s.outcome()).toEqual([]);
  });

  it('34: SWAPDB is refused at EXEC when a mirror came between MULTI and EXEC', async () => {
    const { s, client } = await begin(target);
    await s.ferry.control.changePhase({ to: 'source-only' });
    expect(await sendAll(client, ['SET a 1', 'MULTI', 'SET b 1', 'SWAPDB 0 1'])).toEqual([
      ...['OK', 'OK', 'QUEUED', 'QUEUED'],
    ]);
    await s.ferry.control.changePhase({ to: 'dual-write' });
    expect(await sendAll(client, ['EXEC', 'GET a', 'EXISTS b'])).toEqual([
      ...[expect.stringMatching(/^-FERRY SWAPDB is refused/), '1', '0'],
    ]);
  });

  it('34: a home database of another number, and one that it would cover is refused', async () => {
    const onSource = ['SELECT 2', 'SET home old', 'RPUSH list a'];
    await withFerry({ source, target, phase: 'dual-write', onSource, homeDb: 2 }, async (running) => {
      const { ferry, client } = running;
      const lines = ['SELECT 2', 'SET home 1', 'RPUSH list b', 'SELECT 4', 'SET four 1', 'SELECT 0', 'INCR home'];
      const replies = await sendAll(client, lines);
      expect(replies[5]).toMatch(/^-FERRY /);
      expect(replies[6]).toBe('1');
      await ferry.control.backfill('start');
      await until(() => ferry.control.status().backfill.state !== 'running');
      const { backlogOps, dirtyKeys, dirtySlots } = ferry.control.status().mirror;
      expect([backlogOps, dirtyKeys, dirtySlots]).toEqual([0, 0, 0]);
      const [there, here] = [await stateOf(running.target), await stateOf(running.source)];
      expect([...here.keys.keys()].sort()).toEqual(['2 home', '2 list', '4 four', '4 home']);
      const renamed = [...here.keys].map(([name, key]) => [name.replace(/^2 /, '0 '), key]);
      expect(Object.fromEntries(there.keys)).toEqual(Object.fromEntries(renamed));
    });
  });
});
