/**
 * What is observed: histogram, counters, rate, and a log that shows no password.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LatencyHistogram } from '../../../src/observe/histogram.js';
import { createLogger } from '../../../src/observe/log.js';
import { RateMeter } from '../../../src/observe/rate.js';

describe('LatencyHistogram', () => {
  test('percentiles are never below the true value and at most 1/32 above it', () => {
    const values = fc.array(fc.oneof(fc.nat(200), fc.nat(1e6), fc.nat(2 ** 31 - 1)), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.constantFrom(0, 1, 50, 90, 99, 99.9, 100), (list, percent) => {
        const histogram = new LatencyHistogram();
        for (const value of list) histogram.record(value);
        const sorted = [...list].sort((a, b) => a - b);
        const truth = sorted[Math.max(1, Math.ceil((percent / 100) * list.length)) - 1]!;
        const found = histogram.percentile(percent);
        expect(found).toBeGreaterThanOrEqual(truth);
        expect(found).toBeLessThanOrEqual(truth * (1 + 1 / 32));
        expect(histogram.count).toBe(list.length);
        expect(histogram.max).toBe(sorted.at(-1));
        expect(histogram.countUpTo(2 ** 32)).toBe(list.length);
      }),
    );
  });

  test('odd values are clamped, and an empty one says 0', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.percentile(99)).toBe(0);
    histogram.record(-5);
    histogram.record(2.9);
    histogram.record(1e12);
    expect(histogram.percentile(1)).toBe(0);
    expect(histogram.percentile(50)).toBe(2);
    expect(histogram.percentile(100)).toBe(2 ** 32 - 1);
    histogram.reset();
    expect([histogram.count, histogram.sum, histogram.max, histogram.percentile(50)]).toEqual([0, 0, 0, 0]);
  });

  test('the difference of two is what was recorded in between', () => {
    const [later, earlier, between, found] = [1, 2, 3, 4].map(() => new LatencyHistogram()) as [
      LatencyHistogram,
      LatencyHistogram,
      LatencyHistogram,
      LatencyHistogram,
    ];
    for (const value of [1, 70, 5000, 1e6]) later.record(value);
    earlier.copyFrom(later);
    expect(earlier).toEqual(later);
    for (const value of [3, 40, 50]) for (const histogram of [later, between]) histogram.record(value);
    found.record(9); // whatever it was before
    found.setDifference(later, earlier);
    expect(found).toEqual(between);
    found.setDifference(later, later);
    expect(found).toEqual(new LatencyHistogram());
  });

  test('adding two is as recording all in one', () => {
    const [a, b, both] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()];
    for (let value = 1; value < 1e6; value *= 3) {
      (value % 2 === 0 ? a : b).record(value);
      both.record(value);
    }
    a.add(b);
    expect(a).toEqual(both);
    expect(a.countUpTo(100)).toBe(5);
  });
});

test('RateMeter is the mean over its window', () => {
  const meter = new RateMeter(2000);
  expect(meter.perSecond()).toBe(0);
  meter.sample(0, 0);
  meter.sample(100, 1000);
  expect(meter.perSecond()).toBe(100);
  meter.sample(200, 2000);
  meter.sample(200, 3000);
  meter.sample(200, 4000);
  expect(meter.perSecond()).toBe(0);
  meter.sample(0, 5000);
  meter.sample(30, 6000);
  expect(meter.perSecond()).toBe(30);
});

test('the log is JSON lines without passwords', () => {
  let written = '';
  const log = createLogger('info', { write: (line: string) => void (written += line) });
  log.info(
    { url: 'redis://u:hunter2@h', password: 'hunter2', side: { token: 'hunter2' } },
    'to redis://:hunter2@h "x"',
  );
  log.error(new Error('no redis://u:hunter2@h:1'));
  log.debug('not shown');
  expect(written).not.toContain('hunter2');
  const lines = written
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({
    level: 'info',
    url: 'redis://u:***@h',
    password: '***',
    msg: 'to redis://:***@h "x"',
  });
  expect(lines[1].err.message).toBe('no redis://u:***@h:1');
  expect(lines[0].time).toMatch(/^\d{4}-.*Z$/);
});
