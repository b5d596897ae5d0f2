/**
 * The history test with a Cluster on one side, whose slots are on the move meanwhile: FERRY_HISTORY_CLUSTER_SEEDS migrations,
 * and FERRY_HISTORY_REPLICAS=1 gives its masters replicas that are promoted now and then.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIRST, PER_SEED_TIMEOUT_MS, report, Tracks } from './batch.js';
import type { Outcome } from './migration.js';
import type { Resharded } from './resharding.js';
import type { SiteKind } from './site.js';

const CLUSTER_SEEDS = Number(process.env.FERRY_HISTORY_CLUSTER_SEEDS ?? 9);
/** A Cluster is three servers, or six. */
const CLUSTER_TRACKS = Number(process.env.FERRY_HISTORY_TRACKS ?? 2);
const CLUSTER: SiteKind = process.env.FERRY_HISTORY_REPLICAS === undefined ? 'cluster' : 'cluster with replicas';
/** A Cluster is left less often than it is moved to. */
const FROM_CLUSTER_SEEDS = Math.ceil(CLUSTER_SEEDS / 3);
/** Below this a batch may miss one of the rare paths. */
const CLUSTER_SEEDS_FOR_ALL_PATHS = 100;

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
