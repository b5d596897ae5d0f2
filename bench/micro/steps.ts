/**
 * What the steps of a command's way cost, in nanoseconds of processor time and in bytes allocated.
 *
 *   node dist/bench/micro/steps.js [--rounds N] [--count N] [--json]
 *
 * Steps run in turns. Exits with 1 when one allocates more than it may; how long one takes is for a person to judge.
 */
import { type Summary, summaryOf } from '../harness/statistics.js';
import { commandSteps } from './command-steps.js';
import { allocatedBytes, timed } from './rounds.js';

/** What the measuring itself may show. */
const NOISE_BYTES = 1;

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

const steps = commandSteps();
const count = option('--count', 1_000_000);
const samples = timed(steps, Math.max(5, option('--rounds', 7)), count);
const rows = steps.map((step) => {
  const bytes = allocatedBytes(step, count);
  const isWithin = bytes < step.mayAllocate + NOISE_BYTES;
  return { name: step.name, ns: summaryOf(samples.get(step)!), bytes, mayAllocate: step.mayAllocate, isWithin };
});

function shown({ median, min, max }: Summary): string {
  return `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`;
}

if (process.argv.includes('--json')) console.log(JSON.stringify({ rows }, null, 2));
else {
  console.log(`${'step'.padEnd(20)}${'ns'.padStart(24)}${'bytes'.padStart(10)}  may allocate`);
  for (const { name, ns, bytes, mayAllocate, isWithin } of rows) {
    console.log(
      `${name.padEnd(20)}${shown(ns).padStart(24)}${bytes.toFixed(2).padStart(10)}  ${mayAllocate}${isWithin ? '' : '  TOO MUCH'}`,
    );
  }
}
process.exitCode = rows.every(({ isWithin }) => isWithin) ? 0 : 1;
