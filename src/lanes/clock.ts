/** Ferry's own clock, and how far a server's is from it. */

/** `performance.timeOrigin` never changes, and is computed anew at each look. */
const BEGAN_MS = performance.timeOrigin;

/** Our own clock, ms since 1970 when the process began, and not moved when somebody sets this host's clock. */
export function steadyMs(): number {
  return BEGAN_MS + performance.now();
}

/**
 * A server's clock minus ours, ms: of `samples` exchanges of TIME that with the shortest way there and back is the best one.
 * Null when `askTime` resolves to no time; rejects as it does. https://redis.io/commands/time
 */
export async function clockOffset(samples: number, askTime: () => Promise<unknown>): Promise<number | null> {
  let bestMs = Number.POSITIVE_INFINITY;
  let offsetMs: number | null = null;
  for (let i = 0; i < samples; i++) {
    const sentMs = steadyMs();
    const time = await askTime();
    if (!Array.isArray(time)) return null;
    const tripMs = steadyMs() - sentMs;
    if (tripMs >= bestMs) continue;
    bestMs = tripMs;
    offsetMs = Number(time[0]) * 1000 + Number(time[1]) / 1000 - (sentMs + tripMs / 2);
  }
  return offsetMs;
}
