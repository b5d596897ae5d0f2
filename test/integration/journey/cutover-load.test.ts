/** Cutover and rollback, again and again, under clients that pipeline: none of them may notice anything but a pause. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Load } from './load.js';
import { Stage, sleep } from './stage.js';

const CYCLES = 5;
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
  await stage.goTo('dual-write');
});
afterAll(() => stage?.close());

test('pipelining clients see no error and nothing old over cycles of cutover and rollback', async () => {
  const load = new Load(stage.ferry.port, { clients: 10 });
  const inAnotherDb = new Load(stage.ferry.port, { clients: 3, db: 4, pauseMs: 1 });
  const pausesMs: number[] = [];
  try {
    await load.more(20);
    await stage.readyForCutover();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      pausesMs.push(await step('target-first'));
      await load.more(20);
      pausesMs.push(await step('target-read'));
      await load.more(20);
      if (cycle % 2 === 0) expect(await stage.verify()).toEqual([]);
    }
    pausesMs.push(await step('target-first'));
    await load.more(20);
    await stage.goTo('target-only');
    await load.more(20);
  } finally {
    await Promise.all([load.stop(), inAnotherDb.stop()]);
  }
  expect([...load.complaints, ...inAnotherDb.complaints]).toEqual([]);
  expect(load.closes + inAnotherDb.closes).toBe(0);
  expect(Math.min(...pausesMs)).toBeGreaterThan(0);
  expect(stage.ferry.counters.selfCheckMismatches).toBe(0);
});

/** A key may be dirty for a moment; then the step is refused, and asked for again. */
async function step(to: 'target-first' | 'target-read'): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const result = await stage.phase(to);
    if (result.ok) {
      // before anybody writes again nothing may differ: what was drained is on both sides
      return result.pauseMs ?? 0;
    }
    if (attempt === 10) throw new Error(`${to} was refused: ${JSON.stringify(result)}`);
    await sleep(50);
  }
}
