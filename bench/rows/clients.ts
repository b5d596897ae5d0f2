/**
 * Many clients at work at once: 1,000 against 50, through the same Ferry. The load generator has more to do with 1,000 as
 * well; the same two against Redis directly tell how much of the difference is not Ferry's.
 */
import type { Contest, Contestant } from '../harness/contest.js';
import { asContestant } from '../harness/site.js';
import { atLeast, compared, type Measure } from '../report/measure.js';
import { migrated } from './migrated.js';
import type { Row } from './row.js';
import { CLIENTS, type Test, workload } from './workloads.js';

const MANY = 1000;
const TESTS: readonly Test[] = ['get', 'set'];

export const manyClients: Row = {
  id: 'clients-1000',
  title: '1,000 active clients against 50',
  bar: '≥ 0.9× throughput',
  async measure(context) {
    const { ferry, source } = await migrated(context.site(), { phase: 'source-only' });
    const contests: Contest[] = [];
    const measures: Measure[] = [];
    for (const [index, test] of TESTS.entries()) {
      const few = workload(test, 1);
      const many = { ...few, clients: MANY };
      const own = asContestant('', ferry);
      const direct: Contestant = { name: '', port: source.port, pid: null };
      const contestants: Contestant[] = [
        { ...own, name: 'Ferry, 1,000 clients', workload: many },
        { ...own, name: 'Ferry, 50 clients' },
        { ...direct, name: 'directly, 1,000 clients', workload: many },
        { ...direct, name: 'directly, 50 clients' },
      ];
      const contest = await context.contest(few, contestants, { index, of: TESTS.length });
      contests.push(contest);
      const rates = (i: number): number[] => contest.entries[i]!.samples.map(({ perSecond }) => perSecond);
      const about = { row: 'clients-1000', unit: 'commands/s', peerName: `${CLIENTS} clients` };
      const name = test.toUpperCase();
      measures.push(compared({ ...about, name: `${name}, 1,000 clients`, bar: atLeast(0.9) }, rates(0), rates(1)));
      measures.push(compared({ ...about, name: `${name}, directly` }, rates(2), rates(3)));
    }
    return { measures, contests };
  },
};
