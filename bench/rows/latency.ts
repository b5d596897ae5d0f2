/**
 * What one client that waits for each reply notices: the median latency that a proxy adds to the server's own. Of each
 * round the server's median is taken off, so that a slow moment of the machine counts for both.
 *
 * With a load of our own: redis-benchmark counts latencies in steps of 8 µs, a fifth of what is to be measured here.
 */
import type { Contestant } from '../harness/contest.js';
import { inTurns } from '../harness/turns.js';
import { LoadDriver } from '../load/driver.js';
import { atMost, compared, type Measure, single, unmeasured } from '../report/measure.js';
import { lineUp } from './line-up.js';
import type { Row, RowContext } from './row.js';
import { pause } from './timing.js';
import { KEYS, type Test, VALUE_BYTES } from './workloads.js';

const TESTS: readonly Test[] = ['get', 'set'];

export const latency: Row = {
  id: 'latency',
  title: 'one client, no pipeline, added p50 latency',
  bar: '≤ 1.2× what nutcracker adds',
  peers: ['nutcracker'],
  async measure(context) {
    const site = context.site();
    const contestants = await lineUp(context, site, { keys: KEYS, valueBytes: VALUE_BYTES });
    const measures: Measure[] = [];
    for (const [index, test] of TESTS.entries()) {
      const share = (part: number): number => (index + part) / TESTS.length;
      const p50s = await medians(context, site.cleanup, contestants, test, (done, total) =>
        context.progress(share(done / total), `${test.toUpperCase()}, one client: ${done} of ${total} runs`),
      );
      measures.push(...judged(test, p50s));
    }
    return { measures };
  },
};

/** µs, by contestant and round. */
async function medians(
  { rounds, seconds, signal }: RowContext,
  cleanup: Parameters<typeof LoadDriver.load>[1],
  contestants: readonly Contestant[],
  test: Test,
  onProgress: (done: number, total: number) => void,
): Promise<Map<string, number[]>> {
  const mix = { keys: KEYS, valueBytes: VALUE_BYTES, getShare: test === 'get' ? 1 : 0, pipeline: 1, seed: 1 };
  const loads = [];
  for (const { port } of contestants) {
    loads.push(await LoadDriver.load({ ...mix, port, clients: 1, perSecond: 0 }, cleanup));
  }
  const runs = loads.map((load) => async () => {
    await load.go();
    await pause(seconds * 1000, signal);
    const { p50Ms, failure } = await load.window();
    await load.halt();
    if (failure !== '') throw new Error(failure);
    return p50Ms * 1000;
  });
  const results = await inTurns(runs, { rounds, warmUp: true, signal, onProgress });
  for (const load of loads) await load.child.stop();
  return new Map(contestants.map(({ name }, i) => [name, results[i]!]));
}

function judged(test: Test, p50s: ReadonlyMap<string, number[]>): Measure[] {
  const direct = p50s.get('directly')!;
  const added = (name: string): number[] | undefined => p50s.get(name)?.map((p50, round) => p50 - direct[round]!);
  const own = added('Ferry')!;
  const about = { row: 'latency', name: test.toUpperCase(), unit: 'µs added, p50' };
  const measures = ['nutcracker', 'haproxy', 'predixy'].flatMap((peerName): Measure[] => {
    const bar = peerName === 'nutcracker' ? atMost(1.2) : null;
    const theirs = added(peerName);
    if (theirs !== undefined) return [compared({ ...about, peerName, bar }, own, theirs)];
    return bar === null ? [] : [unmeasured({ ...about, peerName, bar }, `${peerName} is not here`)];
  });
  return [...measures, single({ ...about, name: `${about.name}, directly`, unit: 'µs, p50' }, direct)];
}
