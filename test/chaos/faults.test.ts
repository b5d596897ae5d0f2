/**
 * Chaos: every fault of a server and of the network, on each side, in each phase, with the history checker on.
 *
 * A seed names fault, side, phase and moment (ordeal.ts). The short run takes each fault once and a few more; the long one
 * (npm run test:chaos) FERRY_CHAOS_SEEDS of them. FERRY_CHAOS_FIRST and FERRY_CHAOS_FAULT pick some. Nothing is retried:
 * a difference that shows once is one.
 *
 * Ferry's own death (SIGKILL at named steps) is another matter: crash*.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { PHASE_RULES } from '../../src/phases/phase.js';
import type { Random } from '../history/random.js';
import { FAULT_NAMES, type FaultName } from './faults.js';
import { type Leg, type Pair, planOf, runOrdeal, show1, startPair, type Verdict, wrongIn } from './ordeal.js';
import { IS_LONG, type Result, Tally, totals } from './tally.js';

const SEEDS = Number(process.env.FERRY_CHAOS_SEEDS ?? 18);
const FIRST = Number(process.env.FERRY_CHAOS_FIRST ?? 0);
const ONLY = (process.env.FERRY_CHAOS_FAULT ?? '').split(',').filter((name) => name !== '') as FaultName[];
const TRACKS = Number(process.env.FERRY_CHAOS_TRACKS ?? 4);
const PER_SEED_MS = 30_000;
/** Of each further leg. */
const LEG_SEEDS = Math.ceil(SEEDS / 6);
const FAULTS_TAKEN = ONLY.length > 0 ? ONLY : FAULT_NAMES;

/** How long a process may be stopped, on each side in each phase. */
const STOPPED_MS = [1_000, 10_000, 60_000];

/** A fault is short but for a few that are as long as a server may really be away. */
function holdMs(random: Random, fault: FaultName, lap: number): number {
  if (IS_LONG && fault === 'SIGSTOP') return STOPPED_MS[lap % STOPPED_MS.length]!;
  if (IS_LONG && random.oneIn(200)) return 60_000;
  if (IS_LONG && random.oneIn(60)) return 10_000;
  return random.between(1050, 1400);
}

describe('chaos', () => {
  const pairs: (Pair | null)[] = [];
  async function anew(): Promise<void> {
    const old = pairs.splice(0);
    await Promise.all(old.flatMap((pair) => (pair === null ? [] : [pair.source.stop(), pair.target.stop()])));
  }
  afterAll(anew, 60_000);

  /** Each track has servers of its own, and takes the next seed when it is done with one. */
  async function campaign(part: string, seeds: number, leg: Leg): Promise<void> {
    const tally = new Tally(part);
    await anew();
    let next = FIRST;
    const track = async (number: number): Promise<void> => {
      while (next < FIRST + seeds) {
        const seed = next++;
        if (tally.has(seed)) continue;
        const pair = (pairs[number] ??= await startPair(number, leg));
        const result = resultOf(await runOrdeal(planOf(seed, holdMs, FAULTS_TAKEN, leg), pair));
        tally.add(result);
        if (result.wrong.length === 0) continue;
        // who knows in what state it left them
        await Promise.all([pair.source.stop(), pair.target.stop()]);
        pairs[number] = null;
      }
    };
    await Promise.all(Array.from({ length: TRACKS }, (_, number) => track(number)));
    console.log(totals(part, tally.results));
    expect(tally.report()).toBe('');
  }

  for (const [leg, part, seeds] of [
    ['plain', 'faults', SEEDS],
    ['few rights', 'faults-rights', LEG_SEEDS],
    ['skewed clocks', 'faults-clocks', LEG_SEEDS],
  ] as const) {
    it(
      `${seeds} faults lose nothing and leave no difference [${leg}]`,
      {
        retry: 0,
        timeout: 60_000 + (seeds * PER_SEED_MS) / TRACKS,
      },
      () => campaign(part, seeds, leg),
    );
  }

  it('finds clients that hang with a frozen target if their reads have no time limit', {
    timeout: 120_000,
  }, async () => {
    await anew();
    const pair = (pairs[0] = await startPair(0));
    const plan = {
      seed: 1,
      fault: 'SIGSTOP',
      side: 'target',
      phase: 'target-read',
      holdMs: 2500,
      leg: 'plain',
    } as const;
    const without = await runOrdeal(plan, pair, { targetReadMs: 0, silentConnectionMs: 0 });
    expect(without.unavailable.join()).toContain('no answer for');
    expect(wrongIn(await runOrdeal(plan, pair))).toEqual([]);
  });
});

function resultOf(verdict: Verdict): Result {
  const wrong = wrongIn(verdict);
  const isMirrorOnly = PHASE_RULES[verdict.phase].authority !== verdict.side;
  return {
    id: verdict.seed,
    runs: 1,
    acknowledgedWrites: verdict.acknowledgedWrites,
    lost: verdict.lost.length,
    silentDifferences: verdict.silent.length,
    mirrorOnly: isMirrorOnly ? 1 : 0,
    unavailable: isMirrorOnly && verdict.unavailable.length > 0 ? 1 : 0,
    wrong: wrong.length === 0 ? [] : [show1(verdict), ...wrong.map((line) => `  ${line}`)],
    counts: { commands: verdict.commands, 'closed connections': verdict.closes },
  };
}
