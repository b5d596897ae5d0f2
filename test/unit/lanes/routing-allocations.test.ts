/** Slot routing makes nothing per command: its place, its way through a routed lane and back (bench/micro measures the time). */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { RoutedCommands } from '../../../bench/micro/routed-commands.js';

const COMMANDS = 300_000;
/** An object would be 16 bytes or more for each command; this is noise. */
const NOISE_BYTES_PER_COMMAND = 2;

test.each([false, true])('a routed command allocates nothing (hash tag: %s)', (tagged) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const commands = new RoutedCommands(32, tagged);
  commands.runRouted(COMMANDS);
  const grown = [1, 2, 3].map(() => {
    collect();
    const before = process.memoryUsage().heapUsed;
    commands.runRouted(COMMANDS);
    return (process.memoryUsage().heapUsed - before) / COMMANDS;
  });
  expect(Math.min(...grown)).toBeLessThan(NOISE_BYTES_PER_COMMAND);
  expect(commands.answered).toBe(4 * COMMANDS);
});
