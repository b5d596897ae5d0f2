/**
 * A million keys: the whole look takes less than a minute, and it does not move the source's p99 by more than a tenth. Part of
 * the long run only: it measures, and wants the machine for itself.
 *
 * The preflight is a process on the same machine and shares two cores with the server and its clients: the figure includes that.
 */
import { afterEach, expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { IS_LONG_RUN } from '../../support/long-run.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { text, Wire } from '../journey/wire.js';

const KEYS = 1_000_000;
const CLIENTS = 8;
/** Between two commands of a client: an application, not a flood. */
const PAUSE_MS = 2;
/** In turns, and taken together: one round's p99 is another by a third on a machine that does other things as well. */
const ROUNDS = 5;

const servers: RedisServer[] = [];
const wires: Wire[] = [];
afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

test.runIf(IS_LONG_RUN)('a million keys in under a minute, unfelt', { timeout: 600_000 }, async () => {
  const source = await startRedis({ args: ['--enable-debug-command', 'yes'] });
  const target = await startRedis();
  servers.push(source, target);
  const wire = await Wire.open(source.port);
  wires.push(wire);
  expect(text(await wire.send('DEBUG', 'POPULATE', KEYS, 'user', 64))).toBe('OK');
  const load = await Load.start(source.port);
  const during: number[] = [];
  const without: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const looking = look(source, target);
    await load.keepWhile(looking, during);
    const { seconds } = await looking;
    expect(seconds).toBeLessThan(60);
    await load.keepWhile(pause(seconds), without);
  }
  await load.stop();
  const [moved, still] = [p99(during), p99(without)];
  console.log(`p99 ${moved.toFixed(3)} ms of ${during.length}, ${still.toFixed(3)} ms of ${without.length} without`);
  expect(moved).toBeLessThan(1.1 * still);
});

async function look(source: RedisServer, target: RedisServer): Promise<{ seconds: number }> {
  const startedMs = performance.now();
  const ran = await runFerry(['preflight', '--json', '--source', source.url, '--target', target.url]);
  expect(ran.code).toBe(0);
  const { findings } = JSON.parse(ran.stdout) as { findings: { code: string; evidence: string }[] };
  expect(findings.find(({ code }) => code === 'sample')?.evidence).toMatch(/^10,0[0-9]{2} of 1,000,000 keys/);
  return { seconds: (performance.now() - startedMs) / 1000 };
}

async function pause(seconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

class Load {
  private samples: number[] = [];
  private isOver = false;
  private done: Promise<unknown> = Promise.resolve();

  static async start(port: number): Promise<Load> {
    const load = new Load();
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Wire.open(port)));
    wires.push(...clients);
    load.done = Promise.all(clients.map((client, i) => load.run(client, i)));
    return load;
  }

  /** How long each GET took, ms. */
  async keepWhile(work: Promise<unknown>, latencies: number[]): Promise<void> {
    this.samples = latencies;
    await work;
    this.samples = [];
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.done;
  }

  private async run(client: Wire, seed: number): Promise<void> {
    for (let i = seed; !this.isOver; i += 7919) {
      const startedMs = performance.now();
      await client.send('GET', `user:${i % KEYS}`);
      this.samples.push(performance.now() - startedMs);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

function p99(latencies: number[]): number {
  return latencies.sort((a, b) => a - b)[Math.floor(latencies.length * 0.99)]!;
}
