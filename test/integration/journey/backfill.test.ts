/** The backfill as an operator meets it: rate, pause, resume, cancel, progress, a restart of Ferry, a used target. */
import { afterEach, describe, expect, test } from 'vitest';
import { withoutOwn } from '../../support/own-keys.js';
import { Load } from './load.js';
import { Stage, sleep } from './stage.js';
import { list, text, type Wire } from './wire.js';

let stage: Stage;
afterEach(() => stage?.close());

async function fill(server: Wire, keys: number): Promise<void> {
  await Promise.all(Array.from({ length: keys }, (_, i) => server.send('SET', `key ${i}`, `value ${i}`)));
}

async function opened(keys: number): Promise<Wire> {
  stage = await Stage.open();
  const source = await stage.onSource();
  await fill(source, keys);
  await stage.goTo('dual-write');
  return source;
}

async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`http://127.0.0.1:${stage.ferry.adminPort}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function callsOf(server: Wire, command: string): Promise<number> {
  const stats = text(await server.send('INFO', 'commandstats'));
  const [, calls = 0, failed = 0] =
    new RegExp(`^cmdstat_${command}:calls=(\\d+),.*failed_calls=(\\d+)`, 'm').exec(stats) ?? [];
  return Number(calls) - Number(failed); // Ferry asks what it may do by calls that fail
}

describe('the backfill', () => {
  test('keeps to its rate, and tells how far it is and how long it will take', async () => {
    await opened(2000);
    const startedMs = performance.now();
    expect(await post('/api/backfill', { action: 'start', rate: 2000 })).toMatchObject({
      status: 202,
      body: { backfill: { state: 'running' } },
    });
    await stage.until('a quarter is done', ({ backfill }) => backfill.scanned > 500);
    const { backfill } = stage.status;
    expect(backfill).toMatchObject({ state: 'running', estimated: 2000, failed: 0 });
    expect(backfill.copied).toBeLessThanOrEqual(backfill.scanned);
    expect(backfill.keysPerSecond).toBeLessThan(2600);
    expect(backfill.etaSeconds).toBe(Math.ceil((2000 - backfill.scanned) / backfill.keysPerSecond));
    // a second start is none
    expect(await post('/api/backfill', { action: 'start' })).toMatchObject({ status: 202 });
    expect(stage.status.backfill.scanned).toBeGreaterThan(500);
    await stage.until('it is done', (status) => status.backfill.state === 'done');
    expect(performance.now() - startedMs).toBeGreaterThan(900);
    expect(stage.status.backfill).toMatchObject({ scanned: 2000, copied: 2000, failed: 0, etaSeconds: null });
    expect(await stage.differences()).toEqual([]);
  });

  test('another rate counts from when it was set, and a pause is not made up for', async () => {
    await opened(20_000);
    await stage.ferry.control.backfill('start', 5000);
    await stage.until('a part is done', ({ backfill }) => backfill.scanned > 2000);
    await stage.ferry.control.backfill('resume', 500);
    const { scanned } = stage.status.backfill;
    await stage.until('it goes on', ({ backfill }) => backfill.scanned > scanned + 100, 5000);
    await stage.ferry.control.backfill('pause');
    await stage.until('copies under way are over', ({ backfill }) => backfill.copied === backfill.scanned);
    const paused = stage.status.backfill.scanned;
    await sleep(3000);
    await stage.ferry.control.backfill('resume');
    const resumedMs = performance.now();
    await stage.until('it goes on again', ({ backfill }) => backfill.scanned > paused + 50);
    const most = 500 * ((performance.now() - resumedMs) / 1000 + 0.1);
    expect(stage.status.backfill.scanned - paused).toBeLessThan(most + 500);
  });

  test('stands still while paused, goes on where it was, and is forgotten when cancelled', async () => {
    await opened(3000);
    await stage.ferry.control.backfill('start', 3000);
    await stage.until('a part is done', ({ backfill }) => backfill.scanned > 500);
    await stage.ferry.control.backfill('pause');
    await stage.until('copies under way are over', ({ backfill }) => backfill.copied === backfill.scanned);
    const { scanned, copied } = stage.status.backfill;
    await sleep(200);
    expect(stage.status.backfill).toMatchObject({ state: 'paused', scanned, copied, etaSeconds: null });
    expect(scanned).toBeLessThan(3000);
    const target = await stage.onTarget();
    expect(withoutOwn(list(await target.send('KEYS', '*')).map(text))).toHaveLength(copied);
    await stage.ferry.control.backfill('resume', 0);
    await stage.until('it is done', ({ backfill }) => backfill.state === 'done');
    expect(stage.status.backfill).toMatchObject({ scanned: 3000, copied: 3000 });
    expect(await callsOf(target, 'restore')).toBe(3000);

    await stage.ferry.control.backfill('start', 1000);
    await sleep(100);
    await stage.ferry.control.backfill('cancel');
    expect(stage.status.backfill).toMatchObject({ state: 'idle', scanned: 0, copied: 0 });
    expect((await stage.phase('target-read')).ok).toBe(true);
    expect(await stage.phase('target-first')).toMatchObject({ ok: false });
    await stage.backfill();
    expect(stage.status.backfill).toMatchObject({ state: 'done', scanned: 3000, copied: 3000 });
    expect(await stage.differences()).toEqual([]);
  });

  test('goes on after a restart of Ferry from its cursor, and stays paused if it was', async () => {
    const source = await opened(6000);
    await stage.ferry.control.backfill('start', 2000);
    await stage.until('the cursor was saved', ({ backfill }) => backfill.scanned > 2700);
    const { scanned } = stage.status.backfill;
    await stage.stop();
    await source.send('CONFIG', 'RESETSTAT');
    // what was written while no Ferry ran must be found as well
    await source.send('SET', 'key 0', 'changed');
    await source.send('DEL', 'key 1');
    await stage.start();
    await stage.until('it is done', ({ backfill }) => backfill.state === 'done');
    const copiedAgain = await callsOf(source, 'dump');
    expect(copiedAgain).toBeGreaterThanOrEqual(6000 - scanned - 1);
    expect(copiedAgain).toBeLessThan(5000);
    await stage.verify(true);
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);

    await stage.ferry.control.backfill('start', 2000);
    await stage.until('a part is done', ({ backfill }) => backfill.scanned > 100);
    await stage.ferry.control.backfill('pause');
    await stage.stop();
    await stage.start();
    expect(stage.status.backfill.state).toBe('paused');
    await sleep(100);
    expect(stage.status.backfill.state).toBe('paused');
    await stage.ferry.control.backfill('resume', 0);
    await stage.until('it is done', ({ backfill }) => backfill.state === 'done');
  });

  test('carries every database, under live writes, and clears a target that was not empty', async () => {
    stage = await Stage.open();
    const [source, target] = await Promise.all([stage.onSource(), stage.onTarget()]);
    for (const db of [0, 1, 9, 15]) {
      await source.send('SELECT', db);
      await fill(source, 300);
      await source.send('HSET', 'hash', 'db', db);
      await source.send('SET', 'expires', 'x', 'EX', 10_000);
    }
    // on the target: an old value, another type, keys of its own, and databases that the source does not use
    for (const db of [0, 1, 3]) {
      await target.send('SELECT', db);
      await target.send('MSET', 'key 0', 'old', 'hash', 'a string', 'ghost', 'x', 'load:counter', '1000000');
      await target.send('RPUSH', 'key 7', 'a list');
      await target.send('RPUSH', 'load:0:string', 'a list');
      await target.send('SET', 'expires', 'without');
    }
    await stage.goTo('dual-write');
    await stage.goTo('target-read');
    const loads = [0, 1, 3].map((db) => new Load(stage.ferry.port, { clients: 2, db, pauseMs: 1 }));
    try {
      const reader = await stage.client();
      await stage.ferry.control.backfill('start', 3000);
      while (stage.status.backfill.state === 'running') {
        expect(text(await reader.send('GET', 'key 0'))).toBe('value 0');
        expect(text(await reader.send('EXISTS', 'ghost'))).toBe('0');
      }
      expect(stage.status.backfill.state).toBe('done');
      expect(await stage.verify()).toEqual([]);
      expect(list(await reader.send('MGET', 'ghost', 'key 7')).map(text)).toEqual(['(nil)', 'value 7']);
    } finally {
      await Promise.all(loads.map((load) => load.stop()));
    }
    for (const load of loads) expect(load.complaints).toEqual([]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});
