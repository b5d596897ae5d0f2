/** Ways to diverge 20: what is under way when the authority changes (WATCH: integration/watch; EVALSHA: integration/scripts). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';

let stage: Stage;
let client: Wire;

beforeEach(async () => {
  stage = await Stage.open({ relays: true });
  client = await stage.client();
  await client.send('SET', 'k', 'v');
  await stage.readyForCutover();
});
afterEach(() => stage?.close());

async function equalInTheEnd(): Promise<void> {
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
}

describe('ways to diverge 20', () => {
  test('20: a read that fell back to the source is answered before the source becomes the mirror', async () => {
    await (await stage.onTarget()).send('DEL', 'k');
    stage.relay('source').hold('client');
    const read = client.send('GET', 'k');
    await sleep(100);
    const step = stage.phase('target-first', { force: true });
    await sleep(100);
    expect(stage.status.phase).toBe('target-read');
    stage.relay('source').release('client');
    expect(text(await read)).toBe('v');
    await step;
  });

  test('20: one command that hangs does not make the pause endless, and nothing was changed', async () => {
    const other = await stage.client();
    stage.relay('source').hold('client');
    const hanging = client.send('SET', 'k', 'late');
    await sleep(20);
    expect(await stage.phase('target-first', { maxPauseMs: 200 })).toMatchObject({
      ok: false,
      blockers: [{ code: 'drain-timeout' }],
    });
    expect(stage.status.phase).toBe('target-read');
    const waiting = other.send('SET', 'other', 'v');
    stage.relay('source').release('client');
    expect([text(await hanging), text(await waiting)]).toEqual(['OK', 'OK']);
    await stage.goTo('target-first');
    await equalInTheEnd();
  });

  test('20: a write of unknown outcome is not forgotten', async () => {
    stage.relay('source').hold('client');
    const lost = client.send('APPEND', 'k', 'x').then(text, () => 'closed');
    await sleep(50);
    stage.relay('source').cut('client');
    stage.relay('source').release('client');
    // at once: the key may differ, and the connection may not be dead yet
    const early = await stage.phase('target-first');
    expect(await lost).toBe('closed');
    if (!early.ok) {
      for (let tries = 0; tries < 100 && !(await stage.phase('target-first')).ok; tries++) await sleep(50);
    }
    expect(stage.status.phase).toBe('target-first');
    const again = await stage.client();
    expect(['v', 'vx']).toContain(text(await again.send('GET', 'k')));
    await equalInTheEnd();
  });
});
