/**
 * A redis-server of the demo: on a free loopback port, in a directory of its own, without persistence. `crash` kills it
 * as a crash would, `recover` starts it again, empty, on the same port.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { Child } from './child.js';
import type { Cleanup } from './cleanup.js';
import type { Target } from './target.js';
import { sleep, until } from './waiting.js';

const START_TIMEOUT_MS = 15_000;
const DEAD_FOR_MS = 1500;

export interface RedisProcessOptions {
  /** default: a free one */
  port?: number;
  args?: readonly string[];
}

export class RedisProcess implements Target {
  readonly kind = 'standalone';
  readonly url: string;
  version = '';
  private child: Child;

  private constructor(
    readonly name: string,
    private readonly binary: string,
    private readonly dir: string,
    readonly port: number,
    private readonly args: readonly string[],
    private readonly cleanup: Cleanup,
  ) {
    this.url = `redis://127.0.0.1:${port}`;
    mkdirSync(dir, { recursive: true });
    this.child = this.spawn();
  }

  static async start(
    name: string,
    binary: string,
    dir: string,
    cleanup: Cleanup,
    { port, args = [] }: RedisProcessOptions = {},
  ): Promise<RedisProcess> {
    const server = new RedisProcess(name, binary, dir, port ?? (await freePort()), args, cleanup);
    await server.ready();
    return server;
  }

  /** rejects when the server that runs now ends by itself */
  get ended(): Promise<never> {
    return this.child.ended;
  }

  get place(): string {
    return `port ${this.port}`;
  }

  kill(): void {
    this.child.kill();
  }

  crash(): string {
    this.kill();
    return `${this.name} is killed (SIGKILL), and comes back empty`;
  }

  async recover(): Promise<string> {
    await sleep(DEAD_FOR_MS);
    await this.child.stop();
    this.child = this.spawn();
    await this.ready();
    return `${this.name} is back, empty`;
  }

  private spawn(): Child {
    const args = ['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.dir, '--save', ''];
    args.push('--appendonly', 'no', '--loglevel', 'notice', '--logfile', join(this.dir, 'redis.log'), ...this.args);
    return new Child(this.name, this.binary, args, {}, this.cleanup);
  }

  private async ready(): Promise<void> {
    const started = until(`${this.name} on port ${this.port}`, START_TIMEOUT_MS, async () => {
      const redis = new Redis(this.url, { lazyConnect: true, protocol: 2, retryStrategy: () => null });
      redis.on('error', () => {});
      try {
        await redis.connect();
        // somebody else's server on that port does not count
        const [, dir] = (await redis.config('GET', 'dir')) as string[];
        if (dir !== realpathSync(this.dir)) return false;
        this.version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '';
        return true;
      } catch {
        return !this.child.running;
      } finally {
        redis.disconnect();
      }
    });
    await Promise.race([this.child.ended, started]);
  }
}

/** The redis-server to use, installed if need be: what bin/ensure-redis prints. */
export async function redisServerBinary(packageRoot: string): Promise<string> {
  if (process.env.REDIS_SERVER_BIN) return process.env.REDIS_SERVER_BIN;
  const { stdout } = await promisify(execFile)(join(packageRoot, 'bin', 'ensure-redis'));
  return stdout.trim();
}

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
