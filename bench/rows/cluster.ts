/**
 * A Redis Cluster of three masters as the authority, against one server: both after the last step of a migration, in
 * `target-only`, each Ferry with servers of its own. Three servers share the cores where the other contestant has one.
 */
import type { Contest } from '../harness/contest.js';
import { asContestant } from '../harness/site.js';
import { atLeast, type Measure } from '../report/measure.js';
import { migrated } from './migrated.js';
import { ownMeasures } from './own-ratios.js';
import type { Row } from './row.js';
import { type Test, workload } from './workloads.js';

const CASES: readonly (readonly [Test, number])[] = [
  ['get', 1],
  ['set', 1],
  ['get', 16],
  ['set', 16],
];

export const cluster: Row = {
  id: 'cluster',
  title: 'Cluster target as authority, 3 masters, against own standalone figure',
  bar: '≥ 0.9×',
  async measure(context) {
    const site = context.site();
    const one = await migrated(site, { phase: 'target-only' });
    const { url } = await site.cluster();
    const three = await migrated(site, { phase: 'target-only', target: url });
    const contestants = [asContestant('Cluster', three.ferry), asContestant('standalone', one.ferry)];
    const contests: Contest[] = [];
    const measures: Measure[] = [];
    for (const [index, [test, pipeline]] of CASES.entries()) {
      const contest = await context.contest(workload(test, pipeline), contestants, { index, of: CASES.length });
      contests.push(contest);
      measures.push(...ownMeasures('cluster', contest, 'Cluster', 'standalone', atLeast(0.9)));
    }
    return { measures, contests };
  },
};
