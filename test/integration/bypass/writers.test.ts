/**
 * Case 12: what changes on the authority without passing through Ferry. Each fault is shown with detection off, and what
 * detection makes of it when it is on, or comes on by itself.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigOverrides } from '../../../src/config/config.js';
import type { BypassWatch } from '../../../src/jobs/bypass/watch.js';
import { withoutOwn } from '../../support/own-keys.js';
import { pause, Scenario, type Servers, startServers, stopServers } from '../divergence/scenario.js';
import type { Wire } from '../write-commands/wire.js';

let servers: Servers;
let scenario: Scenario;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(() => scenario.stop());
afterAll(() => stopServers(servers));

type Mode = 'on' | 'off' | 'auto';

async function play(mode: Mode, config: ConfigOverrides = {}, before: string[][] = []): Promise<Scenario> {
  scenario = await Scenario.start(servers, { config: { ...config, detectBypass: { mode } }, before });
  if (mode === 'on') await live();
  return scenario;
}

const bypass = (): ReturnType<Scenario['ferry']['control']['status']>['bypass'] =>
  scenario.ferry.control.status().bypass;

function live(): Promise<void> {
  return scenario.until('changes are reported', () => bypass().state === 'on');
}

/** Everything that was reported until now was looked at, and what came of it is over. */
async function outcome(): Promise<string[]> {
  const { detection } = (scenario.ferry.control as unknown as { parts: { bypass: BypassWatch } }).parts.bypass;
  await pause(150);
  await scenario.until('all reports were looked at', () => detection.isIdle);
  return scenario.outcome();
}

/** Backfilled and verified: every key is known. */
async function ready(): Promise<Wire> {
  const client = await scenario.client();
  for (const [key, value] of [
    ['a', '1'],
    ['b', '2'],
    ['gone', '3'],
  ])
    await client.send('SET', key!, value!);
  await scenario.backfilled();
  expect(await scenario.verified()).toBe(true);
  return client;
}

describe('case 12: another program writes to the source', () => {
  async function writeBeside(): Promise<string[]> {
    const client = await ready();
    const { direct } = scenario.source;
    await direct.send('SET', 'a', 'foreign');
    await direct.send('DEL', 'gone');
    await direct.send('RPUSH', 'new', 'x', 'y');
    await client.send('INCR', 'b');
    return outcome();
  }

  test('case 12: its keys are found and copied [tracking]', async () => {
    await play('on');
    expect(await writeBeside()).toEqual([]);
    expect(bypass()).toMatchObject({ state: 'on', found: 3 });
  });
  test('case 12, detection off: the sides differ and nobody knows', async () => {
    await play('off');
    expect((await writeBeside()).map((line) => line.split(':')[0])).toEqual(['a', 'gone', 'new']);
    expect(scenario.board.dirty.isClean).toBe(true);
  });

  /** HSET of other fields: no reply shows that somebody else writes the hash too. */
  async function writeHotKey(): Promise<string[]> {
    const client = await ready();
    const { direct } = scenario.source;
    for (let i = 0; i < 200; i++) {
      // one after the other: what a server executes in one turn of its loop it reports as one change
      await client.send('HSET', 'hot', `own ${i}`, 'x');
      if (i % 10 === 0) await direct.send('HSET', 'hot', `foreign ${i}`, 'x');
    }
    return outcome();
  }

  test('case 12: also on keys that Ferry writes all the time [tracking]', async () => {
    await play('on');
    expect(await writeHotKey()).toEqual([]);
    expect(bypass().found).toBeGreaterThan(0);
  });
  test('case 12, detection off: also on such a key', async () => {
    await play('off');
    expect(await writeHotKey()).toEqual([expect.stringMatching(/^hot: /)]);
  });

  test('case 12: in whichever database: reports do not tell it', async () => {
    await play('on');
    const client = await ready();
    await client.send('SELECT', 3);
    await client.send('SET', 'a', 'in three');
    await scenario.settled();
    await scenario.source.direct.send('SELECT', 3);
    await scenario.source.direct.send('SET', 'a', 'foreign in three');
    await scenario.source.direct.send('SELECT', 0);
    expect(await outcome()).toEqual([]);
    const { target } = scenario;
    await target.direct.send('SELECT', 3);
    expect(String(await target.direct.send('GET', 'a'))).toBe('foreign in three');
    await target.direct.send('SELECT', 0);
  });

  test('case 12: FLUSHALL beside Ferry', async () => {
    await play('on');
    await ready();
    await pause(300);
    await scenario.source.direct.send('FLUSHALL');
    await scenario.until('it was seen', () => bypass().found > 0);
    expect(await outcome()).toEqual([]);
    expect(withoutOwn(((await scenario.target.direct.send('KEYS', '*')) as Buffer[]).map(String))).toEqual([]);
  });
});

