/** Allocations only, and how they grow: how long something takes is the machine's matter (bench/micro/steps.ts). */
import { describe, expect, test } from 'vitest';
import { commandSteps } from '../../../bench/micro/command-steps.js';
import { allocatedBytes } from '../../../bench/micro/rounds.js';

const COUNT = 300_000;
/** What the measuring itself may show. */
const NOISE_BYTES = 1;

describe('a step of a command’s way allocates no more than it may', () => {
  test.each(commandSteps().map((step) => [step.name, step] as const))('%s', (_, step) => {
    expect(allocatedBytes(step, COUNT)).toBeLessThan(step.mayAllocate + NOISE_BYTES);
  });
});

test('the one that may, is seen to allocate: the measuring works', () => {
  const deriving = commandSteps().find(({ mayAllocate }) => mayAllocate > 0)!;
  expect(allocatedBytes(deriving, COUNT)).toBeGreaterThan(20);
});
