/**
 * The history test: random clients of two identities work through a Ferry while an operator migrates under them, over
 * and over, and everything that clients saw and servers hold must be explainable by one Redis.
 *
 * A seed names scripts and an operator's plan; the schedule is the machine's, so that a failing seed may need several
 * runs to fail again. That is why nothing here is retried, whatever the configuration says: a violation that shows once
 * is a violation, and a second run without it proves nothing. FERRY_HISTORY_SEEDS and FERRY_HISTORY_FIRST run more of them, or one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIRST, PER_SEED_TIMEOUT_MS, report, Tracks } from './batch.js';

const SEEDS = Number(process.env.FERRY_HISTORY_SEEDS ?? 200);
/** Seeds wait for their wires more than they compute. */
const TRACKS = Number(process.env.FERRY_HISTORY_TRACKS ?? 4);
/** Below this a batch may miss one of the rare paths. */
const SEEDS_FOR_ALL_PATHS = 50;

describe('histories', () => {
  const tracks = new Tracks();
  beforeAll(() => tracks.start(TRACKS), 60_000);
  afterAll(() => tracks.stop(), 60_000);

  it(`of ${SEEDS} migrations are linearizable and end in equal servers`, {
    retry: 0,
    timeout: 60_000 + SEEDS * PER_SEED_TIMEOUT_MS,
  }, async () => {
    const outcomes = await tracks.run(FIRST, SEEDS);
    const total = (of: (counters: (typeof outcomes)[number]['counters']) => number): number =>
      outcomes.reduce((sum, { counters }) => sum + of(counters), 0);
    const seen = {
      parked: total((c) => c.parked),
      joinedCopies: total((c) => c.joinedCopies),
      fallbacks: total((c) => c.fallbacks),
      cascades: total((c) => c.cascades),
      stalls: total((c) => c.stalls),
      repairs: total((c) => c.repairs),
      chunkedCopies: total((c) => c.chunkedCopies),
      targetReads: total((c) => c.targetReads),
      cutovers: outcomes.flatMap(({ steps }) => steps).filter((step) => step === 'target-first').length,
      lostConnections: outcomes.reduce((sum, { closes }) => sum + closes, 0),
    };
    const drawn = (of: (what: (typeof outcomes)[number]['drawn']) => number): number =>
      outcomes.reduce((sum, outcome) => sum + of(outcome.drawn), 0);
    Object.assign(seen, {
      watchRuns: drawn((d) => d.watchRuns),
      watchNils: drawn((d) => d.watchNils),
      blockedServed: drawn((d) => d.blockedServed),
      blockedTimeouts: drawn((d) => d.blockedTimeouts),
      resp3Commands: drawn((d) => d.resp3Commands),
    });
    const commands = outcomes.reduce((sum, outcome) => sum + outcome.commands, 0);
    console.log(`${outcomes.length} seeds, ${commands} commands: ${JSON.stringify(seen)}`);
    expect(report(outcomes)).toBe('');
    if (SEEDS < SEEDS_FOR_ALL_PATHS) return;
    // a batch that never came across a path has not tested it
    for (const [path, count] of Object.entries(seen)) expect({ path, seen: count > 0 }).toEqual({ path, seen: true });
  });
});