describe('case 12: a script writes a key that it does not declare', () => {
  async function runScript(): Promise<string[]> {
    const client = await ready();
    await client.send('EVAL', "redis.call('SET', KEYS[1], 'x') redis.call('SET', 'undeclared', 'y')", '1', 'declared');
    return outcome();
  }
  test('case 12: it is found and copied [tracking]', async () => {
    await play('on');
    expect(await runScript()).toEqual([]);
    expect(bypass().found).toBe(1);
  });
  test('case 12, detection off: only the declared key follows', async () => {
    await play('off');
    expect(await runScript()).toEqual([expect.stringMatching(/^undeclared: /)]);
  });
});

describe('what is no bypass makes no copies', () => {
  test('writes of clients, whatever they are', async () => {
    await play('on');
    const client = await ready();
    const copies = scenario.board.counters.ops.copy;
    const { repairs } = scenario.ferry.counters;
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < 300; i++) {
      sent.push(client.send('INCR', 'b'), client.send('SET', `k${i}`, i), client.send('HSET', `h${i % 7}`, `f${i}`, i));
      sent.push(client.send('PFADD', 'hll', i), client.send('PFCOUNT', 'hll'));
      if (i % 3 === 0) sent.push(client.send('MULTI'), client.send('SET', 'm', i), client.send('EXEC'));
      if (i % 10 === 0) await pause(1);
    }
    await Promise.all(sent);
    expect(await outcome()).toEqual([]);
    expect(bypass()).toMatchObject({ state: 'on', found: 0 });
    expect(scenario.ferry.counters.repairs).toBe(repairs);
    expect(scenario.board.counters.ops.copy).toBe(copies);
    expect(await scenario.verified()).toBe(true);
  });

  test('case 9: keys that expire, on both sides by themselves', async () => {
    await play('on');
    const client = await ready();
    const { repairs } = scenario.ferry.counters;
    for (let i = 0; i < 500; i++) void client.send('SET', `short${i}`, i, 'PX', 100 + (i % 300));
    await client.send('SET', 'limit', '1', 'PX', 50);
    for (let i = 0; i < 50; i++) {
      await client.send('INCR', 'limit');
      await client.send('PEXPIRE', 'limit', 20);
      await pause(10);
    }
    await pause(800);
    expect(await outcome()).toEqual([]);
    expect(bypass().found).toBe(0);
    // INCR near the deadline is copied or marked for its own reasons (case 9); the 500 others cost nothing
    expect(scenario.ferry.counters.repairs - repairs).toBeLessThan(60);
  });
});

