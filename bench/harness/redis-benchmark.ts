/**
 * redis-benchmark as the load generator: it is written in C and costs the contestants less of the machine than anything else.
 *
 * Its own report is read, not its --csv, which lacks p99.9. That one is the first line of the report's distribution at or
 * above 99.9 % (99.902 %), as exact as its histogram: 3 digits.
 */
import { execFile } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError } from '../../src/config/errors.js';

const run = promisify(execFile);
const REPORT_BYTES = 16 << 20;

export interface Workload {
  readonly name: string;
  /** either one of its own tests, or a command in which `__rand_int__` is a number below `keys` */
  readonly command: { readonly test: 'get' | 'set' | 'incr' | 'lpush' | 'lpop' } | readonly string[];
  readonly pipeline: number;
  readonly clients: number;
  /** of what its own tests write */
  readonly valueBytes: number;
  readonly keys: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** @throws ConfigError where there is none; one that stands beside the redis-server in use comes first. */
export async function findBenchmark(redisBinary: string): Promise<void> {
  process.env.PATH = `${dirname(redisBinary)}${delimiter}${process.env.PATH ?? ''}`;
  await run('redis-benchmark', ['--version']).catch(() => {
    throw new ConfigError(
      `There is no redis-benchmark beside ${redisBinary} or on the PATH: install it (Debian and Ubuntu: apt-get install redis-tools).`,
    );
  });
}

export function benchmarkArgs(port: number, workload: Workload, requests: number): string[] {
  const { command, clients, pipeline, valueBytes, keys } = workload;
  const args = ['-p', port, '-c', clients, '-n', requests, '-P', pipeline, '-d', valueBytes, '-r', keys].map(String);
  args.push('--precision', '3');
  return 'test' in command ? [...args, '-t', command.test] : [...args, ...command];
}

/**
 * One run of so many requests. An error reply, a lost connection, or no end within `patienceMs` is an error: some of the clients
 * of a proxy that is full wait for ever.
 */
export async function benchmark(
  port: number,
  workload: Workload,
  requests: number,
  { signal, patienceMs }: { readonly signal: AbortSignal; readonly patienceMs: number },
): Promise<LoadReport> {
  const args = benchmarkArgs(port, workload, requests);
  try {
    const { stdout } = await run('redis-benchmark', args, { maxBuffer: REPORT_BYTES, signal, timeout: patienceMs });
    return parseReport(stdout);
  } catch (error) {
    const { message, stderr = '', killed = false } = error as Error & { stderr?: string; killed?: boolean };
    const reason = killed ? `not over after ${patienceMs / 1000} s` : stderr.trim() || message;
    throw new Error(`redis-benchmark ${args.join(' ')}: ${reason}`);
  }
}

/** @throws when it is not the report of exactly one test */
export function parseReport(text: string): LoadReport {
  const requests = only(text, /^\s*(\d+) requests completed in [\d.]+ seconds/gm);
  const perSecond = only(text, /throughput summary: ([\d.]+) requests per second/g);
  const [, p50, p99] =
    /avg +min +p50 +p95 +p99 +max\s+[\d.]+ +[\d.]+ +([\d.]+) +[\d.]+ +([\d.]+) +[\d.]+/.exec(text) ?? [];
  const distribution = [...text.matchAll(/^([\d.]+)% <= ([\d.]+) milliseconds/gm)];
  const p999 = distribution.find(([, percent]) => Number(percent) >= 99.9)?.[2];
  if (!(perSecond > 0) || p50 === undefined || p99 === undefined || p999 === undefined) {
    throw new Error(`not a report of redis-benchmark: ${text.slice(-400)}`);
  }
  return { requests, perSecond, p50Ms: Number(p50), p99Ms: Number(p99), p999Ms: Number(p999) };
}

function only(text: string, pattern: RegExp): number {
  const found = [...text.matchAll(pattern)];
  if (found.length !== 1) throw new Error(`redis-benchmark reported ${found.length} tests: ${text.slice(-400)}`);
  return Number(found[0]![1]);
}
