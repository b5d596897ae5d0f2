/** Waiting, and watching what changes by itself. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Ends early, with an error, when the run is interrupted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}

/** Asks until the answer is the one that is waited for; the time between two questions is what it may be wrong by. */
export async function watch<T>(
  ask: () => Promise<T>,
  isOver: (answer: T) => boolean,
  everyMs: number,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isOver(answer)) return answer;
    await pause(everyMs, signal);
  }
}
