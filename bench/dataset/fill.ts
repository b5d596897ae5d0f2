/** Writes the dataset to a server, pipelined. Every command must succeed. */
import { Redis } from 'ioredis';
import { type DatasetOptions, dataset } from './dataset.js';
import type { RedisCommand } from './shapes.js';

export interface Filled {
  keys: number;
  commands: number;
  seconds: number;
}

const COMMANDS_PER_BATCH = 1000;
const BATCHES_IN_FLIGHT = 3;

export async function fillDataset(
  url: string,
  options: DatasetOptions,
  onProgress: (keys: number) => void = () => {},
): Promise<Filled> {
  const startedAtMs = Date.now();
  const connections = new Map<number, Redis>();
  const batches = new Map<number, RedisCommand[]>();
  const inFlight: Promise<void>[] = [];
  let keys = 0;
  let commands = 0;

  async function flush(db: number): Promise<void> {
    const batch = batches.get(db) ?? [];
    batches.set(db, []);
    let redis = connections.get(db);
    if (redis === undefined)
      connections.set(db, (redis = new Redis(url, { db, protocol: 2, maxRetriesPerRequest: 2 })));
    commands += batch.length;
    inFlight.push(send(redis, batch));
    if (inFlight.length >= BATCHES_IN_FLIGHT) await inFlight.shift();
    onProgress(keys);
  }

  try {
    for (const entry of dataset(options)) {
      let batch = batches.get(entry.db);
      if (batch === undefined) batches.set(entry.db, (batch = []));
      batch.push(...entry.commands);
      keys++;
      if (batch.length >= COMMANDS_PER_BATCH) await flush(entry.db);
    }
    for (const db of batches.keys()) await flush(db);
    await Promise.all(inFlight);
  } finally {
    for (const redis of connections.values()) redis.disconnect();
  }
  return { keys, commands, seconds: (Date.now() - startedAtMs) / 1000 };
}

async function send(redis: Redis, batch: readonly RedisCommand[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const [name, ...args] of batch) pipeline.call(name, ...args);
  const replies = (await pipeline.exec()) ?? [];
  const failed = replies.findIndex(([error]) => error !== null);
  if (failed >= 0) throw new Error(`${batch[failed]?.slice(0, 3).join(' ')}: ${replies[failed]?.[0]?.message}`);
}
