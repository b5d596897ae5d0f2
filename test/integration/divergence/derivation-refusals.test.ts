/**
 * Ways to diverge 29: the mirror refuses one operation (OOM, READONLY, NOPERM) and takes the next. The client
 * sees nothing of it; the keys are dirty; when the mirror takes writes again they are copied, and both sides are equal.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Wire } from '../write-commands/wire.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

let servers: Servers;
let scenario: Scenario | null = null;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  if (scenario !== null) {
    for (const side of [scenario.source, scenario.target]) {
      for (const { recover } of REFUSALS) await recover(side.direct);
    }
    await scenario.stop();
  }
  scenario = null;
});
afterAll(() => stopServers(servers));

interface Refusal {
  readonly name: string;
  readonly begin: (mirror: Wire) => Promise<unknown>;
  readonly recover: (mirror: Wire) => Promise<unknown>;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: 'OOM',
    begin: (mirror) => mirror.send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', 1),
    recover: (mirror) => mirror.send('CONFIG', 'SET', 'maxmemory', 0),
  },
  {
    name: 'READONLY',
    // nobody listens there: the server stays a replica that never gets anything
    begin: (mirror) => mirror.send('REPLICAOF', '127.0.0.1', 1),
    recover: (mirror) => mirror.send('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'NOPERM for some commands',
    begin: (mirror) =>
      mirror.send(
        'ACL',
        'SETUSER',
        'default',
        ...'append rpush hset sadd zadd xadd pfadd incr'.split(' ').map((c) => `-${c}`),
      ),
    recover: (mirror) => mirror.send('ACL', 'SETUSER', 'default', '+@all'),
  },
];

/** On every type: something that needs memory (OOM refuses it), and right behind it something that does not. */
const WRITES: readonly string[] = [
  ...['SET string v', 'APPEND string x', 'GETDEL string', 'SET string w', 'INCR n', 'INCR n', 'DECRBY n 5'],
  ...['RPUSH list a b c', 'LPOP list', 'LREM list 1 b', 'RPUSH list d', 'LTRIM list 0 1'],
  ...['HSET hash f 1 g 2', 'HDEL hash f', 'HSETNX hash h 3', 'HINCRBYFLOAT hash g 0.5'],
  ...['SADD set a b c d', 'SREM set a', 'SPOP set', 'SMOVE set set2 c', 'SADD set e'],
  ...['ZADD zset 1 a 2 b 3 c', 'ZREM zset a', 'ZPOPMIN zset', 'ZADD zset 5 e', 'ZREMRANGEBYRANK zset 0 0'],
  ...[
    'XADD stream * f v',
    'XADD stream * f w',
    'XTRIM stream MAXLEN 1',
    'XADD stream * f x',
    'PFADD hll a b',
    'PFADD hll c',
  ],
  ...['SET volatile v EX 1000', 'EXPIRE n 500', 'PERSIST volatile', 'RENAME string renamed', 'COPY list list2'],
  ...['DEL gone', 'SETBIT bits 9 1', 'GEOADD geo 13 38 a', 'MSET m1 1 m2 2', 'UNLINK m1', 'SUNIONSTORE union set set2'],
];

async function sendAll(client: Wire, lines: readonly string[]): Promise<string[]> {
  return texts(await Promise.all(lines.map((line) => client.send(...line.split(' ')))));
}

const errorsIn = (replies: readonly string[]): string[] => replies.filter((reply) => /^-[A-Z]/.test(reply));

async function begin(options: ScenarioOptions = {}): Promise<{ s: Scenario; client: Wire }> {
  const s = await Scenario.start(servers, options);
  scenario = s;
  return { s, client: await s.client() };
}

