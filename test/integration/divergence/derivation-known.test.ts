/**
 * Ways to diverge 25, 31 and 32: what builds on a value that the mirror does not have, or has in another state.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { defaultConfig, type PhaseName } from '../../../src/config/config.js';
import { Wire } from '../write-commands/wire.js';
import { callsOf, resetCalls } from './command-stats.js';
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

describe('ways to diverge 31: an input that the mirror does not have, or has in another state', () => {
  interface InputCase {
    readonly name: string;
    /** Makes the inputs. */
    readonly given: readonly string[];
    /** Changes an input; the mirror refuses this command. */
    readonly change: string;
    /** Reads inputs into another key. */
    readonly reads: string;
    /** The keys it makes. */
    readonly makes: readonly string[];
  }

  const CASES: readonly InputCase[] = [
    {
      name: 'rename',
      given: ['RPUSH {k}in a'],
      change: 'RPUSH {k}in b',
      reads: 'RENAME {k}in {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'renamenx',
      given: ['SET {k}in a'],
      change: 'APPEND {k}in b',
      reads: 'RENAMENX {k}in {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'copy',
      given: ['HSET {k}in f a'],
      change: 'HSET {k}in f b',
      reads: 'COPY {k}in {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'smove',
      given: ['SADD {k}in a', 'SADD {k}out x'],
      change: 'SADD {k}in b',
      reads: 'SMOVE {k}in {k}out b',
      makes: ['{k}in', '{k}out'],
    },
    {
      name: 'lmove',
      given: ['RPUSH {k}in a'],
      change: 'RPUSH {k}in b',
      reads: 'LMOVE {k}in {k}out RIGHT LEFT',
      makes: ['{k}in', '{k}out'],
    },
    {
      name: 'rpoplpush',
      given: ['RPUSH {k}in a'],
      change: 'RPUSH {k}in b',
      reads: 'RPOPLPUSH {k}in {k}out',
      makes: ['{k}in', '{k}out'],
    },
    {
      name: 'sunionstore',
      given: ['SADD {k}in a'],
      change: 'SADD {k}in b',
      reads: 'SUNIONSTORE {k}out {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'sinterstore',
      given: ['SADD {k}in a', 'SADD {k}in2 a b'],
      change: 'SADD {k}in b',
      reads: 'SINTERSTORE {k}out {k}in {k}in2',
      makes: ['{k}out'],
    },
    {
      name: 'sdiffstore',
      given: ['SADD {k}in a b', 'SADD {k}in2 a'],
      change: 'SADD {k}in2 b',
      reads: 'SDIFFSTORE {k}out {k}in {k}in2',
      makes: ['{k}out'],
    },
    {
      name: 'zunionstore',
      given: ['ZADD {k}in 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZUNIONSTORE {k}out 1 {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'zinterstore',
      given: ['ZADD {k}in 1 a', 'ZADD {k}in2 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZINTERSTORE {k}out 2 {k}in {k}in2',
      makes: ['{k}out'],
    },
    {
      name: 'zdiffstore',
      given: ['ZADD {k}in 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZDIFFSTORE {k}out 1 {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'zrangestore',
      given: ['ZADD {k}in 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZRANGESTORE {k}out {k}in 0 -1',
      makes: ['{k}out'],
    },
    {
      name: 'bitop',
      given: ['SET {k}in a'],
      change: 'SETRANGE {k}in 0 b',
      reads: 'BITOP NOT {k}out {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'pfmerge',
      given: ['PFADD {k}in a'],
      change: 'PFADD {k}in b c d',
      reads: 'PFMERGE {k}out {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'geosearchstore',
      given: ['GEOADD {k}in 13 38 a'],
      change: 'GEOADD {k}in 13.1 38 a',
      reads: 'GEOSEARCHSTORE {k}out {k}in FROMLONLAT 13 38 BYRADIUS 99 km',
      makes: ['{k}out'],
    },
    {
      name: 'georadius',
      given: ['GEOADD {k}in 13 38 a'],
      change: 'GEOADD {k}in 13.1 38 a',
      reads: 'GEORADIUS {k}in 13 38 99 km STORE {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'sort',
      given: ['RPUSH {k}in 2 1'],
      change: 'RPUSH {k}in 0',
      reads: 'SORT {k}in STORE {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'eval',
      given: ['SET {k}in a'],
      change: 'APPEND {k}in b',
      reads: "EVAL redis.call('SET',KEYS[2],redis.call('GET',KEYS[1])) 2 {k}in {k}out",
      makes: ['{k}out'],
    },
  ];
  const lines = (one: InputCase, ...lines: string[]): string[] =>
    lines.map((line) => line.replaceAll('{k}', `{${one.name}}`));
  const made = (one: InputCase): string[] => one.makes.map((key) => key.replaceAll('{k}', `{${one.name}}`));

  /** The mirror refuses the command until it is allowed again. */
  async function deny(s: Scenario, commands: readonly string[]): Promise<void> {
    await s.target.direct.send('ACL', 'SETUSER', 'default', ...commands.map((name) => `-${name.toLowerCase()}`));
  }
  async function allow(s: Scenario): Promise<void> {
    await s.target.direct.send('ACL', 'SETUSER', 'default', '+@all');
  }
  afterEach(async () => {
    if (scenario !== null) await allow(scenario);
  });

  it('31: an unknown input is not read on the mirror', async () => {
    const given = CASES.flatMap((one) => lines(one, ...one.given));
    const s = await begin({ before: given.map((line) => line.split(' ')) });
    const client = await s.client();
    for (const one of CASES) expect((await sendAll(client, lines(one, one.reads)))[0]).not.toMatch(/^-/);
    const left = (await s.outcome()).map((difference) => difference.split(':')[0]);
    // what nobody wrote waits for the backfill, and nothing else does
    expect(left.filter((key) => CASES.some((one) => made(one).includes(key!)))).toEqual([]);
    await s.backfilled();
    expect(await s.outcome()).toEqual([]);
  });

  /** Every case's change, refused by the mirror, and in the same pipeline the command that reads it. */
  async function refusedThenRead(s: Scenario): Promise<void> {
    const client = await s.client();
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, ...one.given)),
    );
    await s.settled();
    expect(await s.differences()).toEqual([]);
    for (const one of CASES) {
      await deny(s, [one.change.split(' ')[0]!]);
      // so that the refusal is not known yet when the second reply comes
      const held = s.target.relay.hold('mirror', 'replies');
      const replies = await sendAll(client, lines(one, one.change, one.reads));
      held.release();
      expect(
        replies.filter((reply) => reply.startsWith('-')),
        one.name,
      ).toEqual([]);
      await s.until('the refusal is known', () => s.board.ledger.openTotal === 0);
      await allow(s);
    }
  }

  it('31: an input whose last write the mirror refused is not read there', async () => {
    const s = await begin();
    await refusedThenRead(s);
    expect(await s.outcome()).toEqual([]);
  });

  it('31: the fault without the rule: replayed although the input was not acknowledged', async () => {
    const s = await begin();
    (s.mirror as unknown as { base: { isQuiet: () => boolean } }).base.isQuiet = () => true;
    // nor does a difference that shows make everything unknown
    s.mirror.mismatched = (effect) => s.mirror.markDirty(effect);
    await refusedThenRead(s);
    const wrong = (await s.outcome()).map((difference) => difference.split(':')[0]);
    expect(wrong).toContain('{rename}out');
    expect(wrong).toContain('{zrangestore}out');
    expect(wrong.length).toBeGreaterThan(4);
  });

  it('31: an input that is dirty, and whose repair has not come yet, is not read there', async () => {
    const s = await begin();
    const client = await s.client();
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, ...one.given)),
    );
    await s.settled();
    await deny(
      s,
      CASES.map((one) => one.change.split(' ')[0]!),
    );
    const held = s.source.relay.hold('copy', 'requests');
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, one.change)),
    );
    await s.until('the refusals are known', () => s.board.dirty.size >= CASES.length);
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, one.reads)),
    );
    await allow(s);
    held.release();
    expect(await s.outcome()).toEqual([]);
  });

  it('31: inputs in a pipeline of several clients, all of them in a hurry', async () => {
    const s = await begin({ before: CASES.flatMap((one) => lines(one, ...one.given)).map((line) => line.split(' ')) });
    const clients = await Promise.all([s.client('ann'), s.client('bob'), s.client()]);
    const all = CASES.flatMap((one) => lines(one, one.change, one.reads, ...one.given));
    await s.ferry.control.backfill('start');
    for (let round = 0; round < 5; round++) {
      await Promise.all(clients.map((client, i) => sendAll(client, [...all.slice(i * 7), ...all.slice(0, i * 7)])));
    }
    expect(await s.outcome()).toEqual([]);
  });
});

