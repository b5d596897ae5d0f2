/** Servers that are killed and come back, with their data or empty, under clients that never stop. */
import { afterEach, describe, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { Pipe } from '../journey/pipe.js';
import { Stage, type StageOptions, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

let stage: Stage;
afterEach(() => stage?.close());

async function open(args: StageOptions): Promise<void> {
  stage = await Stage.open(args);
  const source = await stage.onSource();
  await Promise.all(Array.from({ length: 1500 }, (_, i) => source.send('SET', `key ${i}`, `value ${i}`)));
}

function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const late = sleep(ms).then(() => {
    throw new Error(`${what} took longer than ${ms} ms`);
  });
  return Promise.race([work, late]);
}

describe('the side that follows is killed under load', () => {
  test.each([
    ['dual-write', 'with its data', DURABLE],
    ['dual-write', 'empty', []],
    ['target-read', 'with its data', DURABLE],
    ['target-read', 'empty', []],
  ] as const)('in %s, and comes back %s: clients notice nothing, and it is made equal', async (phase, _how, args) => {
    await open({ targetArgs: [...args] });
    const load = new Load(stage.ferry.port, { clients: 8 });
    try {
      await stage.readyForCutover();
      if (phase === 'dual-write') await stage.goTo('dual-write');
      await load.more(20);
      stage.target.kill();
      await load.more(40);
      await stage.until('the target is seen to be down', ({ target }) => target.state === 'down');
      expect(stage.status.mirror.dirtyKeys).toBeGreaterThan(0);
      const client = await stage.client();
      await client.send('DEL', 'key 1', 'key 2');
      await client.send('SET', 'key 3', 'meanwhile');
      await stage.target.restart();
      await load.more(40);
      await stage.until('the backfill is done', ({ backfill }) => backfill.state === 'done');
      await stage.settled();
      expect(text(await client.send('GET', 'key 3'))).toBe('meanwhile');
      expect(text(await client.send('EXISTS', 'key 1'))).toBe('0');
      expect(await stage.verify()).toEqual([]);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    if (phase === 'dual-write') await stage.goTo('target-read');
    await stage.goTo('target-first');
  });

  test('after the cutover too, and then there is a way back', async () => {
    await open({ sourceArgs: DURABLE });
    const load = new Load(stage.ferry.port, { clients: 6 });
    try {
      await stage.readyForCutover();
      await stage.goTo('target-first');
      await load.more(10);
      stage.source.kill();
      await load.more(30);
      await stage.source.restart();
      await load.more(10);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-read');
  });

  test('with ack: both, too: a write is acknowledged once its key is known to be dirty', async () => {
    await open({ targetArgs: DURABLE, config: { ack: 'both' } });
    const load = new Load(stage.ferry.port, { clients: 4 });
    try {
      await stage.backfill();
      await load.more(20);
      stage.target.kill();
      await load.more(20);
      await stage.target.restart();
      await load.more(20);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('one that is frozen holds nobody up while it follows, and catches up when it goes on', async () => {
    await open({});
    await stage.backfill();
    const load = new Load(stage.ferry.port, { clients: 4 });
    const { pid } = stage.target;
    try {
      await load.more(10);
      process.kill(pid, 'SIGSTOP');
      await load.more(100);
      expect(stage.status.mirror.backlogOps).toBeGreaterThan(100);
    } finally {
      process.kill(pid, 'SIGCONT');
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    await stage.settled();
    expect(stage.ferry.counters.selfCheckMismatches).toBe(0);
    expect(await stage.differences()).toEqual([]);
  });

  test('while it is away steps are refused or taken, and none hangs', async () => {
    await open({});
    await stage.readyForCutover();
    const client = await stage.client();
    stage.target.kill();
    await client.send('SET', 'key 1', 'dirty');
    await stage.until('it is seen', ({ target, mirror }) => target.state === 'down' && mirror.dirtyKeys > 0);
    const refused = await within(15_000, 'the cutover', stage.phase('target-first', { force: true }));
    expect(refused.ok ? [] : refused.blockers.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['mirror-down', 'dirty']),
    );
    expect(
      await within(
        15_000,
        'verify',
        stage.verify().catch((error: Error) => error.message),
      ),
    ).toMatch(/failed/);
    expect(text(await within(15_000, 'SELECT', client.send('SELECT', 9)))).toBe('OK');
    expect(text(await client.send('SET', 'in a new database', 'x'))).toBe('OK');
    expect(await within(15_000, 'abort', stage.ferry.control.abort())).toMatchObject({ ok: true });
    expect(await within(15_000, 'going back', stage.phase('source-only'))).toMatchObject({ ok: true });
    expect(text(await client.send('GET', 'in a new database'))).toBe('x');
    const again = await within(15_000, 'going forward', stage.phase('dual-write'));
    expect(again.ok).toBe(false);
    await stage.target.restart();
    await stage.until('it is back', ({ target }) => target.state === 'up');
    await stage.goTo('dual-write');
    await stage.backfill();
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('Ferry starts again without it, and makes it equal when it is back', async () => {
    await open({ targetArgs: DURABLE });
    await stage.readyForCutover();
    await stage.stop();
    stage.target.kill();
    await stage.start();
    expect(stage.status).toMatchObject({ phase: 'target-read', target: { state: 'down' } });
    const client = await stage.client();
    for (let i = 0; i < 50; i++) await client.send('SET', `key ${i}`, 'meanwhile');
    for (let i = 50; i < 100; i++) await client.send('DEL', `key ${i}`);
    await stage.target.restart();
    await stage.settled();
    expect(text(await client.send('GET', 'key 49'))).toBe('meanwhile');
    expect(text(await client.send('GET', 'key 50'))).toBe('(nil)');
    expect(await stage.differences()).toEqual([]);
    expect(await stage.phase('target-first')).toMatchObject({ ok: false });
    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-first');
  });
});

describe('the side with authority is killed under load', () => {
  test.each(['dual-write', 'target-read', 'target-first'] as const)(
    'in %s: clients are closed as by a dying Redis, nothing acknowledged is lost, and both sides are made equal',
    async (phase) => {
      await open({ sourceArgs: DURABLE, targetArgs: DURABLE });
      await stage.readyForCutover();
      if (phase !== 'target-read') await stage.goTo(phase);
      const authority = phase === 'target-first' ? stage.target : stage.source;
      const load = new Load(stage.ferry.port, { clients: 8, mayClose: true });
      try {
        for (let i = 0; i < 2; i++) {
          await load.more(20);
          authority.kill();
          await sleep(300);
          await authority.restart();
        }
        await load.more(40);
      } finally {
        await load.stop();
      }
      expect(load.complaints).toEqual([]);
      await stage.settled();
      expect(await stage.differences()).toEqual([]);
      expect(await stage.verify()).toEqual([]);
    },
  );

  test('while it is away a client is closed, and never told that a write may have happened which was not sent', async () => {
    await open({ sourceArgs: DURABLE });
    await stage.goTo('dual-write');
    const [reader, writer] = [await Pipe.open(stage.ferry.port), await Pipe.open(stage.ferry.port)];
    await Promise.all([reader.ask('PING'), writer.ask('SET', 'key 1', 'before')]);
    stage.source.kill();
    await stage.until('it is seen', ({ source }) => source.state === 'down');
    expect((await fetch(`http://127.0.0.1:${stage.ferry.adminPort}/readyz`)).status).toBe(503);
    const replies = await within(
      40_000,
      'an answer',
      Promise.all([reader.ask('GET', 'key 1'), writer.ask('SET', 'key 1', 'x')]),
    );
    expect(replies.map(text).join()).toBe('(error) the connection was closed,(error) the connection was closed');
    await stage.source.restart();
    await stage.until('it is back', ({ source }) => source.state === 'up');
    const next = await Pipe.open(stage.ferry.port);
    expect(text(await next.ask('GET', 'key 1'))).toBe('before');
    next.close();
  });

  test('a short absence is waited for: what was not sent is sent then', async () => {
    await open({ sourceArgs: DURABLE });
    await stage.goTo('dual-write');
    const client = await Pipe.open(stage.ferry.port);
    await client.ask('SET', 'key 1', 'before');
    stage.source.kill();
    await stage.until('it is seen', ({ source }) => source.state === 'down');
    const replies = client.batch([
      ['SET', 'key 1', 'after'],
      ['GET', 'key 1'],
      ['INCR', 'n'],
    ]);
    await stage.source.restart();
    expect((await within(40_000, 'an answer', replies)).map(text)).toEqual(['OK', 'after', '1']);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    client.close();
  });
});
