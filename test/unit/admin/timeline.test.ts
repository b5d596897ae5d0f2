/** Samples of the last minutes, from totals that grow. */
import { expect, test } from 'vitest';
import { Timeline } from '../../../src/admin/timeline.js';
import { LatencyHistogram } from '../../../src/observe/histogram.js';

function readingOf(source: LatencyHistogram, mirrorOps = 0) {
  const durations = { source, target: new LatencyHistogram() };
  return { durations, mirrorOps, mirrorLagMs: 1.234, backlogOps: 2, backlogBytes: 3, dirtyKeys: 4 };
}

test('each sample is of its own second', () => {
  const source = new LatencyHistogram();
  const timeline = new Timeline(0);
  for (let i = 1; i <= 100; i++) source.record(i === 100 ? 50_000 : 1000);
  timeline.tick(readingOf(source, 40), 1000, 10_000);
  for (let i = 0; i < 10; i++) source.record(20);
  timeline.tick(readingOf(source, 50), 3000, 12_000);
  timeline.tick(readingOf(source, 50), 4000, 13_000);
  const [first, second, third] = timeline.since(0);
  expect(first).toMatchObject({ at: 10_000, mirrorPerSecond: 40, mirrorLagMs: 1.2, backlogOps: 2, dirtyKeys: 4 });
  expect(first?.source.perSecond).toBe(100);
  expect(first?.source.p50Ms).toBeCloseTo(1, 1);
  expect(first?.source.p99Ms).toBeCloseTo(1, 1);
  expect(second?.source).toEqual({ perSecond: 5, p50Ms: 0.02, p99Ms: 0.02 });
  expect(second?.mirrorPerSecond).toBe(5);
  expect(third?.source).toEqual({ perSecond: 0, p50Ms: null, p99Ms: null });
  expect(timeline.since(12_000)).toEqual([third]);
});

test('it keeps five minutes, in order even when the clock is set back', () => {
  const timeline = new Timeline(0);
  const source = new LatencyHistogram();
  for (let i = 1; i <= 400; i++) timeline.tick(readingOf(source), i * 1000, i === 350 ? 5 : i * 1000);
  const kept = timeline.since(0);
  expect(kept.length).toBe(300);
  expect(kept.every(({ at }, i) => i === 0 || at > kept[i - 1]!.at)).toBe(true);
});

test('the latency of a side is that of all its commands in the last ten seconds', () => {
  const source = new LatencyHistogram();
  const timeline = new Timeline(0);
  expect(timeline.latency('source')).toBeNull();
  for (let i = 0; i < 50; i++) source.record(50_000);
  timeline.tick(readingOf(source), 1000, 1000);
  for (let second = 2; second <= 10; second++) {
    for (let i = 0; i < 50; i++) source.record(i === 0 ? 20 : 10);
    timeline.tick(readingOf(source), second * 1000, second * 1000);
  }
  expect(timeline.latency('source')).toMatchObject({ p50Ms: 0.01 });
  expect(timeline.latency('source')?.p99Ms).toBeGreaterThan(49);
  timeline.tick(readingOf(source), 11_000, 11_000); // the first second is too old now
  expect(timeline.latency('source')).toEqual({ p50Ms: 0.01, p99Ms: 0.02 });
  expect(timeline.latency('target')).toBeNull();
  for (let second = 12; second <= 30; second++) timeline.tick(readingOf(source), second * 1000, second * 1000);
  expect(timeline.latency('source')).toBeNull();
});
