/** A backfill and a verification with their duration, taken from Ferry's status at short intervals. */
import { Redis } from 'ioredis';
import type { Status } from '../../src/admin/control.js';
import type { FerryProcess } from '../../src/cli/demo/ferry.js';
import { watch } from './timing.js';

const POLL_MS = 10;
export const LEASE_KEY = '__ferry:lease';

/** Keys copied per second, of so many that there are. */
export async function timedBackfill(ferry: FerryProcess, keys: number, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  await ferry.admin.backfill('start');
  const { backfill } = await polled(ferry, ({ backfill }) => backfill.state !== 'running', signal);
  const seconds = (performance.now() - startedMs) / 1000;
  const isWhole = backfill.state === 'done' && backfill.failed === 0 && backfill.copied >= keys;
  if (!isWhole) throw new Error(`the backfill of ${keys} keys: ${JSON.stringify(backfill)}`);
  return keys / seconds;
}

/** Keys compared per second, of so many that there are on each side; that these are equal is part of it. */
export async function timedVerification(ferry: FerryProcess, keys: number, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  await ferry.admin.verify(false);
  const { verify } = await polled(ferry, ({ verify }) => verify.state !== 'running', signal);
  const seconds = (performance.now() - startedMs) / 1000;
  const isWhole = verify.state === 'done' && verify.clean === true && verify.compared >= keys;
  if (!isWhole) throw new Error(`the verification of ${keys} keys: ${JSON.stringify(verify)}`);
  return keys / seconds;
}

function polled(ferry: FerryProcess, isOver: (status: Status) => boolean, signal: AbortSignal): Promise<Status> {
  return watch(() => ferry.admin.status(), isOver, POLL_MS, signal);
}

/** As if no Ferry had ever worked on these two, whose target is empty then. */
export async function startOver(source: string, target: string): Promise<void> {
  await withRedis(source, (redis) => redis.del(LEASE_KEY));
  await withRedis(target, (redis) => redis.flushall());
}

export async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { protocol: 2, maxRetriesPerRequest: 2 });
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
