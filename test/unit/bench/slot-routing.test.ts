/** Allocations only: how long something takes is the machine's matter (bench/micro/slot-routing.ts). */
import { afterAll, describe, expect, test } from 'vitest';
import { allocatedBytes, type Contestant } from '../../../bench/micro/rounds.js';
import { routedCase } from '../../../bench/micro/routed-commands.js';

const COMMANDS = 1_000_000;

describe.each([
  [16, false],
  [16, true],
  [64, false],
  [64, true],
])('a routed command with a key of %d bytes, hash tag: %s', (keyBytes, isTagged) => {
  const { routed, close } = routedCase(keyBytes, isTagged);
  afterAll(close);

  test('allocates nothing', () => {
    expect(allocatedBytes(routed, COMMANDS)).toBeLessThan(1);
  });
});

test('what allocates a record each time is seen to', () => {
  let kept: object = {};
  const wasteful: Contestant = {
    name: 'wasteful',
    run(count) {
      for (let i = 0; i < count; i++) kept = { i, kept: null };
    },
  };
  expect(allocatedBytes(wasteful, COMMANDS)).toBeGreaterThan(10);
  expect(kept).toEqual({ i: expect.any(Number), kept: null });
});
