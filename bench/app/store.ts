/**
 * The shop's way to Redis: one connection string, a few connections used in turn, and the bookkeeping of each write.
 *
 * Connections never send a command again after a loss: a write that may have happened is not made twice, its keys
 * become undecided in the record and the request fails.
 */
import { Redis, type Result } from 'ioredis';
import type { Expectation } from './expectations.js';
import type { WriteRecord } from './record.js';
import { CHECKOUT, RESERVE } from './scripts.js';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    checkout(cart: string, orders: string, orderId: string): Result<number, Context>;
    reserve(stock: string, reserved: string, quantity: number): Result<number, Context>;
  }
}

type ExecReply = [Error | null, unknown][] | null;

export class Store {
  private readonly connections: Redis[] = [];
  private turn = 0;
  private serial = 0;

  constructor(
    url: string,
    readonly record: WriteRecord,
    connections: number,
  ) {
    for (let i = 0; i < connections; i++) {
      const redis = new Redis(url, { protocol: 2, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 });
      redis.on('error', () => {}); // the commands that it hits are rejected, which is where it counts
      redis.defineCommand('checkout', { numberOfKeys: 2, lua: CHECKOUT });
      redis.defineCommand('reserve', { numberOfKeys: 2, lua: RESERVE });
      this.connections.push(redis);
    }
  }

  async open(): Promise<void> {
    await Promise.all(
      this.connections.map((redis) => (redis.status === 'ready' ? redis : new Promise((r) => redis.once('ready', r)))),
    );
  }

  close(): void {
    for (const redis of this.connections) redis.disconnect();
  }

  /** Connections in turn: what was written on one must be visible on the next. */
  redis(): Redis {
    return this.connections[this.turn++ % this.connections.length]!;
  }

  /** A name that was never given before. */
  next(prefix: string): string {
    return `${prefix}${++this.serial}`;
  }

  /** Counts writes once Redis acknowledged them; if the outcome is unknown, so are the keys from then on. */
  async write<T>(keys: readonly Expectation[], writes: number, command: Promise<T>): Promise<T> {
    try {
      const reply = await command;
      this.record.acknowledged(writes);
      return reply;
    } catch (error) {
      this.record.undecided(keys);
      throw error;
    }
  }

  transaction(keys: readonly Expectation[], writes: number, exec: Promise<ExecReply>): Promise<unknown[]> {
    const replies = exec.then((results) => {
      if (results === null) throw new Error('EXEC answered nil without a WATCH');
      return results.map(([error, reply]) => {
        if (error !== null) throw error;
        return reply;
      });
    });
    return this.write(keys, writes, replies);
  }
}