describe('ways to diverge 29: the mirror refuses', () => {
  describe.each(REFUSALS)('$name', (refusal) => {
    it('29: from the first write on, then it recovers', async () => {
      const { s, client } = await begin();
      await sendAll(client, WRITES);
      await s.settled();
      await refusal.begin(s.target.direct);
      expect(errorsIn(await sendAll(client, WRITES))).toEqual([]);
      await s.until('it has refused', () => s.board.counters.mirrorErrors > 5);
      await refusal.recover(s.target.direct);
      expect(await s.outcome()).toEqual([]);
    });

    it('29: in the middle of a pipeline of several clients, again and again', async () => {
      const { s, client } = await begin();
      const clients = [client, await s.client('ann'), await s.client('bob')];
      await sendAll(client, WRITES);
      let goOn = true;
      const writing = clients.map(async (one, i) => {
        while (goOn) await sendAll(one, [...WRITES.slice(i * 9), ...WRITES.slice(0, i * 9)]);
      });
      for (let round = 0; round < 6; round++) {
        await refusal.begin(s.target.direct);
        await pause(15);
        await refusal.recover(s.target.direct);
        await pause(15);
      }
      goOn = false;
      await Promise.all(writing);
      expect(await s.outcome()).toEqual([]);
      expect(s.board.counters.mirrorErrors).toBeGreaterThan(5);
      expect(await s.verified()).toBe(true);
    });

    it('29: reads in target-read see what the authority has, not what the mirror kept', async () => {
      const { s, client } = await begin({ phase: 'target-read' });
      await sendAll(client, ['SET string old', 'RPUSH list old', 'HSET hash f old', 'SADD set old', 'INCR n']);
      await s.settled();
      await refusal.begin(s.target.direct);
      await sendAll(client, ['APPEND string new', 'RPUSH list new', 'HSET hash f new', 'SADD set new', 'INCR n']);
      const reads = ['GET string', 'LRANGE list 0 -1', 'HGET hash f', 'SCARD set', 'GET n', 'STRLEN string'];
      const truth = await sendAll(s.source.direct, reads);
      for (let i = 0; i < 20; i++) {
        expect(await sendAll(client, reads)).toEqual(truth);
        await pause(3);
      }
      await refusal.recover(s.target.direct);
      expect(await s.outcome()).toEqual([]);
      expect(await sendAll(client, reads)).toEqual(truth);
    });

    it('29: during the backfill', async () => {
      const before = Array.from({ length: 300 }, (_, i) => ['RPUSH', `key:${i}`, 'a', 'b']);
      const { s, client } = await begin({ before });
      await refusal.begin(s.target.direct);
      await s.ferry.control.backfill('start');
      const writes = Array.from({ length: 300 }, (_, i) => `RPUSH key:${i} c`);
      expect(errorsIn(await sendAll(client, writes))).toEqual([]);
      await pause(100);
      await refusal.recover(s.target.direct);
      expect(await s.outcome()).toEqual([]);
    });

    it('29: the cutover waits for it', async () => {
      const { s, client } = await begin({ phase: 'target-read' });
      await s.backfilled();
      expect(await s.verified()).toBe(true);
      await refusal.begin(s.target.direct);
      await sendAll(client, ['SADD set a', 'RPUSH list x']);
      await s.until('keys are dirty', () => s.board.dirty.size > 0 || s.board.ledger.openTotal === 0);
      const outcome = await s.ferry.control.changePhase({ to: 'target-first' });
      if (outcome.ok) expect(await s.outcome()).toEqual([]);
      else expect(outcome.blockers.map(({ code }) => code)).toContain('dirty');
      await refusal.recover(s.target.direct);
      expect(await s.outcome()).toEqual([]);
    });
  });

  it('29: the fault without marks: what was refused stays away', async () => {
    const { s, client } = await begin();
    await sendAll(client, ['INCR n', 'RPUSH list a']);
    await s.settled();
    s.mirror.markDirty = () => {};
    await REFUSALS[0]!.begin(s.target.direct);
    await sendAll(client, ['INCR n', 'RPUSH list b']);
    await s.settled();
    await REFUSALS[0]!.recover(s.target.direct);
    await sendAll(client, ['INCR n', 'LPOP list', 'LPOP list']);
    expect(await s.outcome()).toHaveLength(1);
  });

  it('29: after the cutover, when it is the source that refuses', async () => {
    const { s, client } = await begin({ phase: 'target-first' });
    await s.source.direct.send('CONFIG', 'SET', 'maxmemory', 1);
    expect(errorsIn(await sendAll(client, WRITES))).toEqual([]);
    await s.until('keys are dirty', () => s.board.dirty.size > 5);
    await s.source.direct.send('CONFIG', 'SET', 'maxmemory', 0);
    expect(await s.outcome()).toEqual([]);
  });

  it('29: a source that is over its own memory limit is copied all the same', async () => {
    const before = [
      ...Array.from({ length: 50 }, (_, i) => ['RPUSH', `list:${i}`, 'a', 'b']),
      ['SET', 'volatile', 'v', 'EX', 1000],
    ];
    const { s, client } = await begin({ before });
    await s.source.direct.send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', 1);
    expect(texts([await client.send('SET', 'k', 'v')])[0]).toMatch(/^-OOM/);
    expect(await sendAll(client, ['LPOP list:1', 'EXPIRE list:2 500', 'DEL list:3'])).toEqual(['a', '1', '1']);
    await s.backfilled();
    expect(await s.outcome()).toEqual([]);
    expect(await s.verified()).toBe(true);
  });

  it('29: so it is by logical copies', async () => {
    const lines = [
      'RPUSH list a',
      'SADD set a',
      'ZADD zset 1 a',
      'HSET hash f v',
      'XADD stream 1-1 f v',
      'SET s v EX 1000',
    ];
    const { s } = await begin({ before: lines.map((line) => line.split(' ')) });
    s.mirror.copies.logical = true;
    await s.source.direct.send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', 1);
    await s.backfilled();
    expect(await s.outcome()).toEqual([]);
  });
});
