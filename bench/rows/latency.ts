/**
 * What one client that waits for each reply notices: the median latency that a proxy adds to the server's own. Of each
 * round the server's median is taken off, so that a slow moment of the machine counts for both.
 */
import type { Contest, Contestant } from '../harness/contest.js';
import { fill } from '../harness/fill.js';
import { asContestant } from '../harness/site.js';
import { atMost, compared, type Measure, unmeasured } from '../report/measure.js';
import type { Row } from './row.js';
import { KEYS, type Test, VALUE_BYTES, workload } from './workloads.js';

const TESTS: readonly Test[] = ['get', 'set'];

export const latency: Row = {
  id: 'latency',
  title: 'one client, no pipeline, added p50 latency',
  bar: '≤ 1.2× what nutcracker adds',
  peers: ['nutcracker'],
  async measure(context) {
    const site = context.site();
    const [source, target] = [await site.redis('the source'), await site.redis('the target')];
    await fill(source.port, { keys: KEYS, valueBytes: VALUE_BYTES });
    const ferry = await site.ferry({ source: source.url, target: target.url });
    const contestants: Contestant[] = [asContestant('Ferry', ferry)];
    for (const name of ['nutcracker', 'haproxy'] as const) {
      const peer = context.peers.get(name);
      if (peer !== undefined) contestants.push(await site.peer(peer, source.port));
    }
    contestants.push({ name: 'directly', port: source.port, pid: null });
    const contests: Contest[] = [];
    const measures: Measure[] = [];
    for (const [index, test] of TESTS.entries()) {
      const contest = await context.contest(workload(test, 1, { clients: 1 }), contestants, {
        index,
        of: TESTS.length,
      });
      contests.push(contest);
      const addedBy = (name: string): number[] | undefined => added(contest, name);
      for (const peerName of ['nutcracker', 'haproxy']) {
        const bar = peerName === 'nutcracker' ? atMost(1.2) : null;
        const about = { row: 'latency', name: test.toUpperCase(), unit: 'µs added, p50', peerName, bar };
        const theirs = addedBy(peerName);
        if (theirs !== undefined) measures.push(compared(about, addedBy('Ferry')!, theirs));
        else if (bar !== null) measures.push(unmeasured(about, `${peerName} is not here`));
      }
    }
    return { measures, contests };
  },
};

/** µs, by round. */
function added({ entries }: Contest, name: string): number[] | undefined {
  const p50s = (of: string): number[] | undefined =>
    entries.find(({ contestant }) => contestant.name === of)?.samples.map(({ p50Ms }) => p50Ms);
  const direct = p50s('directly')!;
  return p50s(name)?.map((p50Ms, round) => (p50Ms - direct[round]!) * 1000);
}
