/** From `ferry serve` on the command line until the first command of a client is answered. */
import { until } from '../../src/cli/demo/waiting.js';
import { answers } from '../harness/ping.js';
import { portOf } from '../harness/site.js';
import { inTurns } from '../harness/turns.js';
import { single, valueAtMost } from '../report/measure.js';
import type { Row } from './row.js';

/** Times the rounds: a start is short, and its median is what counts. */
const STARTS_PER_ROUND = 3;
const POLL_MS = 2;
const TIMEOUT_MS = 30_000;

export const start: Row = {
  id: 'start',
  title: '`ferry serve` until ready',
  bar: '≤ 500 ms',
  async measure({ site: newSite, rounds, progress, signal }) {
    const site = newSite();
    const [source, target] = [await site.redis('the source'), await site.redis('the target')];
    const once = async (): Promise<number> => {
      const { ferry, startedMs } = await site.startFerry({ source: source.url, target: target.url });
      const port = portOf(ferry.url);
      await Promise.race([ferry.child.ended, until('Ferry', TIMEOUT_MS, () => answers(port), POLL_MS)]);
      const elapsedMs = performance.now() - startedMs;
      await ferry.child.stop();
      return elapsedMs;
    };
    const onProgress = (done: number, total: number): void => progress(done / total, `${done} of ${total} starts`);
    const [times] = await inTurns([once], { rounds: rounds * STARTS_PER_ROUND, warmUp: true, signal, onProgress });
    return {
      measures: [single({ row: 'start', name: 'until it answers', unit: 'ms', bar: valueAtMost(500) }, times!)],
    };
  },
};
