/** What redis-benchmark is told, and how its report is read. */
import { describe, expect, test } from 'vitest';
import { benchmarkArgs, parseReport, type Workload } from '../../../bench/harness/redis-benchmark.js';

const REPORT = `\rGET: rps=0.0 (overall: 0.0) avg_msec=-nan (overall: -nan)\r====== GET ======
  20000 requests completed in 0.57 seconds
  50 parallel clients
  64 bytes payload
  keep alive: 1
  host configuration "save": 
  multi-thread: no

Latency by percentile distribution:
0.000% <= 0.055 milliseconds (cumulative count 1)
50.000% <= 0.807 milliseconds (cumulative count 10113)
99.219% <= 2.103 milliseconds (cumulative count 19844)
99.805% <= 5.079 milliseconds (cumulative count 19961)
99.902% <= 5.335 milliseconds (cumulative count 19983)
100.000% <= 6.247 milliseconds (cumulative count 20000)

Cumulative distribution of latencies:
0.015% <= 0.103 milliseconds (cumulative count 3)
99.955% <= 6.103 milliseconds (cumulative count 19991)

Summary:
  throughput summary: 34904.01 requests per second
  latency summary (msec):
          avg       min       p50       p95       p99       max
        0.856     0.048     0.807     1.351     1.983     6.247
`;

const WORKLOAD: Workload = {
  name: 'GET',
  command: { test: 'get' },
  pipeline: 16,
  clients: 50,
  valueBytes: 64,
  keys: 1000,
};

describe('a report', () => {
  test('gives the rate and three percentiles', () => {
    expect(parseReport(REPORT)).toEqual({
      requests: 20_000,
      perSecond: 34_904.01,
      p50Ms: 0.807,
      p99Ms: 1.983,
      p999Ms: 5.335,
    });
  });

  test('of few requests still has a p99.9: the slowest', () => {
    const short = REPORT.replace(/^99\..*\n/gm, '');
    expect(parseReport(short).p999Ms).toBe(6.247);
  });

  test('that is none, or of two tests, is an error', () => {
    expect(() => parseReport('Could not connect to Redis')).toThrow('0 tests');
    expect(() => parseReport(REPORT + REPORT)).toThrow('2 tests');
    expect(() => parseReport(REPORT.replace('avg       min', ''))).toThrow('not a report');
  });
});

test('its own tests and commands are told apart', () => {
  const usual = ['-p', '7000', '-c', '50', '-n', '800', '-P', '16', '-d', '64', '-r', '1000', '--precision', '3'];
  expect(benchmarkArgs(7000, WORKLOAD, 800)).toEqual([...usual, '-t', 'get']);
  const command = ['LPUSH', 'list:__rand_int__', 'x'];
  expect(benchmarkArgs(7000, { ...WORKLOAD, command }, 800)).toEqual([...usual, ...command]);
});
