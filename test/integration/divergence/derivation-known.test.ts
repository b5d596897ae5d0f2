/**
 * Ways to diverge 25 and 32: writes on a big value that the mirror does not know, and old values that it still has.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import type { Wire } from '../write-commands/wire.js';
import { callsOf, resetCalls } from './command-stats.js';
import { until, withFerry } from './plain-ferry.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

let servers: Servers;
let scenario: Scenario | null = null;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  await scenario?.stop();
  scenario = null;
});
afterAll(() => stopServers(servers));

async function begin(options: ScenarioOptions = {}): Promise<Scenario> {
  scenario = await Scenario.start(servers, options);
  return scenario;
}

async function sendAll(client: Wire, lines: readonly string[]): Promise<string[]> {
  return texts(await Promise.all(lines.map((line) => client.send(...line.split(' ')))));
}

describe('ways to diverge 25: ten thousand writes on a big hash that the mirror does not know', () => {
  const WRITES = 10_000;
  const FIELDS = 50_000;
  /** 5 MB, in a few commands. */
  const BIG_HASH = Array.from({ length: 50 }, (_, part) => [
    'HSET',
    'big',
    ...Array.from({ length: FIELDS / 50 }, (_, i) => [`field:${part}:${i}`, 'v'.repeat(80)]).flat(),
  ]);

  async function write(s: Scenario): Promise<void> {
    const clients = await Promise.all(Array.from({ length: 4 }, (_, i) => s.client((['ann', 'bob'] as const)[i % 2])));
    const batches = clients.map(async (client, c) => {
      for (let batch = 0; batch < 25; batch++) {
        const pipeline = Array.from({ length: WRITES / 100 }, (_, i) =>
          client.send('HSET', 'big', `field:${(batch * 7) % 50}:${i}`, `${c}-${batch}-${i}`),
        );
        await Promise.all(pipeline);
      }
    });
    await Promise.all(batches);
  }

  it('25: few DUMPs', async () => {
    const s = await begin({ before: BIG_HASH });
    await resetCalls(s.source.direct);
    await write(s);
    expect(await s.outcome()).toEqual([]);
    const calls = await callsOf(s.source.direct);
    expect(calls.get('hset')).toBe(WRITES);
    expect(calls.get('dump')).toBeGreaterThan(0);
    expect(calls.get('dump')).toBeLessThan(10);
    expect(s.ferry.counters.joinedCopies).toBeGreaterThan(5);
  });

  it('25: few readings in chunks, when it is over the size that is dumped', async () => {
    const s = await begin({ before: BIG_HASH, config: { limits: { bigKeyBytes: 1 << 20 } } });
    await resetCalls(s.source.direct);
    await write(s);
    expect(await s.outcome()).toEqual([]);
    const calls = await callsOf(s.source.direct);
    expect(calls.get('dump')).toBeUndefined();
    // a reading has some 50 chunks, and is begun three times at most
    expect(calls.get('hscan')).toBeLessThan(400);
    expect(s.ferry.counters.chunkedCopies).toBeGreaterThan(0);
    expect(s.ferry.counters.chunkedCopies).toBeLessThan(10);
  });

  it('25: few DUMPs right before its deadline too, where every write is a copy', async () => {
    const s = await begin({ before: BIG_HASH });
    const client = await s.client();
    await client.send('PEXPIRE', 'big', 900);
    await s.settled();
    await resetCalls(s.source.direct);
    await write(s);
    await s.settled();
    const calls = await callsOf(s.source.direct);
    expect(calls.get('dump')).toBeLessThan(150);
    await pause(1000);
    expect(await s.outcome()).toEqual([]);
  });
});

