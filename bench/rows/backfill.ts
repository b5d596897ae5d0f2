/**
 * Copying and comparing 300,000 small keys while nobody else does anything.
 *
 *   backfill   against Redis' own `MIGRATE … COPY REPLACE KEYS`, 500 keys per call, whose keys are known beforehand:
 *              of what an operator would need for it, the SCAN is not counted
 *   verify     against the backfill of the same run
 *
 * Each round begins with an empty target and a Ferry that has just been started, as it is done in earnest: only once.
 */
import type { FerryProcess } from '../../src/cli/demo/ferry.js';
import type { RedisProcess } from '../../src/cli/demo/redis.js';
import { benchmarkKey, fill } from '../harness/fill.js';
import type { Site } from '../harness/site.js';
import { inTurns } from '../harness/turns.js';
import { atLeast, compared } from '../report/measure.js';
import { startOver, timedBackfill, timedVerification, withRedis } from './migration.js';
import type { Row, RowContext } from './row.js';
import { VALUE_BYTES } from './workloads.js';

const KEYS = 300_000;
const KEYS_PER_MIGRATE = 500;
const MIGRATE_TIMEOUT_MS = 60_000;

export const backfill: Row = {
  id: 'backfill',
  title: 'backfill, 300,000 small keys, idle',
  bar: "≥ 0.9× keys/s of Redis' own MIGRATE … COPY … KEYS (500 per call)",
  async measure(context) {
    const { signal, site: newSite } = context;
    const site = newSite();
    const { keys, source, target } = await prepared(site, context);
    const migrateTarget = await site.redis("MIGRATE's target");
    const [own, theirs] = await inTurns(
      [
        () => withFreshFerry(site, source, target, (ferry) => timedBackfill(ferry, keys, signal)),
        () => timedMigrate(source, migrateTarget, keys),
      ],
      { ...turns(context), warmUp: false },
    );
    const about = { row: 'backfill', name: 'backfill', unit: 'keys/s', peerName: 'MIGRATE' };
    return { measures: [compared({ ...about, bar: atLeast(0.9) }, own!, theirs!)] };
  },
};

export const verify: Row = {
  id: 'verify',
  title: 'verify, equal sides',
  bar: "≥ 1.0× backfill's keys/s",
  async measure(context) {
    const { signal, site: newSite } = context;
    const site = newSite();
    const { keys, source, target } = await prepared(site, context);
    const both = async (): Promise<readonly [number, number]> =>
      withFreshFerry(site, source, target, async (ferry) => [
        await timedBackfill(ferry, keys, signal),
        await timedVerification(ferry, keys, signal),
      ]);
    const [rates] = await inTurns([both], { ...turns(context), warmUp: false });
    const about = { row: 'verify', name: 'verification', unit: 'keys/s', peerName: 'backfill' };
    return {
      measures: [
        compared(
          { ...about, bar: atLeast(1) },
          rates!.map(([, verified]) => verified),
          rates!.map(([copied]) => copied),
        ),
      ],
    };
  },
};

interface Prepared {
  readonly keys: number;
  readonly source: RedisProcess;
  readonly target: RedisProcess;
}

async function prepared(site: Site, { scale }: RowContext): Promise<Prepared> {
  const keys = Math.ceil(KEYS * scale);
  const [source, target] = [await site.redis('the source'), await site.redis('the target')];
  await fill(source.port, { keys, valueBytes: VALUE_BYTES });
  return { keys, source, target };
}

function turns({ rounds, signal, progress }: RowContext) {
  const onProgress = (done: number, total: number): void => progress(done / total, `${done} of ${total} runs`);
  return { rounds, signal, onProgress };
}

async function withFreshFerry<T>(
  site: Site,
  source: RedisProcess,
  target: RedisProcess,
  work: (ferry: FerryProcess) => Promise<T>,
): Promise<T> {
  await startOver(source.url, target.url);
  const ferry = await site.ferry({ source: source.url, target: target.url });
  await ferry.step('dual-write');
  const result = await work(ferry);
  await ferry.child.stop();
  return result;
}

/** Keys per second, call after call on one connection: the servers do nothing else while one lasts. */
async function timedMigrate(source: RedisProcess, target: RedisProcess, keys: number): Promise<number> {
  await withRedis(target.url, (redis) => redis.flushall());
  const names = Array.from({ length: keys }, (_, i) => benchmarkKey(i));
  return withRedis(source.url, async (redis) => {
    const startedMs = performance.now();
    for (let i = 0; i < keys; i += KEYS_PER_MIGRATE) {
      const some = names.slice(i, i + KEYS_PER_MIGRATE);
      const where = ['127.0.0.1', target.port, '', 0, MIGRATE_TIMEOUT_MS] as const;
      await redis.call('MIGRATE', ...where, 'COPY', 'REPLACE', 'KEYS', ...some);
    }
    return (keys * 1000) / (performance.now() - startedMs);
  });
}
