/**
 * Values of 1 MB, GET and SET, against HAProxy, which moves bytes and does not look at them. Few keys, as a hundred
 * thousand of them would not fit.
 */
import type { Contest } from '../harness/contest.js';
import { atLeast, compared, type Measure, unmeasured } from '../report/measure.js';
import { lineUp } from './line-up.js';
import type { Row } from './row.js';
import { type Test, workload } from './workloads.js';

const VALUE_BYTES = 1 << 20;
const KEYS = 64;
const TESTS: readonly Test[] = ['get', 'set'];

export const bigValues: Row = {
  id: 'big-values',
  title: '1 MB values, GET and SET',
  bar: '≥ 0.9× HAProxy TCP',
  peers: ['haproxy'],
  async measure(context) {
    const site = context.site();
    const contestants = await lineUp(context, site, { keys: KEYS, valueBytes: VALUE_BYTES }, ['haproxy', 'nutcracker']);
    const contests: Contest[] = [];
    const measures: Measure[] = [];
    for (const [index, test] of TESTS.entries()) {
      const big = {
        ...workload(test, 1, { valueBytes: VALUE_BYTES, keys: KEYS }),
        name: `${test.toUpperCase()}, 1 MB`,
      };
      const contest = await context.contest(big, contestants, { index, of: TESTS.length });
      contests.push(contest);
      const ratesOf = (name: string): number[] | undefined =>
        contest.entries.find(({ contestant }) => contestant.name === name)?.samples.map(({ perSecond }) => perSecond);
      for (const peerName of ['haproxy', 'nutcracker', 'directly']) {
        const bar = peerName === 'haproxy' ? atLeast(0.9) : null;
        const about = { row: 'big-values', name: big.name, unit: 'commands/s', peerName, bar };
        const rates = ratesOf(peerName);
        if (rates !== undefined) measures.push(compared(about, ratesOf('Ferry')!, rates));
        else if (bar !== null) measures.push(unmeasured(about, `${peerName} is not here`));
      }
    }
    return { measures, contests };
  },
};
