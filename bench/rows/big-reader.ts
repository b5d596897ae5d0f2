/**
 * 50 clients of small GETs beside one that reads values of 50 MB: how much worse their p99 is than beside the same reader on
 * Redis directly. What the reader got is told too, since nothing would be easier than to starve it.
 */
import { Redis } from 'ioredis';
import type { Contestant } from '../harness/contest.js';
import { fill } from '../harness/fill.js';
import { asContestant, type Site } from '../harness/site.js';
import { LoadDriver } from '../load/driver.js';
import { atMost, compared, single } from '../report/measure.js';
import type { Row } from './row.js';
import { KEYS, VALUE_BYTES, workload } from './workloads.js';

const BIG_KEY = 'big';
/** A percentile of few requests is none. */
const LONGER = 3;
const BIG_BYTES = 50 * 1000 * 1000;

export const bigReader: Row = {
  id: 'big-reader',
  title: '50 clients of small GETs beside one that reads 50 MB values: p99 of the 50',
  bar: '≤ 2× the same run against Redis directly',
  async measure(context) {
    const site = context.site();
    const [source, target] = [await site.redis('the source'), await site.redis('the target')];
    await fill(source.port, { keys: KEYS, valueBytes: VALUE_BYTES });
    const bigBytes = Math.ceil(BIG_BYTES * context.scale);
    const redis = new Redis(source.url, { protocol: 2 });
    await redis.set(BIG_KEY, Buffer.alloc(bigBytes, 'z'));
    redis.disconnect();
    const ferry = await site.ferry({ source: source.url, target: target.url });
    const direct: Contestant = { name: 'directly', port: source.port, pid: null };
    const [own, theirs] = [await withReader(site, asContestant('Ferry', ferry)), await withReader(site, direct)];
    const alone = { ...asContestant('Ferry, no reader', ferry) };

    const gets = { ...workload('get', 1), name: 'GET beside a reader of 50 MB' };
    const contest = await context.contest(gets, [own.contestant, theirs.contestant, alone], {
      index: 0,
      of: 1,
      longer: LONGER,
    });
    const [ours, others, quiet] = contest.entries.map(({ samples }) => samples);
    const about = { row: 'big-reader', peerName: 'directly' };
    const [ferryRead, directRead] = [own.megabytesPerSecond(context.rounds), theirs.megabytesPerSecond(context.rounds)];
    return {
      contests: [contest],
      measures: [
        compared(
          { ...about, name: 'small GETs, p99', unit: 'ms', bar: atMost(2) },
          ours!.map(({ p99Ms }) => p99Ms),
          others!.map(({ p99Ms }) => p99Ms),
        ),
        compared(
          { ...about, name: 'small GETs', unit: 'commands/s' },
          ours!.map(({ perSecond }) => perSecond),
          others!.map(({ perSecond }) => perSecond),
        ),
        compared({ ...about, name: 'the reader', unit: 'MB/s' }, ferryRead, directRead),
        single(
          { row: 'big-reader', name: 'p99, no reader', unit: 'ms' },
          quiet!.map(({ p99Ms }) => p99Ms),
        ),
      ],
    };
  },
};

interface WithReader {
  readonly contestant: Contestant;
  /** of the reader, in the last so many runs */
  megabytesPerSecond(rounds: number): number[];
}

async function withReader(site: Site, contestant: Contestant): Promise<WithReader> {
  const reader = await LoadDriver.reader(contestant.port, BIG_KEY, site.cleanup);
  const rates: number[] = [];
  const beside = async (): Promise<() => Promise<void>> => {
    await reader.window();
    await reader.go();
    return async () => {
      const { bytes, seconds } = await reader.window();
      rates.push(bytes / 1e6 / seconds);
      await reader.halt();
    };
  };
  return { contestant: { ...contestant, beside }, megabytesPerSecond: (rounds) => rates.slice(-rounds) };
}