describe('a cutover after a bypass', () => {
  test('needs a verification that began later', async () => {
    await play('on');
    await ready();
    await scenario.source.direct.send('SET', 'a', 'foreign');
    await scenario.until('it was found', () => bypass().found === 1);
    await outcome();
    await scenario.ferry.control.changePhase({ to: 'target-read' });
    const refused = await scenario.ferry.control.changePhase({ to: 'target-first' });
    expect(refused).toMatchObject({ ok: false, blockers: [{ code: 'not-verified' }] });
    expect(await scenario.verified()).toBe(true);
    expect(await scenario.ferry.control.changePhase({ to: 'target-first' })).toMatchObject({ ok: true });
    // the target is watched now, and was without a gap: the way back needs nothing
    await live();
    expect(await scenario.ferry.control.changePhase({ to: 'target-read' })).toMatchObject({ ok: true });
  });

  test('a change in the last moment is not carried over unseen', async () => {
    await play('on');
    const client = await ready();
    await scenario.ferry.control.changePhase({ to: 'target-read' });
    const report = scenario.source.relay.hold('tracker', 'replies');
    await scenario.source.direct.send('SET', 'a', 'foreign');
    await report.reached();
    const step = scenario.ferry.control.changePhase({ to: 'target-first' });
    await pause(50);
    report.release();
    expect(await step).toMatchObject({ ok: false, blockers: [{ code: 'dirty' }, { code: 'not-verified' }] });
    await client.send('PING');
    expect(await outcome()).toEqual([]);
  });

  test('after the cutover changes beside Ferry on the target are found', async () => {
    await play('on');
    await ready();
    await scenario.ferry.control.changePhase({ to: 'target-read' });
    await scenario.ferry.control.changePhase({ to: 'target-first' });
    await live();
    await scenario.target.direct.send('SET', 'a', 'foreign');
    expect(await outcome()).toEqual([]);
    expect(String(await scenario.source.direct.send('GET', 'a'))).toBe('foreign');
  });

  test('with detection off the cutover says what is not covered', async () => {
    await play('off');
    await ready();
    await scenario.ferry.control.changePhase({ to: 'target-read' });
    const done = await scenario.ferry.control.changePhase({ to: 'target-first' });
    expect(done).toMatchObject({ ok: true, note: expect.stringContaining('other writers') });
  });
});

describe('a gap', () => {
  test('in the reports: what was verified before it does not count any more', async () => {
    await play('on');
    await ready();
    const { hazards } = scenario.migration;
    scenario.source.relay.connection('tracker').cut();
    await scenario.until('a hazard', () => scenario.migration.hazards > hazards);
    expect(scenario.migration.lastHazard).toMatch(/not watched/);
    await live();
    expect(scenario.board.known.allKnown).toBe(false);
  });
});

describe('auto', () => {
  test('case 12: comes on when another client writes', async () => {
    await play('auto');
    await ready();
    expect(bypass()).toMatchObject({ mode: 'auto', state: 'off', sign: '' });
    const until = performance.now() + 10_000;
    while (bypass().state !== 'on' && performance.now() < until) {
      await scenario.source.direct.send('SET', 'a', performance.now());
      await pause(50);
    }
    expect(bypass()).toMatchObject({ state: 'on', sign: expect.stringMatching(/writes to .*\(set\)/) });
    await scenario.source.direct.send('SET', 'a', 'the last one');
    await scenario.source.direct.send('SET', 'late', '1');
    expect(await outcome()).toEqual([]);
    expect(scenario.migration.lastHazard).not.toBe('');
  });

  test('case 12: comes on when scripts run', async () => {
    await play('auto');
    const client = await ready();
    await client.send('EVAL', 'return 1', '0');
    await live();
    expect(bypass().sign).toMatch(/EVAL/);
    await client.send('EVAL', "redis.call('SET', 'undeclared', 'y')", '0');
    expect(await outcome()).toEqual([]);
  });

  test('readers, monitors and idle connections are no sign', async () => {
    await play('auto');
    await ready();
    const { direct } = scenario.source;
    for (let i = 0; i < 10; i++) {
      await direct.send('GET', 'a');
      await direct.send('INFO');
      await pause(300);
    }
    expect(bypass()).toMatchObject({ state: 'off', sign: '' });
  });

  test('above its rate it asks: the cutover is blocked until it is forced', async () => {
    scenario = await Scenario.start(servers, { config: { detectBypass: { mode: 'auto', maxWritesPerSecond: 0 } } });
    const client = await ready();
    await client.send('EVAL', 'return 1', '0');
    let isOver = false;
    const writing = (async () => {
      while (!isOver) {
        await client.send('SET', 'b', performance.now());
        await pause(5);
      }
    })();
    await scenario.until('it asks', () => bypass().state === 'asks');
    await pause(1500);
    expect(bypass().state).toBe('asks');
    expect(await scenario.verified()).toBe(true);
    await scenario.ferry.control.changePhase({ to: 'target-read' });
    const refused = await scenario.ferry.control.changePhase({ to: 'target-first' });
    expect(refused).toMatchObject({ ok: false, blockers: [{ code: 'uncovered-writers' }] });
    expect(await scenario.ferry.control.changePhase({ to: 'target-first', force: true })).toMatchObject({ ok: true });
    isOver = true;
    await writing;
  });
});