describe('ways to diverge 32: old values on the target', () => {
  async function step(s: { ferry: Ferry }, to: PhaseName): Promise<void> {
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
    for (const [server, data] of [
      [servers.source, NEW],
      [servers.target, OLD],
    ] as const) {
      const wire = await Wire.open(server.port);
      await wire.send('FLUSHALL');
      await sendAll(wire, data);
      wire.close();
    }
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-divergence-'));
    const anywhere = { host: '127.0.0.1', port: 0 };
    const config = defaultConfig({
      source: servers.source.url,
      target: servers.target.url,
      stateDir,
      listen: anywhere,
      admin: anywhere,
      phase: 'target-read',
      adopt: true,
    });
    const ferry = await startFerry(config);
    const [client, source, target] = await Promise.all(
      [ferry.port, servers.source.port, servers.target.port].map((port) => Wire.open(port)),
    );
    try {
      await expectTruth(client!, source!);
      expect(ferry.counters.targetReads).toBe(0);
      // a write that builds on the source's value
      await sendAll(client!, ['APPEND changed x', 'HSET hash h 1', 'RPUSH list more', 'DEL same', 'SADD set more']);
      await expectTruth(client!, source!);
      await ferry.control.backfill('start');
      for (let ms = 0; ferry.control.status().backfill.state === 'running' && ms < 5000; ms++) await pause(1);
      expect(ferry.control.status().backfill.state).toBe('done');
      await expectTruth(client!, source!);
      expect(ferry.counters.targetReads).toBeGreaterThan(5);
      for (const line of READS.filter((line) => !line.startsWith('TTL'))) {
        expect(await sendAll(target!, [line]), line).toEqual(await sendAll(source!, [line]));
      }
    } finally {
      for (const wire of [client, source, target]) wire?.close();
      await ferry.stop();
      rmSync(stateDir, { recursive: true });
    }
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
