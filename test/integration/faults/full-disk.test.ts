/**
 * A state directory that cannot be written while Ferry runs, as on a full disk: no step is taken, and nobody else notices.
 * A directory of the name that a save writes to first stands in the way, so that no disk need be filled.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

function savedPhase(): string {
  return JSON.parse(readFileSync(join(stage.stateDir, 'state.json'), 'utf8')).phase;
}

/** What puts an end to it. */
function fillDisk(): () => void {
  const inTheWay = ['state.json.new', 'state.json.draft'].map((name) => join(stage.stateDir, name));
  for (const path of inTheWay) mkdirSync(path);
  return () => {
    for (const path of inTheWay) rmSync(path, { recursive: true });
  };
}

test('clients are served through whatever happens then, a step says what is wrong, and Ferry can be stopped', async () => {
  stage = await Stage.open();
  await stage.readyForCutover();
  const client = await stage.client();
  const makeRoom = fillDisk();
  await expect(stage.phase('target-first')).rejects.toThrow(
    `The state directory ${stage.stateDir} cannot be written (EISDIR`,
  );
  expect(text(await client.send('SET', 'key', 'after the step'))).toBe('OK');
  // all that was known of it is to be forgotten, on disk too
  await stage.target.restart();
  await eventually('the new process', 10_000, async () => (stage.status.target.state === 'up' ? '' : 'target'));
  expect(text(await client.send('SET', 'key', 'after the restart'))).toBe('OK');
  expect(stage.status).toMatchObject({ phase: 'target-read', authority: 'source' });
  await stage.stop();
  makeRoom();
  await stage.start();
  expect(stage.status).toMatchObject({ phase: 'target-read', authority: 'source' });
  await stage.readyForCutover();
  expect(await stage.differences()).toEqual([]);
});

test('a step whose last save fails was not taken, and no later save says that it was', async () => {
  const state = (): string => join(stage.stateDir, 'state.json');
  let isFull = true;
  const at = (moment: string): void => {
    if (!isFull || moment !== 'drained') return;
    rmSync(state());
    mkdirSync(state());
  };
  stage = await Stage.open({ hooks: { at } });
  isFull = false;
  await stage.readyForCutover();
  isFull = true;
  const { epoch } = stage.status;
  await expect(stage.phase('target-first')).rejects.toThrow('cannot be written');
  expect(stage.status).toMatchObject({ phase: 'target-read', authority: 'source', epoch });
  expect(text(await (await stage.client()).send('SET', 'key', 'goes on'))).toBe('OK');
  expect(text(await (await stage.onSource()).send('GET', 'key'))).toBe('goes on');
  isFull = false;
  rmSync(state(), { recursive: true });
  await stage.ferry.control.backfill('cancel'); // it saves
  await eventually('the save', 5000, async () => (savedPhase() === 'target-read' ? '' : savedPhase()));
  await stage.readyForCutover();
  await stage.goTo('target-first');
  expect(savedPhase()).toBe('target-first');
});
