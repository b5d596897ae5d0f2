/** Ferry is killed while it carries traffic. After it started again nothing may be lost, old or different. */
import { afterEach, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { FerryProcess } from '../journey/process.js';
import { Stage, sleep } from '../journey/stage.js';

let stage: Stage;
let ferry: FerryProcess;
afterEach(async () => {
  await ferry?.kill();
  await stage?.close();
});

const isSettled = ({ mirror }: Awaited<ReturnType<FerryProcess['status']>>): boolean =>
  mirror.dirtyKeys + mirror.dirtySlots + mirror.backlogOps + mirror.uncertain === 0;

test.each(['dual-write', 'target-read', 'target-first'] as const)(
  'killed in %s, again and again: no stale read meanwhile, and both sides are made equal',
  async (phase) => {
    stage = await Stage.open({ ferry: false });
    const source = await stage.onSource();
    await Promise.all(Array.from({ length: 1000 }, (_, i) => source.send('HSET', `hash ${i}`, 'f', i)));
    const args = ['--source', stage.source.url, '--target', stage.target.url, '--state-dir', stage.stateDir];
    ferry = await FerryProcess.prepare(args);
    await ferry.start();
    await ferry.phase({ to: 'dual-write' });
    await ferry.backfill();
    expect(await ferry.verify()).toBe(0);
    if (phase !== 'dual-write') await ferry.phase({ to: 'target-read' });
    if (phase === 'target-first') await ferry.phase({ to: 'target-first' });
    const load = new Load(ferry.port, { clients: 8, mayClose: true });
    try {
      for (let kills = 0; kills < 2; kills++) {
        await load.more(60);
        await sleep(kills * 7);
        await ferry.kill();
        await ferry.start();
        expect((await ferry.status()).phase).toBe(phase);
      }
      await load.more(60);
      await ferry.until('everything is repaired', ({ mirror }) => mirror.dirtySlots === 0);
      await load.more(20);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBeGreaterThan(0);
    await ferry.until('everything is repaired', isSettled);
    expect(await stage.differences()).toEqual([]);
    expect(await ferry.verify()).toBe(0);
    if (phase === 'target-read') await ferry.phase({ to: 'target-first' });
    if (phase === 'target-first') await ferry.phase({ to: 'target-read' });
  },
);

test('killed during the backfill: it goes on, and its end is complete', async () => {
  stage = await Stage.open({ ferry: false });
  const [source, target] = [await stage.onSource(), await stage.onTarget()];
  await Promise.all(Array.from({ length: 4000 }, (_, i) => source.send('SET', `key ${i}`, i)));
  await target.send('SET', 'ghost', 'x');
  const args = ['--source', stage.source.url, '--target', stage.target.url, '--state-dir', stage.stateDir];
  ferry = await FerryProcess.prepare([...args, '--backfill-rate', '2000']);
  await ferry.start();
  await ferry.phase({ to: 'dual-write' });
  await ferry.phase({ to: 'target-read' });
  const load = new Load(ferry.port, { clients: 2, mayClose: true, pauseMs: 2 });
  try {
    await ferry.startBackfill();
    await ferry.until('a part of it is done', ({ backfill }) => backfill.scanned > 2200);
    await ferry.kill();
    await ferry.start();
    expect((await ferry.status()).backfill.state).toBe('running');
    await ferry.until('the backfill is done', (status) => status.backfill.state === 'done');
  } finally {
    await load.stop();
  }
  expect(load.complaints).toEqual([]);
  await ferry.until('everything is repaired', isSettled);
  expect(await stage.differences()).toEqual([]);
});
