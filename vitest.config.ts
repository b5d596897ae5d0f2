/**
 * The kinds of tests, one folder of test/ each, in the order of their patience. All of them share two processes: the
 * machine they must pass on has two cores, and every integration test runs redis-servers of its own beside them.
 */
import { defineConfig } from 'vitest/config';

function kind(name: string, testTimeout: number, hookTimeout: number) {
  return { extends: true as const, test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout } };
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // a machine that stalls for seconds can starve a real server of its turn; what is wrong with Ferry fails again
    retry: process.env.CI === undefined ? 0 : 2,
    projects: [
      kind('unit', 20_000, 20_000),
      kind('property', 60_000, 30_000),
      kind('integration', 60_000, 60_000),
      kind('history', 300_000, 60_000),
      kind('chaos', 300_000, 60_000),
    ],
  },
});
