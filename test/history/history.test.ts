/**
 * The history test: random clients of two identities work through a Ferry while an operator migrates under them, over
 * and over, and everything that clients saw and servers hold must be explainable by one Redis.
 *
 * A seed names scripts and an operator's plan; the schedule is the machine's, so that a failing seed may need several
 * runs to fail again. That is why nothing here is retried, whatever the configuration says: a violation that shows once
 * is a violation, and a second run without it proves nothing. FERRY_HISTORY_SEEDS and FERRY_HISTORY_FIRST run more of them, or one.
 *
 * The same with a Cluster on one side, whose slots are on the move meanwhile: FERRY_HISTORY_CLUSTER_SEEDS of them, and
 * FERRY_HISTORY_REPLICAS=1 gives its masters replicas that are promoted now and then.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { report, Tracks } from './batch.js';
import type { Outcome } from './migration.js';
import type { Resharded } from './resharding.js';
import type { SiteKind } from './site.js';

const SEEDS = Number(process.env.FERRY_HISTORY_SEEDS ?? 200);
const FIRST = Number(process.env.FERRY_HISTORY_FIRST ?? 1);
/** seeds wait for their wires more than they compute */
const CLUSTER_SEEDS = Number(process.env.FERRY_HISTORY_CLUSTER_SEEDS ?? 9);
/** A Cluster is three servers, or six. */
const CLUSTER_TRACKS = Number(process.env.FERRY_HISTORY_TRACKS ?? 2);
const CLUSTER: SiteKind = process.env.FERRY_HISTORY_REPLICAS === undefined ? 'cluster' : 'cluster with replicas';
/** A Cluster is left less often than it is moved to. */
const FROM_CLUSTER_SEEDS = Math.ceil(CLUSTER_SEEDS / 3);
const TRACKS = Number(process.env.FERRY_HISTORY_TRACKS ?? 4);
const PER_SEED_TIMEOUT_MS = 4000;
/** As many as nearly always show a violation when a rule is off. */
const ROUGH_SEEDS = 20;
/** Without a rule one seed in three shows it, or more; the first that does ends the test. */
const BROKEN_SEEDS = 80;
/** Below this a batch may miss one of the rare paths. */
const SEEDS_FOR_ALL_PATHS = 50;
const CLUSTER_SEEDS_FOR_ALL_PATHS = 100;

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

describe('histories with a Cluster', () => {
  for (const [from, to, seeds] of [
    ['standalone', CLUSTER, CLUSTER_SEEDS],
    [CLUSTER, 'standalone', FROM_CLUSTER_SEEDS],
  ] as const) {
    describe(`${from} to ${to}`, () => {
      const tracks = new Tracks();
      beforeAll(() => tracks.start(CLUSTER_TRACKS, from, to), 60_000);
      afterAll(() => tracks.stop(), 60_000);

      it(`of ${seeds} migrations are linearizable and end in equal sides, whatever slots move`, {
        retry: 0,
        timeout: 60_000 + seeds * PER_SEED_TIMEOUT_MS,
      }, async () => {
        const outcomes = await tracks.run(FIRST, seeds);
        const seen = whatWasSeen(outcomes);
        console.log(`${outcomes.length} seeds: ${JSON.stringify(seen)}`);
        expect(report(outcomes)).toBe('');
        if (seeds < CLUSTER_SEEDS_FOR_ALL_PATHS) return;
        for (const [path, count] of Object.entries(seen))
          expect({ path, seen: count > 0 }).toEqual({ path, seen: true });
      });
    });
  }
});

/** What a batch with a Cluster came across. */
function whatWasSeen(outcomes: readonly Outcome[]): Record<string, number> {
  const total = (of: (outcome: Outcome) => number): number => outcomes.reduce((sum, one) => sum + of(one), 0);
  const resharded = (of: (what: Resharded) => number): number => total((one) => of(one.resharded!));
  return {
    commands: total((one) => one.commands),
    moves: resharded((what) => what.moves),
    movedKeys: resharded((what) => what.movedKeys),
    turnedBack: resharded((what) => what.turnedBack),
    cancelled: resharded((what) => what.cancelled),
    ...(CLUSTER === 'cluster' ? {} : { promotions: resharded((what) => what.promotions) }),
    moved: total((one) => one.redirections.moved),
    asks: total((one) => one.redirections.asks),
    tryAgain: total((one) => one.redirections.tryAgain),
    cutovers: total(({ steps }) => steps.filter((step) => step === 'target-first').length),
    rollbacks: total(
      ({ steps }) =>
        steps.filter((step, i) => step === 'target-read' && steps.slice(0, i).includes('target-first')).length,
    ),
    crossSlots: total((one) => one.drawn.crossSlots),
    targetReads: total((one) => one.counters.targetReads),
    repairs: total((one) => one.counters.repairs),
    lostConnections: total((one) => one.closes),
  };
}
