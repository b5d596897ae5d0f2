/** `ferry_backfill_keys_total`: a counter, so no backfill that begins anew takes anything back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../journey/stage.js';
import { fill } from '../preflight/looking.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
  await fill(await stage.onSource(), 100, (i) => ['SET', `key:${i}`, i]);
});
afterAll(() => stage?.close());

async function copied(): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${stage.ferry.adminPort}/metrics`)).text();
  return Number(/^ferry_backfill_keys_total\{result="copied"\} (\d+)$/m.exec(page)?.[1]);
}

test('one after the other, and what is cancelled', async () => {
  await stage.backfill();
  expect(await copied()).toBe(100);
  await stage.ferry.control.backfill('cancel');
  expect(await copied()).toBe(100);
  await stage.backfill();
  expect(stage.status.backfill.copied).toBe(100);
  expect(await copied()).toBe(200);
  await stage.goTo('source-only');
  expect(stage.status.backfill.copied).toBe(0);
  expect(await copied()).toBe(200);
});
