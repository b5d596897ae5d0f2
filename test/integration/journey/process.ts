/**
 * `ferry serve` as a process of its own, from the build: for what only the end of a process shows. It does not outlive
 * the process that started it, however that one ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PhaseRequest, Status } from '../../../src/admin/control.js';
import { freePort } from '../../support/redis.js';
import { sleep } from './stage.js';

const FERRY = fileURLToPath(new URL('../../../bin/ferry.js', import.meta.url));
const READY_MS = 20_000;
const WAIT_MS = 30_000;

export class FerryProcess {
  private child: ChildProcess | null = null;
  private guard: ChildProcess | null = null;
  private output = '';
  /** Of the last one that ended by itself. */
  exitCode: number | null = null;

  private constructor(
    private readonly args: readonly string[],
    readonly port: number,
    private readonly adminPort: number,
    private readonly command: readonly string[],
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** The same ports at every start, so that clients find it again. `script`: in the place of `ferry serve`. */
  static async prepare(
    args: readonly string[],
    nodeFlags: readonly string[] = [],
    script: readonly string[] = [FERRY, 'serve'],
    env: NodeJS.ProcessEnv = {},
  ): Promise<FerryProcess> {
    const command = [...nodeFlags, ...script];
    return new FerryProcess(args, await freePort(), await freePort(), command, env);
  }

  /** Resolves when clients can be served. */
  async start(): Promise<void> {
    const ports = ['--listen', `127.0.0.1:${this.port}`, '--admin', `127.0.0.1:${this.adminPort}`];
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FERRY_')));
    const child = spawn(process.execPath, [...this.command, ...this.args, ...ports, '--log-level', 'warn'], {
      env: { ...env, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.guard = guardOver(child.pid);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.output = (this.output + chunk).slice(-4000);
      });
    }
    const deadline = Date.now() + READY_MS;
    while ((await this.ask('/readyz'))?.status !== 200) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`Ferry does not start: ${this.output}`);
      await sleep(20);
    }
  }

  /** SIGKILL: it can do nothing more. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
    this.guard?.kill('SIGKILL');
  }

  /** Resolves when it ended by itself, or was killed by somebody else. */
  async ended(): Promise<void> {
    const { child } = this;
    if (child !== null && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.exitCode = child?.exitCode ?? null;
    this.child = null;
    this.guard?.kill('SIGKILL');
  }

  /** The last of what it wrote. */
  get said(): string {
    return this.output;
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** The most memory that the process ever had, MiB (Linux only). */
  peakMiB(): number {
    return this.memoryMiB('VmHWM');
  }

  /** What it has now (Linux only). */
  residentMiB(): number {
    return this.memoryMiB('VmRSS');
  }

  private memoryMiB(field: string): number {
    const status = readFileSync(`/proc/${this.child?.pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  }

  async status(): Promise<Status> {
    const answer = await this.ask('/api/status');
    if (answer === null) throw new Error(`Ferry does not answer: ${this.output}`);
    return (await answer.json()) as Status;
  }

  async until(what: string, condition: (status: Status) => boolean, withinMs = WAIT_MS): Promise<void> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const status = await this.status();
      if (condition(status)) return;
      if (Date.now() > deadline) throw new Error(`waited until ${what}: ${JSON.stringify(status)}\n${this.output}`);
      await sleep(20);
    }
  }

  async phase(request: PhaseRequest): Promise<void> {
    await this.post('/api/phase', request);
  }

  startBackfill(): Promise<void> {
    return this.post('/api/backfill', { action: 'start' });
  }

  async backfill(): Promise<void> {
    await this.startBackfill();
    await this.until('the backfill is done', ({ backfill }) => backfill.state === 'done');
  }

  /** A whole verification; how many differences it found. */
  async verify(): Promise<number> {
    await this.post('/api/verify', {});
    await this.until('the verification is over', ({ verify }) => verify.state !== 'running');
    const { verify } = await this.status();
    if (verify.state !== 'done') throw new Error(`the verification is ${verify.state}: ${this.output}`);
    return Object.values(verify.differences).reduce((sum, count) => sum + count, 0);
  }

  /** As `phase`, when nothing stands against it; else what does. */
  async tryPhase(request: PhaseRequest): Promise<string> {
    const answer = await this.ask('/api/phase', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    return answer?.ok === true ? '' : ((await answer?.text()) ?? 'no answer');
  }

  private ask(path: string, init: RequestInit = {}): Promise<Response | null> {
    return fetch(`http://127.0.0.1:${this.adminPort}${path}`, init).catch(() => null);
  }

  private async post(path: string, body: object): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const answer = await this.ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (answer === null || !answer.ok) throw new Error(`${path}: ${await answer?.text()}`);
  }
}

/** Kills the process when this one is gone, which closes the pipe. */
function guardOver(pid: number | undefined): ChildProcess {
  const script = 'read -r line; kill -9 "$0" 2> /dev/null';
  const guard = spawn('sh', ['-c', script, String(pid)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guard.unref();
  return guard;
}