describe('ways to diverge 32: old values on the target', () => {
  async function step(s: Scenario, to: PhaseName): Promise<void> {
    expect(await s.ferry.control.changePhase({ to })).toMatchObject({ ok: true });
  }

  const READS = [
    ...['GET changed', 'GET deleted', 'GET same', 'HGETALL hash', 'LRANGE list 0 -1', 'EXISTS ghost', 'TYPE ghost'],
    ...['STRLEN changed', 'TTL volatile', 'SISMEMBER set old', 'GET expired', 'ZSCORE zset m', 'XLEN stream'],
  ];
  /** What the target has kept from another time. */
  const OLD = [
    ...[
      'SET changed old',
      'SET deleted old',
      'SET same same',
      'HSET hash f old g old',
      'RPUSH list old',
      'SET ghost old',
    ],
    ...['SET volatile v', 'SADD set old', 'SET expired old', 'ZADD zset 1 m', 'XADD stream 1-1 f old'],
  ];
  /** The source's truth. */
  const NEW = [
    ...['SET changed new!', 'SET same same', 'HSET hash f new', 'RPUSH list new', 'SET volatile v EX 1000'],
    ...['SADD set new', 'ZADD zset 2 m', 'XADD stream 2-1 f new', 'XADD stream 3-1 f new'],
  ];

  async function expectTruth(client: Wire, source: Wire): Promise<void> {
    for (const line of READS) {
      const [got, want] = [await sendAll(client, [line]), await sendAll(source, [line])];
      if (line.startsWith('TTL')) expect(Math.abs(Number(got[0]) - Number(want[0]))).toBeLessThan(2);
      else expect(got, line).toEqual(want);
    }
  }

  it('32: a target that was not empty when the migration began', async () => {
    const phase = 'target-read' as const;
    await withFerry({ ...servers, phase, onSource: NEW, onTarget: OLD }, async ({ ferry, client, source, target }) => {
      await expectTruth(client, source);
      expect(ferry.counters.targetReads).toBe(0);
      // writes that build on the source's values
      await sendAll(client, ['APPEND changed x', 'HSET hash h 1', 'RPUSH list more', 'DEL same', 'SADD set more']);
      await expectTruth(client, source);
      await ferry.control.backfill('start');
      await until(() => ferry.control.status().backfill.state !== 'running');
      expect(ferry.control.status().backfill.state).toBe('done');
      await expectTruth(client, source);
      expect(ferry.counters.targetReads).toBeGreaterThan(5);
      for (const line of READS.filter((line) => !line.startsWith('TTL'))) {
        expect(await sendAll(target, [line]), line).toEqual(await sendAll(source, [line]));
      }
    });
  });

  it.each([false, true])(
    '32: dual-write → source-only → dual-write (backfilled and verified before: %s)',
    async (backfilled) => {
      const s = await begin({ before: [['SET', 'expired', 'old', 'PX', '1']] });
      const client = await s.client();
      await sendAll(
        client,
        OLD.filter((line) => !line.includes('expired')),
      );
      if (backfilled) {
        await s.backfilled();
        expect(await s.verified()).toBe(true);
      }
      await s.settled();
      await step(s, 'target-read');
      await step(s, 'dual-write');
      await step(s, 'source-only');
      await sendAll(client, ['DEL changed deleted hash list set zset stream volatile ghost', ...NEW]);
      expect(texts([await s.target.direct.send('GET', 'changed')])).toEqual(['old']);
      await step(s, 'dual-write');
      await s.until('the mirror is connected', () => s.mirror.lane.isUp);
      await sendAll(client, ['APPEND changed x', 'HSET hash h 1', 'RPUSH list more', 'INCRBYFLOAT volatile2 0.5']);
      await step(s, 'target-read');
      await expectTruth(client, s.source.direct);
      expect(s.ferry.counters.targetReads).toBe(0);
      await s.backfilled();
      await expectTruth(client, s.source.direct);
      expect(s.ferry.counters.targetReads).toBeGreaterThan(5);
      expect(await s.outcome()).toEqual([]);
      expect(await s.verified()).toBe(true);
    },
  );
});
