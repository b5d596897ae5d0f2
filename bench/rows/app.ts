/**
 * The demo's web shop under autocannon, with its one connection string pointing to Redis, to Ferry, and to a Ferry that
 * mirrors. Information: most of what a request costs is the application itself.
 */
import { LoadProcess, ShopProcess } from '../../src/cli/demo/shop.js';
import type { LoadStep } from '../app/load.js';
import type { Site } from '../harness/site.js';
import { inTurns } from '../harness/turns.js';
import { compared, type Measure } from '../report/measure.js';
import { bringTo } from './migrated.js';
import type { Row } from './row.js';
import { pause } from './timing.js';

const CONNECTIONS = 50;

export const app: Row = {
  id: 'app',
  title: 'the HTTP demo application, through Ferry and directly',
  bar: '(information)',
  async measure({ site: newSite, rounds, seconds, signal, progress }) {
    const site = newSite();
    const server = async (name: string): Promise<string> => (await site.redis(name)).url;
    const plain = await site.ferry({ source: await server('a source'), target: await server('a target') });
    const dual = await site.ferry({ source: await server('another source'), target: await server('another target') });
    await bringTo(dual, 'dual-write');
    const shops = [
      { name: 'source-only', run: await shop(site, plain.url) },
      { name: 'dual-write', run: await shop(site, dual.url) },
      { name: 'directly', run: await shop(site, await server('a server')) },
    ];
    const onProgress = (done: number, total: number): void => progress(done / total, `${done} of ${total} runs`);
    const runs = shops.map(
      ({ run }) =>
        (round: number): Promise<LoadStep> =>
          run(round, () => pause(seconds * 1000, signal)),
    );
    const results = await inTurns(runs, { rounds, warmUp: true, signal, onProgress });
    const [direct] = results.slice(-1);
    const measures = results.slice(0, -1).flatMap((steps, i): Measure[] => {
      const about = { row: 'app', peerName: 'directly', name: shops[i]!.name };
      const both = (of: (step: LoadStep) => number): [number[], number[]] => [steps.map(of), direct!.map(of)];
      return [
        compared({ ...about, unit: 'requests/s' }, ...both(({ requests, seconds }) => requests / seconds)),
        compared({ ...about, unit: 'ms, p50' }, ...both(({ p50Ms }) => p50Ms)),
        compared({ ...about, unit: 'ms, p99' }, ...both(({ p99Ms }) => p99Ms)),
      ];
    });
    return { measures };
  },
};

type Run = (round: number, meanwhile: () => Promise<void>) => Promise<LoadStep>;

/** Let go of its connections between its runs. */
async function shop(site: Site, redisUrl: string): Promise<Run> {
  const process = new ShopProcess(redisUrl, site.cleanup);
  const load = new LoadProcess(await process.ready(), CONNECTIONS, site.cleanup);
  return async (round, meanwhile) => {
    const name = `round ${round}`;
    await load.mark(name);
    await load.resume();
    await meanwhile();
    await load.pause();
    const step = (await load.report()).find((one) => one.step === name);
    if (step === undefined || step.errors > 0 || step.non2xx > 0) {
      throw new Error(`the application: ${JSON.stringify(step ?? 'no answer')}`);
    }
    return step;
  };
}
