/** A backfill and a verification with their duration, taken from Ferry's status at short intervals. */
import { Redis } from 'ioredis';
import type { Status } from '../../src/admin/control.js';
import type { FerryProcess } from '../../src/cli/demo/ferry.js';
import { watch } from './timing.js';

const POLL_MS = 10;
export const LEASE_KEY = '__ferry:lease';

/** Keys copied per second. */
export async function timedBackfill(ferry: FerryProcess, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  await ferry.admin.backfill('start');
  const { backfill } = await polled(ferry, ({ backfill }) => backfill.state !== 'running', signal);
  const seconds = (performance.now() - startedMs) / 1000;
  if (backfill.state !== 'done' || backfill.failed > 0) throw new Error(`the backfill: ${JSON.stringify(backfill)}`);
  return backfill.copied / seconds;
}

/** Keys compared per second; that both sides are equal is part of it. */
export async function timedVerification(ferry: FerryProcess, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  await ferry.admin.verify(false);
  const { verify } = await polled(ferry, ({ verify }) => verify.state !== 'running', signal);
  const seconds = (performance.now() - startedMs) / 1000;
  if (verify.state !== 'done' || verify.clean !== true) throw new Error(`the verification: ${JSON.stringify(verify)}`);
  return verify.compared / seconds;
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
