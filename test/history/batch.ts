/** Many seeds, several at a time: each track has two sides of its own and runs one seed after the other. */
import { addUsers, loadScripts } from './judge.js';
import { type Outcome, type Pair, type Profile, runSeed, type TestHooks } from './migration.js';
import { Site, type SiteKind } from './site.js';

/** The first seed. */
export const FIRST = Number(process.env.FERRY_HISTORY_FIRST ?? 1);
export const PER_SEED_TIMEOUT_MS = 4000;

/** 0 runs the first seed again and again: its schedule is the machine's, and another each time. */
const STEP = Number(process.env.FERRY_HISTORY_STEP ?? 1);

export class Tracks {
  private kinds: readonly [SiteKind, SiteKind] = ['standalone', 'standalone'];
  private readonly pairs: Pair[] = [];

  async start(count: number, from: SiteKind = 'standalone', to: SiteKind = 'standalone'): Promise<void> {
    this.kinds = [from, to];
    await Promise.all(Array.from({ length: count }, async (_, track) => this.renew(track)));
  }

  private async renew(track: number): Promise<Pair> {
    const [from, to] = this.kinds;
    const [source, target] = await Promise.all([Site.start(from), Site.start(to)]);
    const pair = { source, target };
    this.pairs[track] = pair;
    await Promise.all([addUsers(source.allPorts), addUsers(target.allPorts)]);
    await loadScripts(await source.ports());
    return pair;
  }

  async stop(): Promise<void> {
    await Promise.all(this.pairs.map(stopPair));
  }

  /** Runs `count` seeds from `first` on; no new ones once `enough` says so. Outcomes are in the order of the seeds. */
  async run(
    first: number,
    count: number,
    profile: Profile = 'varied',
    hooks: TestHooks = {},
    enough: (outcome: Outcome) => boolean = () => false,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let next = first;
    const run = async (firstPair: Pair, track: number): Promise<void> => {
      let pair = firstPair;
      while (next < first + count) {
        const outcome = await runSeed(first + (next++ - first) * STEP, pair, profile, hooks);
        outcomes.push(outcome);
        if (enough(outcome)) next = first + count;
        if (isFine(outcome) || next >= first + count) continue;
        // who knows what state it left them in
        await stopPair(pair);
        pair = await this.renew(track);
      }
    };
    await Promise.all(this.pairs.map(run));
    return outcomes.sort((a, b) => a.seed - b.seed);
  }
}

function isFine({ violations, faults }: Outcome): boolean {
  return violations.length + faults.length === 0;
}

async function stopPair({ source, target }: Pair): Promise<void> {
  await Promise.all([source.stop(), target.stop()]);
}

const SHOWN_SEEDS = 5;
const SHOWN_LINES = 6;

/** Empty if nothing is wrong; else what is, seed by seed, and how to see it again. */
export function report(outcomes: readonly Outcome[]): string {
  const bad = outcomes.filter((outcome) => !isFine(outcome));
  if (bad.length === 0) return '';
  const lines = bad
    .slice(0, SHOWN_SEEDS)
    .flatMap(({ seed, violations, faults, steps }) => [
      `seed ${seed} (FERRY_HISTORY_FIRST=${seed} FERRY_HISTORY_SEEDS=1), ${steps.join(', ')}:`,
      ...violations.slice(0, SHOWN_LINES).map((line) => `  ${line}`),
      ...faults.slice(0, SHOWN_LINES).map((line) => `  ${line}`),
    ]);
  return [`${bad.length} of ${outcomes.length} seeds: ${bad.map(({ seed }) => seed).join(' ')}`, ...lines].join('\n');
}
