/** While the backfill runs, keys that clients read are copied ahead of its scan (--warm-first). */
import { afterEach, expect, test } from 'vitest';
import type { ConfigOverrides } from '../../../src/config/config.js';
import { Stage } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';

const KEYS = 8000;
/** Slow enough that the scan alone would take minutes. */
const RATE = 100;

let stage: Stage;
afterEach(() => stage?.close());

async function open(config: ConfigOverrides = {}): Promise<{ client: Wire; target: Wire }> {
  stage = await Stage.open({ config });
  const source = await stage.onSource();
  await source.send('EVAL', `for i = 1, ${KEYS} do redis.call('SET', 'key:' .. i, i) end`, 0);
  await source.send('HSET', 'hash', 'field', 'value');
  await stage.goTo('dual-write');
  await stage.ferry.control.backfill('start', RATE);
  return { client: await stage.client(), target: await stage.onTarget() };
}

async function arrived(target: Wire, names: readonly string[]): Promise<number> {
  return Number(text(await target.send('EXISTS', ...names)));
}

const READ = Array.from({ length: 60 }, (_, i) => `key:${(i + 1) * 100}`);

async function readAll(client: Wire): Promise<void> {
  await Promise.all(READ.map((key) => client.send('GET', key)));
  await client.send('HGETALL', 'hash');
  await client.send('MGET', 'key:7', 'key:11');
}

test('what is read comes first, once, and the scan goes on at its own pace', async () => {
  const { client, target } = await open();
  const wanted = [...READ, 'hash', 'key:7', 'key:11', 'missing'];
  let rounds = 0;
  while ((await arrived(target, wanted)) < wanted.length - 1) {
    if (++rounds > 200) throw new Error(`not all came: ${JSON.stringify(stage.status.backfill)}`);
    await readAll(client);
    await client.send('GET', 'missing');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { backfill } = stage.status;
  expect(backfill.state).toBe('running');
  expect(backfill.scanned).toBeLessThan(KEYS / 2);
  expect(backfill.warmed).toBeGreaterThan(40);
  // each of them once, though it was read in every round; one more for the key that is not there
  expect(backfill.warmed).toBeLessThanOrEqual(wanted.length);

  // and they are not copied again by the scan
  await stage.ferry.control.backfill('resume', 0);
  await stage.until('it is done', (status) => status.backfill.state === 'done');
  expect(stage.status.backfill).toMatchObject({ scanned: KEYS + 1, copied: KEYS + 1, failed: 0 });
  const stats = text(await target.send('INFO', 'commandstats'));
  expect(Number(/cmdstat_restore:calls=(\d+)/.exec(stats)![1])).toBeLessThanOrEqual(KEYS + 4);
  expect(await stage.differences()).toEqual([]);
});

test('a rate is kept: what is read takes at most half of it', async () => {
  const { client } = await open();
  const startedMs = performance.now();
  for (let i = 1; performance.now() - startedMs < 2000; i++) {
    await Promise.all(Array.from({ length: 20 }, (_, j) => client.send('GET', `key:${((i * 20 + j) % KEYS) + 1}`)));
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const { warmed, scanned } = stage.status.backfill;
  expect(warmed).toBeGreaterThan(0);
  expect(warmed).toBeLessThanOrEqual((RATE * (seconds + 1)) / 2 + 1);
  expect(scanned).toBeGreaterThan(0);
});

test('not when it is switched off, not while it is paused, and not what is left out', async () => {
  const { client, target } = await open({
    backfill: { warmsFirst: false },
    scope: { include: [], exclude: ['key:6*'], includeDbs: [], excludeDbs: [] },
  });
  await readAll(client);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(stage.status.backfill.warmed).toBe(0);
  await stage.stop();
  await stage.start({ backfill: { warmsFirst: true, rateKeysPerSecond: RATE } });
  const again = await stage.client();
  await stage.ferry.control.backfill('pause');
  const before = stage.status.backfill.warmed;
  await readAll(again);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(stage.status.backfill.warmed).toBe(before);
  await stage.ferry.control.backfill('resume', 0);
  await stage.until('it is done', (status) => status.backfill.state === 'done');
  expect(await arrived(target, ['key:6', 'key:600', 'key:6000'])).toBe(0);
});
