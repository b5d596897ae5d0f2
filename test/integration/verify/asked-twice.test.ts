/** A verification is asked for while one runs: what is answered and recorded is what happens. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open({ relays: true });
  const client = await stage.client();
  for (let i = 0; i < 10; i++) await client.send('SET', `key ${i}`, 'right');
  await stage.backfill();
  await (await stage.onTarget()).send('SET', 'key 5', 'wrong');
});
afterEach(() => stage?.close());

const onTarget = async (): Promise<string> => text(await (await stage.onTarget()).send('GET', 'key 5'));
const recorded = (): string[] => stage.ferry.control.report().history.map(({ event }) => event);
const isOver = (): Promise<void> => stage.until('it is over', ({ verify }) => verify.state === 'done');

/** It does not get to its end until that is told. */
async function running(repair: boolean): Promise<() => Promise<void>> {
  stage.relay('target').hold('verify');
  expect(await stage.ferry.control.verify({ repair })).toEqual({ ok: true });
  return async () => {
    stage.relay('target').release('verify');
    await isOver();
  };
}

test('one without repair: with repair is refused, and nothing is repaired', async () => {
  const { control, adminPort } = stage.ferry;
  const finish = await running(false);
  const answer = await fetch(`http://127.0.0.1:${adminPort}/api/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"repair":true}',
  });
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({
    error: expect.stringContaining('without repair is under way'),
    blockers: [{ code: 'verification-running' }],
  });
  const cli = await runFerry(['verify', '--repair'], { FERRY_ADMIN: `http://127.0.0.1:${adminPort}` });
  expect(cli).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('without repair is under way') });
  expect(await control.verify({ repair: false })).toMatchObject({ ok: true, note: expect.stringContaining('already') });
  await finish();
  expect(stage.status.verify).toMatchObject({ clean: false, differences: { value: 1 } });
  expect(await onTarget()).toBe('wrong');
  expect(recorded().filter((event) => event.includes('with repair'))).toEqual([]);
  expect(recorded()).toContain('verification asked for: one without repair was under way');
  // and when it is over it is done
  expect(await control.verify({ repair: true })).toEqual({ ok: true });
  await isOver();
  await stage.settled();
  expect(await onTarget()).toBe('right');
});

test('one with repair, as after a restart: whoever asks, with or without, joins it and is told', async () => {
  const { control, adminPort } = stage.ferry;
  const finish = await running(true);
  expect(await control.verify({ repair: true })).toMatchObject({
    ok: true,
    note: expect.stringContaining('with repair'),
  });
  const cli = await runFerry(['verify', '--no-wait', '--json'], { FERRY_ADMIN: `http://127.0.0.1:${adminPort}` });
  expect(cli).toMatchObject({ code: 0, stderr: expect.stringContaining('A verification with repair was under way') });
  expect(JSON.parse(cli.stdout)).toMatchObject({ verify: { state: 'running' } });
  await finish();
  await stage.settled();
  expect(await onTarget()).toBe('right');
  expect(recorded()).toContain('verification asked for: one with repair was under way');
});
