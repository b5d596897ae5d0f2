/**
 * A master is killed (-9) and its replica promoted, on either side, under live load (ways to diverge 11).
 *
 * "0 lost acknowledged writes that the servers themselves did not lose" is told like this: before the kill the load's
 * acknowledged writes are on the authority; a write that the promoted replica does not have was lost by the servers. It
 * must then be on neither side. So the judge compares both sides key by key, and the clients check while they work that
 * nothing they read is older than what they wrote, except after a connection was closed under them.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { casesOf } from '../../support/long-run.js';
import { Load } from '../journey/load.js';
import { sleep } from '../journey/stage.js';
import type { Deployment, Kind } from './deployment.js';
import { Voyage } from './voyage.js';

let voyage: Voyage | null = null;
afterEach(async () => {
  await voyage?.close();
  voyage = null;
});

/** Kills a master and waits until its replica serves. */
async function failOver({ cluster, sentinels }: Deployment): Promise<void> {
  if (cluster !== null) {
    const [first] = await cluster.masters();
    const index = cluster.nodes.indexOf(first!.node);
    await cluster.failedOver(await cluster.killMaster(index));
    await cluster.restart(cluster.nodes[index]!);
  } else if (sentinels !== null) {
    const dead = await sentinels.killMaster();
    await sentinels.promoted(dead.port);
  }
}

/** The first two always; all of them in the long run (npm run test:long). */
const ALL_CASES: readonly (readonly [from: Kind, to: Kind, side: 'source' | 'target'])[] = [
  ['standalone', 'cluster', 'target'],
  ['cluster', 'standalone', 'source'],
  ['cluster', 'cluster', 'target'],
  ['sentinel', 'cluster', 'source'],
  ['cluster', 'sentinel', 'target'],
];

const CASES = casesOf(ALL_CASES, 2);

describe.each(CASES)('case 11: %s to %s, a master of the %s killed', (from, to, side) => {
  test('as the mirror and as the authority: both sides are equal again', async () => {
    voyage = await Voyage.open(from, to);
    const load = new Load(voyage.ferry.port, { clients: 6, mayClose: true, pauseMs: 1 });
    try {
      await load.more(100);
      await voyage.readyForCutover();
      await load.more(50);
      await failOver(voyage[side]);
      await load.more(100);
      await voyage.settled();
      expect(await voyage.verify()).toEqual([]);
      await voyage.goTo('target-first');
      await load.more(100);
      await failOver(voyage[side]);
      await load.more(100);
      await voyage.settled();
      expect(await voyage.verify()).toEqual([]);
      await voyage.goTo('target-read');
      await load.more(50);
    } finally {
      await load.stop();
    }
    await voyage.settled();
    await sleep(100);
    expect(load.complaints.filter((line) => !isOfLostWrite(line))).toEqual([]);
    expect(await voyage.differences()).toEqual([]);
  }, 180_000);
});

/** The shared counter may go back to what the promoted replica has: servers lose what they had not replicated. */
function isOfLostWrite(complaint: string): boolean {
  return complaint.startsWith('GET load:counter');
}
