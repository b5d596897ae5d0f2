/**
 * What an application notices of a backfill with default settings: its p99 at 20,000 commands a second (90 % GETs), in
 * turns without one and while one runs. The load does not wait for replies, so whatever stalls shows.
 */
import { fill } from '../harness/fill.js';
import { portOf } from '../harness/site.js';
import { inTurns } from '../harness/turns.js';
import { LoadDriver } from '../load/driver.js';
import type { LoadWindow } from '../load/load.js';
import { atMost, compared, single, undecided } from '../report/measure.js';
import { timedBackfill } from './migration.js';
import type { Row } from './row.js';
import { pause } from './timing.js';
import { CLIENTS, KEYS, VALUE_BYTES } from './workloads.js';

const PER_SECOND = 20_000;
const COPIED_KEYS = 600_000;
const SETTLE_MS = 500;
/** Less of the load than this is not the load that the bar speaks of. */
const ENOUGH = 0.95;

export const backfillLive: Row = {
  id: 'backfill-live',
  title: 'backfill beside 20k ops/s of live load, default settings',
  bar: 'app p99 ≤ 1.5× without backfill',
  async measure({ site: newSite, rounds, seconds, scale, signal, progress }) {
    const site = newSite();
    const [source, target] = [await site.redis('the source'), await site.redis('the target')];
    const keys = Math.max(KEYS, COPIED_KEYS * scale);
    await fill(source.port, { keys, valueBytes: VALUE_BYTES });
    const ferry = await site.ferry({ source: source.url, target: target.url });
    await ferry.step('dual-write');
    const mix = { keys: KEYS, valueBytes: VALUE_BYTES, getShare: 0.9, pipeline: 1, seed: 1 };
    const options = { ...mix, port: portOf(ferry.url), clients: CLIENTS, perSecond: PER_SECOND };
    const load = await LoadDriver.load(options, site.cleanup);
    const keysPerSecond: number[] = [];
    let backfillMs = seconds * 1000;
    const during = async (work: () => Promise<unknown>): Promise<LoadWindow> => {
      await pause(SETTLE_MS * scale, signal);
      await load.window();
      await work();
      const window = await load.window();
      if (window.failures > 0) throw new Error(`${window.failures} commands failed: ${window.failure}`);
      return window;
    };
    await load.go();
    const [quiet, busy] = await inTurns(
      [
        // as long as the backfill before it took
        () => during(() => pause(backfillMs, signal)),
        () =>
          during(async () => {
            const startedMs = performance.now();
            keysPerSecond.push(await timedBackfill(ferry, keys, signal));
            backfillMs = performance.now() - startedMs;
          }),
      ],
      {
        rounds,
        warmUp: true,
        signal,
        onProgress: (done, total) => progress(done / total, `${done} of ${total} runs`),
      },
    );
    await load.halt();
    const rates = busy!.map((window) => window.replies / window.seconds);
    const isEnough = rates.every((rate) => rate >= PER_SECOND * ENOUGH);
    const about = { row: 'backfill-live', peerName: 'no backfill' };
    const both = (of: (window: LoadWindow) => number): [number[], number[]] => [busy!.map(of), quiet!.map(of)];
    const p99 = compared({ ...about, name: 'app, p99', unit: 'ms', bar: atMost(1.5) }, ...both(({ p99Ms }) => p99Ms));
    return {
      measures: [
        isEnough ? p99 : undecided(p99, `this machine did not come to ${PER_SECOND} commands/s`),
        compared({ ...about, name: 'app, p50', unit: 'ms' }, ...both(({ p50Ms }) => p50Ms)),
        compared({ ...about, name: 'app, p99.9', unit: 'ms' }, ...both(({ p999Ms }) => p999Ms)),
        compared({ ...about, name: 'app', unit: 'commands/s' }, ...both((window) => window.replies / window.seconds)),
        single({ row: 'backfill-live', name: 'the backfill', unit: 'keys/s' }, keysPerSecond.slice(-rounds)),
      ],
    };
  },
};
