/** Many seeds, several at a time: each track has two servers of its own and runs one seed after the other. */
import { type RedisServer, startRedis } from '../support/redis.js';
import { addUsers, loadScripts } from './judge.js';
import { type Outcome, type Pair, type Profile, runSeed, type TestHooks } from './migration.js';

export class Tracks {
  private readonly servers: RedisServer[] = [];
  private readonly pairs: Pair[] = [];

  async start(count: number): Promise<void> {
    const twoMore = async (): Promise<void> => {
      const [source, target] = await Promise.all([startRedis(), startRedis()]);
      this.servers.push(source, target);
      await Promise.all([addUsers(source.port), addUsers(target.port)]);
      await loadScripts(source.port);
      this.pairs.push({ source: source.port, target: target.port });
    };
    await Promise.all(Array.from({ length: count }, twoMore));
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
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
    const track = async (pair: Pair): Promise<void> => {
      while (next < first + count) {
        const outcome = await runSeed(next++, pair, profile, hooks);
        outcomes.push(outcome);
        if (enough(outcome)) next = first + count;
      }
    };
    await Promise.all(this.pairs.map(track));
    return outcomes.sort((a, b) => a.seed - b.seed);
  }
}

const SHOWN_SEEDS = 5;
const SHOWN_LINES = 6;

/** Empty if nothing is wrong; else what is, seed by seed, and how to see it again. */
export function report(outcomes: readonly Outcome[]): string {
  const bad = outcomes.filter(({ violations, faults }) => violations.length + faults.length > 0);
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
