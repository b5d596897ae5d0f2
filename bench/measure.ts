/**
 * A first, honest measurement: redis-benchmark against Redis directly and through Ferry, alternating in one run.
 *
 *   node dist/bench/measure.js [--rounds N] [--requests N]
 *
 * Two real redis-servers and one `ferry serve` on free ports. Each round runs every contestant once (A B C A B C …),
 * so that a noisy machine is noisy for all; the medians and their ratios are what counts. Ferry's processor time per
 * command is its own, read from the kernel. Writes bench/results/latest.json: name, unit, ferry, peer, ratio, bar,
 * reached. Bars are set by the performance work to come; here `bar` is null.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = new URL('../..', import.meta.url).pathname;
const CLOCK_TICKS_PER_SECOND = 100;

interface Contestant {
  readonly name: 'direct' | 'source-only' | 'dual-write';
  readonly port: number;
}

interface Sample {
  readonly perSecond: number;
  /** Ferry's processor time per command, µs; NaN for Redis directly */
  readonly cpuMicros: number;
}

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

async function main(): Promise<void> {
  const rounds = option('--rounds', 5);
  const requests = option('--requests', 100_000);
  const folder = await mkdtemp(join(tmpdir(), 'ferry-bench-'));
  const children: ChildProcess[] = [];
  try {
    const [source, target] = [await startServer(children, folder), await startServer(children, folder)];
    const plain = await startFerry(children, folder, source, target, 'source-only');
    const [source2, target2] = [await startServer(children, folder), await startServer(children, folder)];
    const dual = await startFerry(children, folder, source2, target2, 'dual-write');
    const contestants: Contestant[] = [
      { name: 'direct', port: source },
      { name: 'source-only', port: plain.port },
      { name: 'dual-write', port: dual.port },
    ];
    const pidOf = { direct: 0, 'source-only': plain.pid, 'dual-write': dual.pid };
    const results: object[] = [];
    for (const test of ['get', 'set']) {
      for (const pipeline of [1, 16]) {
        const samples = new Map<string, Sample[]>(contestants.map((c) => [c.name, []]));
        for (let round = 0; round < rounds; round++) {
          for (const c of contestants) {
            const n = pipeline === 1 ? requests : requests * 5;
            samples.get(c.name)!.push(await measure(c.port, pidOf[c.name], test, pipeline, n));
          }
        }
        results.push(...rowsOf(test, pipeline, samples));
      }
    }
    await mkdir(join(ROOT, 'bench/results'), { recursive: true });
    await writeFile(join(ROOT, 'bench/results/latest.json'), `${JSON.stringify(results, null, 2)}\n`);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

function rowsOf(test: string, pipeline: number, samples: Map<string, Sample[]>): object[] {
  const peer = median(samples.get('direct')!.map((s) => s.perSecond));
  return ['source-only', 'dual-write'].map((phase) => {
    const own = samples.get(phase)!;
    const ferry = median(own.map((s) => s.perSecond));
    const cpu = median(own.map((s) => s.cpuMicros));
    const ratio = Math.round((ferry / peer) * 100) / 100;
    const name = `${test.toUpperCase()} pipeline ${pipeline} ${phase}`;
    process.stdout.write(
      `${name.padEnd(30)} ${String(Math.round(ferry)).padStart(8)}/s  directly ${String(Math.round(peer)).padStart(8)}/s  ratio ${ratio.toFixed(2)}  ${cpu.toFixed(2)} µs processor time per command\n`,
    );
    return { name, unit: 'commands/s', ferry, peer, ratio, bar: null, reached: null, cpuMicrosPerCommand: cpu };
  });
}

async function measure(port: number, pid: number, test: string, pipeline: number, requests: number): Promise<Sample> {
  const before = await cpuSeconds(pid);
  const args = ['-p', port, '-c', 50, '-d', 64, '-n', requests, '-P', pipeline, '-t', test, '-r', 100_000, '--csv'];
  const { stdout } = await run('redis-benchmark', args.map(String));
  const used = (await cpuSeconds(pid)) - before;
  const line = stdout.trim().split('\n').at(-1) ?? '';
  const perSecond = Number(line.split(',')[1]?.replaceAll('"', ''));
  if (!(perSecond > 0)) throw new Error(`redis-benchmark said: ${stdout}`);
  return { perSecond, cpuMicros: pid === 0 ? Number.NaN : (used * 1e6) / requests };
}

/** User and system time of a process (proc(5), fields 14 and 15); 0 where there is no /proc. */
async function cpuSeconds(pid: number): Promise<number> {
  if (pid === 0 || !existsSync(`/proc/${pid}/stat`)) return 0;
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

async function startServer(children: ChildProcess[], folder: string): Promise<number> {
  const port = await freePort();
  const args = ['--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder];
  children.push(spawn(process.env['REDIS_SERVER_BIN'] ?? 'redis-server', args, { stdio: 'ignore' }));
  await until(() => run('redis-cli', ['-p', String(port), 'ping']).then((r) => r.stdout.includes('PONG')));
  return port;
}

async function startFerry(
  children: ChildProcess[],
  folder: string,
  source: number,
  target: number,
  phase: string,
): Promise<{ port: number; pid: number }> {
  const [port, admin] = [await freePort(), await freePort()];
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'bin/ferry.js'),
      'serve',
      ...['--source', `redis://127.0.0.1:${source}`, '--target', `redis://127.0.0.1:${target}`],
      ...['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`],
      ...['--state-dir', join(folder, `state-${port}`), '--phase', phase, '--log-level', 'warn'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  children.push(child);
  await until(() => run('redis-cli', ['-p', String(port), 'ping']).then((r) => r.stdout.includes('PONG')));
  return { port, pid: child.pid! };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await condition().catch(() => false)) return;
    await sleep(50);
  }
  throw new Error('a server did not answer within 10 s');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

await main();
