/** The steps between the phases: what stands in their way, what a pause may cost, and the ways back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Load } from './load.js';
import { Stage, sleep } from './stage.js';
import { list, text, type Wire } from './wire.js';

let stage: Stage;
let source: Wire;
let target: Wire;
let client: Wire;

beforeEach(async () => {
  // it would begin to watch some time after the first EVAL, and want a new verification then
  stage = await Stage.open({ relays: true, config: { detectBypass: { mode: 'off' } } });
  [source, target, client] = await Promise.all([stage.onSource(), stage.onTarget(), stage.client()]);
  await Promise.all(Array.from({ length: 200 }, (_, i) => source.send('SET', `key ${i}`, `value ${i}`)));
});
afterEach(() => stage?.close());

/** The blockers of a step that must be refused. */
async function blockers(to: Parameters<Stage['phase']>[0], more = {}): Promise<string[]> {
  const result = await stage.phase(to, more);
  expect(result.ok, `${to} was not refused`).toBe(false);
  return result.ok ? [] : result.blockers.map(({ code }) => code).sort();
}

function stateOnDisk(): { phase: string; epoch: number } {
  return JSON.parse(readFileSync(join(stage.stateDir, 'state.json'), 'utf8'));
}

async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`http://127.0.0.1:${stage.ferry.adminPort}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

describe('guards of the cutover', () => {
  test('there is one step at a time, and only to a neighbour', async () => {
    expect(await blockers('target-read')).toEqual(['no-such-step']);
    expect(await blockers('target-first')).toEqual(['no-such-step']);
    expect(await blockers('target-only')).toEqual(['no-such-step']);
    const [first, second] = await Promise.all([stage.phase('dual-write'), stage.phase('dual-write')]);
    expect(first).toMatchObject({ ok: true });
    expect(second).toMatchObject({ ok: false, blockers: [{ code: 'busy' }] });
  });

  test('what was decided in another phase is refused: the same step may be one back by now', async () => {
    await stage.readyForCutover();
    await stage.goTo('target-first');
    const late = await post('/api/phase', { from: 'target-read', to: 'target-read', share: 50 });
    expect(late).toMatchObject({ status: 409, body: { blockers: [{ code: 'phase-changed' }] } });
    expect(await post('/api/abort', { from: 'target-read' })).toMatchObject({ status: 409 });
    expect(stage.status.phase).toBe('target-first');
    expect(await post('/api/phase', { from: 'target-first', to: 'target-read' })).toMatchObject({ status: 200 });
    expect(await post('/api/abort', { from: 'target-read' })).toMatchObject({ body: { phase: 'dual-write' } });
  });

  test('backfill, then verification, and after each what is still missing', async () => {
    await stage.goTo('dual-write');
    await stage.goTo('target-read');
    expect(await blockers('target-first')).toEqual(['backfill-incomplete', 'not-verified']);
    const answer = await post('/api/phase', { to: 'target-first' });
    expect(answer).toMatchObject({ status: 409, body: { error: expect.any(String), blockers: expect.any(Array) } });
    for (const { message } of answer.body.blockers as { message: string }[]) expect(message).toMatch(/^[A-Z].*\.$/);
    await stage.ferry.control.backfill('start', 100);
    expect(await blockers('target-first')).toContain('backfill-incomplete');
    await stage.ferry.control.backfill('resume', 0);
    await stage.backfill();
    expect(await blockers('target-first')).toEqual(['not-verified']);
    await target.send('SET', 'key 7', 'planted');
    expect(await stage.verify()).toHaveLength(1);
    expect(await blockers('target-first')).toEqual(['not-verified']);
    await stage.verify(true);
    expect(await blockers('target-first')).toEqual(['not-verified']);
    expect(await stage.verify()).toEqual([]);
    expect(await stage.phase('target-first')).toMatchObject({ ok: true });
    expect(stage.status).toMatchObject({ phase: 'target-first', authority: 'target' });
  });

  test('dirty keys block it, and no force passes them', async () => {
    await stage.readyForCutover();
    await target.send('CONFIG', 'SET', 'maxmemory', 1);
    expect(text(await client.send('SET', 'key 1', 'refused by the target'))).toBe('OK');
    await stage.until('the key is dirty', ({ mirror }) => mirror.dirtyKeys > 0);
    expect(await blockers('target-first')).toContain('dirty');
    expect(await blockers('target-first', { force: true })).toEqual(['dirty']);
    await target.send('CONFIG', 'SET', 'maxmemory', 0);
    await stage.settled();
    expect(await stage.phase('target-first')).toMatchObject({ ok: true });
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('a verification that found differences blocks it, whatever an earlier one said', async () => {
    await stage.readyForCutover();
    expect(await stage.phase('target-first', { dryRun: true })).toMatchObject({ ok: true });
    await target.send('SET', 'only there', 'x');
    expect(await stage.verify()).toMatchObject([{ kind: 'extra' }]);
    expect(await blockers('target-first')).toEqual(['not-verified']);
    expect(await stage.verify(true)).toMatchObject([{ kind: 'extra' }]);
    await stage.settled();
    expect(await blockers('target-first')).toEqual(['not-verified']);
    expect(await stage.verify()).toEqual([]);
    expect(await stage.phase('target-first', { dryRun: true })).toMatchObject({ ok: true });
  });

  test('a running verification and a target that evicts block it', async () => {
    await stage.readyForCutover();
    await stage.ferry.control.verify({ repair: false });
    expect(await blockers('target-first')).toContain('verification-running');
    await stage.until('it is over', ({ verify }) => verify.state === 'done');
    await target.send('CONFIG', 'SET', 'maxmemory', '1gb', 'maxmemory-policy', 'allkeys-lru');
    expect(await blockers('target-first')).toEqual(['target-evicts']);
    await target.send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    expect(await stage.phase('target-first', { dryRun: true })).toMatchObject({ ok: true });
    await target.send('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await stage.phase('target-first', { force: true })).toMatchObject({ ok: true });
  });
});

test('a share is of target-read alone: elsewhere it changes nothing', async () => {
  await stage.goTo('dual-write');
  expect(await stage.phase('dual-write', { share: 40 })).toMatchObject({ ok: true });
  expect(stage.status).toMatchObject({ phase: 'dual-write', share: 100 });
  expect(await stage.phase('source-only', { share: 40 })).toMatchObject({ ok: true });
  expect(stage.status).toMatchObject({ phase: 'source-only', share: 100 });
});

describe('the pause', () => {
  test('a dry run measures it and changes nothing', async () => {
    await stage.readyForCutover();
    const before = stateOnDisk();
    const load = new Load(stage.ferry.port);
    await load.more(20);
    for (let i = 0; i < 3; i++) {
      const result = await stage.phase('target-first', { dryRun: true });
      expect(result).toMatchObject({ ok: true, pauseMs: expect.any(Number) });
      expect(result.ok && result.pauseMs).toBeGreaterThan(0);
      await load.more(10);
    }
    expect(stateOnDisk()).toEqual(before);
    expect(stage.status).toMatchObject({ phase: 'target-read', epoch: before.epoch, lastCutover: null });
    await load.stop();
    expect(load.complaints).toEqual([]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('what comes behind the drain counts, too: it is given up before it begins, as a dry run says', async () => {
    await stage.readyForCutover();
    const before = stateOnDisk();
    for (const dryRun of [true, false]) {
      expect(await blockers('target-first', { maxPauseMs: 0.01, dryRun })).toEqual(['pause-too-long']);
    }
    expect(stateOnDisk()).toEqual(before);
    expect(stage.status).toMatchObject({ phase: 'target-read', lastCutover: null });
    expect(text(await client.send('SET', 'key', 'goes on'))).toBe('OK');
    expect(await stage.phase('target-first', { maxPauseMs: 5000 })).toMatchObject({ ok: true });
  });

  test('a step that was slow once does not stand in the way of the next one', async () => {
    await stage.close();
    let isSlow = true;
    const at = (moment: string): void => {
      const untilMs = performance.now() + 400;
      while (isSlow && moment === 'state-saved' && performance.now() < untilMs);
    };
    stage = await Stage.open({ config: { detectBypass: { mode: 'off' } }, hooks: { at } });
    await stage.readyForCutover();
    isSlow = false;
    expect(await stage.phase('target-first', { maxPauseMs: 300 })).toMatchObject({ ok: true });
  });

  test('a longer one than allowed is given up, and everybody goes on', async () => {
    await stage.readyForCutover();
    const before = stateOnDisk();
    stage.relay('source').hold('client');
    const slow = client.send('SET', 'key 1', 'slow');
    slow.catch(() => {}); // where this test fails before it waits for it
    const load = new Load(stage.ferry.port, { clients: 3 });
    await sleep(50);
    expect(await blockers('target-first', { maxPauseMs: 100 })).toEqual(['drain-timeout']);
    expect(stateOnDisk()).toEqual(before);
    expect(stage.status).toMatchObject({ phase: 'target-read', lastCutover: null });
    stage.relay('source').release('client');
    expect(text(await slow)).toBe('OK');
    await load.more(10);

    // an acknowledgement of the mirror that does not come holds it up as well
    stage.relay('target').hold('mirror');
    expect(text(await client.send('SET', 'key 2', 'slow'))).toBe('OK');
    const step = stage.phase('target-first', { maxPauseMs: 5000 });
    await sleep(300);
    expect(stage.status.phase).toBe('target-read');
    stage.relay('target').release('mirror');
    const result = await step;
    expect(result).toMatchObject({ ok: true });
    expect(stage.status.lastCutover).toMatchObject({ from: 'target-read', to: 'target-first' });
    expect(stage.status.lastCutover?.pauseMs).toBe(result.ok ? result.pauseMs : 0);
    expect(result.ok && result.pauseMs).toBeGreaterThan(0);
    await load.more(10);
    await load.stop();
    expect(load.complaints).toEqual([]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});

describe('ways back and forth', () => {
  test('cutover, rollback, cutover, finalize: clients keep their connection and all of its state', async () => {
    await client.send('SELECT', 2);
    await client.send('CLIENT', 'SETNAME', 'steady');
    await stage.readyForCutover();
    await client.send('MULTI');
    await client.send('INCR', 'steps');
    const sides: Record<string, Wire> = { source, target };
    const steps = ['target-first', 'target-read', 'target-first', 'target-only'] as const;
    for (const [i, to] of steps.entries()) {
      expect(await post('/api/phase', { to })).toMatchObject({ status: 200, body: { phase: to, epoch: 4 + i } });
      expect(stateOnDisk()).toMatchObject({ phase: to, epoch: 4 + i });
      expect(text(await client.send('GET', 'steps'))).toBe('QUEUED');
      expect(list(await client.send('EXEC')).map(text)).toEqual([String(i + 1), String(i + 1)]);
      expect(text(await client.send('CLIENT', 'GETNAME'))).toBe('steady');
      await stage.settled();
      const follower = sides[stage.status.authority === 'source' ? 'target' : 'source']!;
      await follower.send('SELECT', 2);
      if (to !== 'target-only') expect(text(await follower.send('GET', 'steps'))).toBe(String(i + 1));
      await client.send('MULTI');
      await client.send('INCR', 'steps');
    }
    // the source is left alone now, and there is no way back
    expect(text(await source.send('GET', 'steps'))).toBe('3');
    expect(await stage.phase('target-first')).toMatchObject({ ok: false, error: expect.stringMatching(/finalized/) });
    expect(await stage.ferry.control.abort()).toMatchObject({ ok: false, blockers: [{ code: 'finalized' }] });
    const leaving = await stage.ferry.control.leave();
    expect(leaving).toMatchObject({ ok: true, pointTo: stage.relay('target').url, reasons: [] });
    expect(await stage.ferry.control.verify({ repair: false })).toMatchObject({ ok: false });
    await stage.stop();
    await stage.start();
    expect(stage.status).toMatchObject({ phase: 'target-only', authority: 'target', epoch: 7 });
  });

  test('a phase survives a restart of Ferry, and so do the ways from there', async () => {
    await stage.readyForCutover();
    await stage.goTo('target-first');
    await client.send('SET', 'key 1', 'after the cutover');
    await stage.stop();
    await stage.start();
    expect(stage.status).toMatchObject({ phase: 'target-first', authority: 'target' });
    expect(stage.status.lastCutover).toMatchObject({ to: 'target-first' });
    const again = await stage.client();
    expect(text(await again.send('GET', 'key 1'))).toBe('after the cutover');
    await again.send('SET', 'key 2', 'after the restart');
    await stage.until('nothing is verified or repaired', ({ verify }) => verify.state !== 'running');
    await stage.settled();
    expect(await stage.phase('target-read')).toMatchObject({ ok: true });
    expect(text(await source.send('GET', 'key 2'))).toBe('after the restart');
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('abort goes to the safest phase', async () => {
    await stage.goTo('dual-write');
    await stage.goTo('target-read');
    await stage.ferry.control.backfill('start', 100);
    expect(await post('/api/abort', {})).toMatchObject({ status: 200, body: { phase: 'dual-write' } });
    expect(stage.status.backfill.state).toBe('paused');
    expect(await post('/api/abort', {})).toMatchObject({ status: 200, body: { phase: 'dual-write' } });
    await stage.ferry.control.backfill('resume', 0);
    await stage.readyForCutover();
    await stage.goTo('target-first');
    await client.send('SET', 'key 1', 'on the target first');
    expect(await stage.ferry.control.abort()).toMatchObject({ ok: true });
    expect(stage.status).toMatchObject({ phase: 'target-read', authority: 'source' });
    expect(text(await source.send('GET', 'key 1'))).toBe('on the target first');
  });

  test('leaving dual-write forgets what is known: what changes then is found when it begins again', async () => {
    await stage.readyForCutover();
    await stage.goTo('dual-write');
    await stage.goTo('source-only');
    await client.send('SET', 'key 1', 'while nobody follows');
    await client.send('DEL', 'key 2');
    expect(text(await target.send('GET', 'key 1'))).toBe('value 1');
    await stage.goTo('dual-write');
    await stage.goTo('target-read');
    expect(text(await client.send('GET', 'key 1'))).toBe('while nobody follows');
    expect(text(await client.send('GET', 'key 2'))).toBe('(nil)');
    expect(await blockers('target-first')).toEqual(['backfill-incomplete', 'not-verified']);
    await stage.backfill();
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);
    expect(await stage.phase('target-first')).toMatchObject({ ok: true });
  });
});
