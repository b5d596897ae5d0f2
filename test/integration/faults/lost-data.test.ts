/**
 * An authority that comes back without its data, with --lost-data hold: the other side, which has everything, is left as it
 * is until somebody decides. Without it the mirror follows (lost-servers.test.ts).
 */
import { afterEach, describe, expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const KEYS = 1500;
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

let stage: Stage;
afterEach(() => stage?.close());

async function afterCutover(targetArgs: readonly string[]): Promise<void> {
  stage = await Stage.open({ targetArgs: [...targetArgs], config: { lostData: 'hold' } });
  const source = await stage.onSource();
  await Promise.all(Array.from({ length: KEYS }, (_, i) => source.send('SET', `key ${i}`, `value ${i}`)));
  await stage.readyForCutover();
  await stage.goTo('target-first');
}

async function emptied(): Promise<void> {
  await afterCutover([]);
  stage.target.kill();
  await stage.target.restart();
  await stage.until('the loss is told', ({ mirror }) => mirror.held !== '');
}

const left = async (): Promise<number> =>
  Number(text(await (await stage.onSource()).send('EXISTS', ...Array.from({ length: KEYS }, (_, i) => `key ${i}`))));

describe('a target that has the authority and comes back empty', () => {
  test('takes nothing from the source, and is served as it is', async () => {
    await emptied();
    expect(stage.status.mirror.held).toMatch(
      /^The target was restarted and has \d+ keys, where the source has 1,50\d: nothing is sent to the source\. ferry rollback --force gives/,
    );
    const client = await stage.client();
    expect(text(await client.send('GET', 'key 1'))).toBe('(nil)');
    await client.send('SET', 'key 2', 'new');
    await sleep(1500); // a repair would have begun
    expect(await left()).toBe(KEYS);
    expect(text(await (await stage.onSource()).send('GET', 'key 2'))).toBe('value 2');
    const refused = await stage.ferry.control.verify({ repair: true });
    expect(refused).toMatchObject({ ok: false, blockers: [{ code: 'data-lost' }] });
  });

  test('a forced rollback gives the authority to the source, which has everything', async () => {
    await emptied();
    expect(await stage.ferry.control.changePhase({ to: 'target-read', force: true })).toMatchObject({ ok: true });
    expect(stage.status.mirror.held).toBe('');
    await stage.settled();
    expect(text(await (await stage.client()).send('GET', 'key 1'))).toBe('value 1');
    expect(await left()).toBe(KEYS);
    expect(await stage.differences()).toEqual([]);
  });

  test('what it has is taken for right when somebody says so', async () => {
    await emptied();
    expect(await stage.ferry.control.verify({ repair: true, force: true })).toMatchObject({ ok: true });
    await stage.settled();
    await stage.until('the verification is over', ({ verify }) => verify.state === 'done');
    expect(await left()).toBe(0);
    expect(await stage.differences()).toEqual([]);
  });

  test('stays held when Ferry is restarted meanwhile', async () => {
    await afterCutover([]);
    await stage.stop();
    stage.target.kill();
    await stage.target.restart();
    await stage.start();
    await stage.until('the loss is told', ({ mirror }) => mirror.held !== '');
    await sleep(1000);
    expect(await left()).toBe(KEYS);
  });
});

test('one that comes back with its data is followed at once', async () => {
  await afterCutover(DURABLE);
  stage.target.kill();
  await stage.target.restart();
  const client = await stage.client();
  await client.send('SET', 'key 2', 'new');
  await stage.settled();
  expect(stage.status.mirror.held).toBe('');
  expect(text(await (await stage.onSource()).send('GET', 'key 2'))).toBe('new');
  expect(await stage.verify()).toEqual([]);
});
