/**
 * The history test on wires that stall, reset and cut: right with every rule on, and found wrong without the rules that such
 * wires need. Else a test that finds nothing would prove nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIRST, PER_SEED_TIMEOUT_MS, report, Tracks } from './batch.js';

const TRACKS = Number(process.env.FERRY_HISTORY_TRACKS ?? 4);
/** As many as nearly always show a violation when a rule is off. */
const ROUGH_SEEDS = 20;
/** Without a rule one seed in three shows it, or more; the first that does ends the test. */
const BROKEN_SEEDS = 80;

describe('histories', () => {
  const tracks = new Tracks();
  beforeAll(() => tracks.start(TRACKS), 60_000);
  afterAll(() => tracks.stop(), 60_000);

  it('are right on rough wires, with every rule on', {
    retry: 0,
    timeout: 60_000 + ROUGH_SEEDS * PER_SEED_TIMEOUT_MS,
  }, async () => {
    expect(report(await tracks.run(FIRST, ROUGH_SEEDS, 'rough'))).toBe('');
  });

  for (const hooks of [{ admission: false }, { deriveEarly: true }]) {
    it(
      `are found wrong with ${JSON.stringify(hooks)}`,
      async () => {
        const found = await tracks.run(1, BROKEN_SEEDS, 'rough', hooks, ({ violations }) => violations.length > 0);
        expect(found.flatMap(({ violations }) => violations)).not.toEqual([]);
      },
      60_000 + BROKEN_SEEDS * PER_SEED_TIMEOUT_MS,
    );
  }
});
