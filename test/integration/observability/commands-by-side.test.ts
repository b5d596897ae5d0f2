/** `ferry_commands_total{command,side}`: each command counts for the side that it was sent to, and no count ever goes back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../journey/stage.js';

const GETS = 50;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage?.close());

async function counted(): Promise<Record<string, number>> {
  const page = await (await fetch(`http://127.0.0.1:${stage.ferry.adminPort}/metrics`)).text();
  const samples = page.matchAll(/^ferry_commands_total\{command="(get|set)",side="(source|target)"\} (\d+)$/gm);
  return Object.fromEntries([...samples].map(([, command, side, count]) => [`${command} ${side}`, Number(count)]));
}

test('reads and writes through the phases', async () => {
  const client = await stage.client();
  const use = async (): Promise<void> => {
    await client.send('SET', 'key', 'v');
    await stage.settled();
    for (let i = 0; i < GETS; i++) await client.send('GET', 'key');
  };
  await use();
  expect(await counted()).toEqual({ 'set source': 1, 'get source': GETS });
  await stage.readyForCutover();
  await use();
  const moved = await counted();
  // a read may still meet the write before it
  expect(moved['get target']).toBeGreaterThan(GETS / 2);
  expect(moved).toEqual({
    'set source': 2,
    'get source': 2 * GETS - moved['get target']!,
    'get target': moved['get target'],
  });
  await stage.goTo('target-first');
  await use();
  const after = { ...moved, 'set target': 1, 'get target': moved['get target']! + GETS };
  expect(await counted()).toEqual(after);
  await stage.goTo('target-read');
  expect(await counted()).toEqual(after);
  await client.send('SET', 'key', 'v');
  expect(await counted()).toEqual({ ...after, 'set source': 3 });
});
