/**
 * The kinds of tests, one folder of test/ each, in the order of their patience, and how many of their files share a machine
 * with two cores. What computes all the time has a core each; what mostly waits for its redis-servers does not need one;
 * what measures, or moves as much as the machine can, has company of its own kind only.
 */
import { defineConfig } from 'vitest/config';

const HEAVY = ['big', 'demo-app', 'overload'].map((folder) => `test/integration/${folder}/**/*.test.ts`);

interface Group {
  /** A process is its files' alone. Otherwise they share one after the other, and read all modules once: a quarter of the time. */
  readonly isIsolated: boolean;
  /** Groups run one after the other. */
  readonly order: number;
  readonly files: number;
}

const COMPUTING: Group = { isIsolated: false, order: 1, files: 2 };
const WAITING: Group = { isIsolated: false, order: 2, files: 3 };
/** Some measure the memory of their process. */
const LOADING: Group = { isIsolated: true, order: 3, files: 2 };
/** A Chromium without a graphics card fills two cores by itself. */
const BROWSING: Group = { isIsolated: true, order: 4, files: 1 };

function kind(
  name: string,
  { isIsolated, order, files }: Group,
  testTimeout: number,
  hookTimeout: number,
  include = [`test/${name}/**/*.test.ts`],
  exclude: string[] = [],
) {
  const sequence = { groupOrder: order };
  return {
    extends: true as const,
    test: { name, include, exclude, testTimeout, hookTimeout, sequence, isolate: isIsolated, maxWorkers: files },
  };
}

export default defineConfig({
  test: {
    pool: 'forks',
    // a machine that stalls for seconds can starve a real server of its turn; what is wrong with Ferry fails again
    retry: process.env.CI === undefined ? 0 : 2,
    projects: [
      kind('unit', COMPUTING, 20_000, 20_000),
      kind('property', COMPUTING, 60_000, 30_000),
      kind('integration', WAITING, 60_000, 60_000, undefined, HEAVY),
      kind('browser', BROWSING, 120_000, 60_000),
      kind('heavy', LOADING, 60_000, 60_000, HEAVY),
      kind('history', LOADING, 300_000, 60_000),
      kind('chaos', LOADING, 300_000, 60_000),
    ],
  },
});
