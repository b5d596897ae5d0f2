/**
 * `ferry serve` that kills itself where it is told to. SIGUSR2 makes it read the file FERRY_CRASH_FILE, a point and a
 * number: the so-manieth time that it comes by that point from then on is the last thing that it does. With
 * FERRY_CRASH_INTENT=off it marks nothing.
 */
import { readFileSync } from 'node:fs';
import { startFerry } from '../../../dist/src/app.js';
import { loadConfig } from '../../../dist/src/config/load.js';
import { createLogger } from '../../../dist/src/observe/log.js';

const { FERRY_CRASH_FILE: file, FERRY_CRASH_INTENT: intent, ...env } = process.env;
const flags = {};
for (let i = 2; i < process.argv.length; i++) {
  if (!process.argv[i].startsWith('--')) continue;
  const value = process.argv[i + 1];
  flags[process.argv[i].slice(2)] = value === undefined || value.startsWith('--') ? true : value;
}

let armed = '';
let left = 0;
process.on('SIGUSR2', () => {
  const [point, count] = readFileSync(file, 'utf8').trim().split(' ');
  left = Number(count);
  armed = point;
});

const at = (point) => {
  if (point === armed && --left <= 0) process.kill(process.pid, 'SIGKILL');
};

const config = loadConfig(flags, env);
const ferry = await startFerry(config, { log: createLogger(config.logLevel), hooks: { at, intent: intent !== 'off' } });
process.on('SIGTERM', () => ferry.stop());
