/**
 * Waits until the event loop has nothing left of what kept it: commands that waited behind a long piece of work are served
 * by then, and would else count among what a closing gate must wait for.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 1;
const IN_TIME_MS = 1;
const IN_A_ROW = 3;

/** Resolves after `limitMs` in any case: under heavy load there is never nothing left. */
export async function caughtUp(limitMs = 50): Promise<void> {
  const untilMs = performance.now() + limitMs;
  for (let inTime = 0; inTime < IN_A_ROW; ) {
    const sinceMs = performance.now();
    if (sinceMs > untilMs) return;
    await sleep(LOOK_MS);
    inTime = performance.now() - sinceMs <= LOOK_MS + IN_TIME_MS ? inTime + 1 : 0;
  }
}
