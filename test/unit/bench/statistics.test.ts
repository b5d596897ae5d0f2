/** Medians, ranges and ratios of rounds. */
import { describe, expect, test } from 'vitest';
import { median, ratioOf, summaryOf } from '../../../bench/harness/statistics.js';
import { Latencies } from '../../../bench/load/latencies.js';

test('the median is the middle one, or between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(() => median([])).toThrow(RangeError);
});

test('a summary does not depend on the order, and leaves the values alone', () => {
  const values = [5, 1, 9, 3, 7];
  expect(summaryOf(values)).toEqual({ median: 5, min: 1, max: 9 });
  expect(values).toEqual([5, 1, 9, 3, 7]);
});

describe('a ratio', () => {
  test('is that of the medians, with the least and the greatest of a round', () => {
    expect(ratioOf([100, 300, 200], [100, 100, 400])).toEqual({ median: 2, min: 0.5, max: 3 });
  });

  test('is none where there is nothing to divide by', () => {
    expect(ratioOf([1, 2, 3], [0, 0, 1])).toBeNull();
    expect(ratioOf([1, 2, 6], [0, 1, 2])).toEqual({ median: 2, min: 2, max: 3 });
    expect(ratioOf([], [])).toBeNull();
  });

  test('is of the same rounds', () => {
    expect(() => ratioOf([1, 2], [1])).toThrow('2 rounds against 1');
  });
});

describe('latencies', () => {
  test('are found again to the microsecond', () => {
    const latencies = new Latencies();
    for (let i = 1; i <= 1000; i++) latencies.record(i / 100);
    expect(latencies.count).toBe(1000);
    expect(latencies.percentile(50)).toBeCloseTo(5, 2);
    expect(latencies.percentile(99)).toBeCloseTo(9.9, 2);
    expect(latencies.maxMs).toBe(10);
  });

  test('that take longer than a second count, and the longest is exact', () => {
    const latencies = new Latencies();
    latencies.record(0.5);
    latencies.record(4321);
    expect(latencies.percentile(99.9)).toBe(4321);
  });

  test('begin anew', () => {
    const latencies = new Latencies();
    latencies.record(3);
    latencies.reset();
    expect([latencies.count, latencies.maxMs, latencies.percentile(50)]).toEqual([0, 0, 0]);
  });
});
