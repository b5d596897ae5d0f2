/**
 * A million keys: the whole look takes less than a minute, and it does not move the source's p99 by more than a tenth. Part of
 * the long run only: it measures, and wants the machine for itself.
 *
 * The preflight is a process on the same machine, whose cores it shares with the server and its clients, and that alone moves
 * their p99 where there are two cores only. A preflight of *another* source of the same size is
 * measured beside it: the difference between the two is what the questions do to the server that is asked.
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
const ROUNDS = 3;

const servers: RedisServer[] = [];
const wires: Wire[] = [];
afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

test.runIf(IS_LONG_RUN)('a million keys in under a minute, unfelt', { timeout: 600_000 }, async () => {
  const source = await startRedis({ args: ['--enable-debug-command', 'yes'] });
  const target = await startRedis();
  const other = await startRedis({ args: ['--enable-debug-command', 'yes'] });
  servers.push(source, target, other);
  for (const { port } of [source, other]) {
    const wire = await Wire.open(port);
    wires.push(wire);
    expect(text(await wire.send('DEBUG', 'POPULATE', KEYS, 'user', 64))).toBe('OK');
  }
  const load = await Load.start(source.port);
  const rounds: { without: number; elsewhere: number; during: number; seconds: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let looking = look(source, target);
    const during = await load.p99While(looking);
    const seconds = (await looking).seconds;
    looking = look(other, target);
    const elsewhere = await load.p99While(looking);
    await looking;
    rounds.push({ during, elsewhere, seconds, without: await load.p99While(pause(seconds)) });
  }
  await load.stop();
  console.log(
    rounds
      .map(
        ({ without, elsewhere, during, seconds }) =>
          `${seconds.toFixed(1)} s, p99 ${during.toFixed(3)} ms, ${elsewhere.toFixed(3)} ms of another source, ${without.toFixed(3)} ms without`,
      )
      .join('\n'),
  );
  for (const { seconds } of rounds) expect(seconds).toBeLessThan(60);
  expect(median(rounds.map(({ during }) => during))).toBeLessThan(1.1 * median(rounds.map(({ without }) => without)));
});

async function look(source: RedisServer, target: RedisServer): Promise<{ seconds: number }> {
  const startedMs = performance.now();
  const ran = await runFerry(['preflight', '--json', '--source', source.url, '--target', target.url]);
  expect(ran.code).toBe(0);
  const { findings } = JSON.parse(ran.stdout) as { findings: { code: string; evidence: string }[] };
  expect(findings.find(({ code }) => code === 'sample')?.evidence).toMatch(/^10,0\d\d of 1,000,000 keys/);
  return { seconds: (performance.now() - startedMs) / 1000 };
}

async function pause(seconds: number): Promise<{ seconds: number }> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return { seconds };
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

  async p99While(work: Promise<unknown>): Promise<number> {
    this.samples = [];
    await work;
    const sorted = this.samples.sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)]!;
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

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
