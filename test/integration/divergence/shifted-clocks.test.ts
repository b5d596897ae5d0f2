/**
 * Ways to diverge 28 with servers that really live at other times: the source two hours ahead, the target behind. What
 * streams remember of their deliveries must be the same moments on both, however they came there.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { ShiftedClock } from '../../support/shifted-clock.js';
import { Stage } from '../journey/stage.js';
import type { Wire } from '../journey/wire.js';

const SOURCE_AHEAD_MS = 2 * 3_600_000;
const TARGET_AHEAD_MS = -90_000;
const TOLERANCE_MS = 1000;

let stage: Stage | null = null;
let clocks: ShiftedClock[] = [];
afterEach(async () => {
  await stage?.close();
  stage = null;
  for (const clock of clocks) clock.remove();
  clocks = [];
});

async function open(): Promise<{ client: Wire; source: Wire; target: Wire }> {
  const [source, target] = [new ShiftedClock(SOURCE_AHEAD_MS), new ShiftedClock(TARGET_AHEAD_MS)];
  clocks = [source, target];
  const env = { source: source.env, target: target.env };
  stage = await Stage.open({ env, config: { limits: { bigKeyBytes: 16 * 1024 } } });
  return { client: await stage.client(), source: await stage.onSource(), target: await stage.onTarget() };
}

async function deliver(client: Wire, key: string, entries = 3): Promise<void> {
  for (let i = 1; i <= entries; i++) await client.send('XADD', key, `${i}-1`, 'f', 'v'.repeat(20));
  await client.send('XGROUP', 'CREATE', key, 'g', '0');
  await client.send('XREADGROUP', 'GROUP', 'g', 'ann', 'COUNT', '2', 'STREAMS', key, '>');
  await client.send('XREADGROUP', 'GROUP', 'g', 'bob', 'STREAMS', key, '>');
  await client.send('XCLAIM', key, 'g', 'ann', '0', '3-1', 'IDLE', '5000');
}

/** [id, consumer, idle ms, deliveries] of each pending entry. */
function pending(wire: Wire, key: string): Promise<[string, string, number, number][]> {
  return wire.send('XPENDING', key, 'g', '-', '+', '100000').then((reply) => {
    const entries = reply as [Buffer, Buffer, number, number][];
    return entries.map(([id, consumer, idle, count]) => [String(id), String(consumer), idle, count]);
  });
}

async function expectSame(source: Wire, target: Wire, key: string): Promise<void> {
  const [here, there] = await Promise.all([pending(source, key), pending(target, key)]);
  expect(here.length).toBeGreaterThan(0);
  expect(there.map(([id, consumer, , count]) => [id, consumer, count])).toEqual(
    here.map(([id, consumer, , count]) => [id, consumer, count]),
  );
  here.forEach(([, , idle], i) => void expect(Math.abs(idle - there[i]![2])).toBeLessThan(TOLERANCE_MS));
}

describe('clocks that are apart', () => {
  it('28: deliveries are copied, mirrored and restored as the moments that they were', async () => {
    const { client, source, target } = await open();
    await deliver(source, 'copied');
    await deliver(source, 'copied in pieces', 1500);
    await new Promise((resolve) => setTimeout(resolve, 2 * TOLERANCE_MS));
    await stage!.backfill();
    await deliver(client, 'mirrored');
    const payload = (await source.send('DUMP', 'copied')) as Buffer;
    await client.send('RESTORE', 'restored', '0', payload);
    await stage!.settled();
    for (const key of ['copied', 'copied in pieces', 'mirrored', 'restored']) await expectSame(source, target, key);
    expect(await stage!.verify()).toEqual([]);
  });

  it('28: a verification sees a delivery at another moment, although the bytes are the same', async () => {
    const { source, target } = await open();
    await deliver(source, 'stream');
    await stage!.backfill();
    const payload = (await source.send('DUMP', 'stream')) as Buffer;
    await target.send('RESTORE', 'stream', '0', payload, 'REPLACE');
    expect(await stage!.verify()).toMatchObject([{ kind: 'value', source: expect.stringContaining('delivery time') }]);
    await stage!.verify(true);
    await stage!.settled();
    await expectSame(source, target, 'stream');
  });
});
