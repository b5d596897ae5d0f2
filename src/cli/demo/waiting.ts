/** Polling, with a deadline that says what was waited for. */
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

export class Timeout extends Error {}

/** Asks `probe` until it answers something else than undefined or false. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined | false>,
  intervalMs = 100,
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadlineMs) throw new Timeout(`${what}: not within ${Math.round(timeoutMs / 1000)} s`);
    await sleep(intervalMs);
  }
}
