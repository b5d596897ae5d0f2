/**
 * BullMQ, unchanged: workers take every job once while the migration goes through its phases under them.
 *
 * Its scripts touch keys that they do not declare, so they are replayed on the mirror (`scripts: replay`).
 */
import { Queue, Worker } from 'bullmq';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';

const JOBS = 10_000;
const BATCH = 500;
const WORKERS = 4;
const STALL_MS = 15_000;

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open({ config: { scripts: { default: 'replay' } } });
});
afterEach(() => stage?.close());

test('10,000 jobs are done once each, with backfill, cutover, rollback and cutover in the middle', {
  timeout: 180_000,
}, async () => {
  const connection = { host: '127.0.0.1', port: stage.ferry.port };
  const queue = new Queue('jobs', { connection });
  const done = new Map<number, number>();
  const failures: string[] = [];
  const workers = Array.from({ length: WORKERS }, () => {
    const worker = new Worker(
      'jobs',
      async (job) => {
        done.set(job.data.n, (done.get(job.data.n) ?? 0) + 1);
      },
      { connection, concurrency: 50 },
    );
    worker.on('failed', (_, error) => failures.push(String(error)));
    worker.on('error', (error) => failures.push(String(error)));
    return worker;
  });
  try {
    const addAll = async (from: number, to: number, pauseMs: number): Promise<void> => {
      for (let n = from; n < to; n += BATCH) {
        await queue.addBulk(
          Array.from({ length: BATCH }, (_, i) => ({
            name: 'job',
            data: { n: n + i },
            opts: { removeOnComplete: (n + i) % 2 === 0 },
          })),
        );
        await sleep(pauseMs);
      }
    };
    const add = (from: number, to: number, pauseMs = 0): Promise<void> => {
      const adding = addAll(from, to, pauseMs);
      adding.catch(() => {}); // awaited later: what fails before that is told first, and alone
      return adding;
    };
    const adding = add(0, JOBS);
    await sleep(300);
    await stage.goTo('dual-write');
    await adding;
    await finished(done);
    await stage.backfill();
    expect(await stage.verify(true)).toBeDefined();
    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-read');
    // and again, with cutovers while they work
    const again = add(JOBS, 2 * JOBS, 100);
    for (const [i, to] of (['target-first', 'target-read', 'target-first'] as const).entries()) {
      await finished(done, JOBS + 2000 * (i + 1));
      expect(done.size).toBeLessThan(2 * JOBS);
      await stage.goTo(to);
    }
    await again;
    await finished(done, 2 * JOBS);
    expect(failures).toEqual([]);
    expect([...done.values()].every((count) => count === 1)).toBe(true);
    await stage.settled();
    // its scripts trim their stream of events by MAXLEN ~, which no two servers do alike: found, and repaired
    const differing = (await stage.verify(true)).map(({ key }) => key.toString());
    expect(differing.filter((key) => key !== 'bull:jobs:events')).toEqual([]);
    expect(await stage.verify()).toEqual([]);
  } finally {
    await Promise.all(workers.map((worker) => worker.close()));
    await queue.close();
  }
});

/** Waits until so many jobs were done; that none is done for a while is an error. */
async function finished(done: ReadonlyMap<number, number>, jobs = JOBS): Promise<void> {
  let [before, stalledSince] = [done.size, Date.now()];
  while (done.size < jobs) {
    await sleep(5);
    if (done.size > before) [before, stalledSince] = [done.size, Date.now()];
    else if (Date.now() - stalledSince > STALL_MS)
      throw new Error(`${done.size} of ${jobs} jobs were done, then no more`);
  }
}
