/**
 * Real redis-servers for tests: each on a free loopback port (of 127.0.0.1 unless told otherwise), in a temporary directory of its own, without persistence.
 *
 * `startRedis` resolves once PING is answered. Whatever still runs when the test process ends, however it ends, is
 * killed by its pid. The binary is REDIS_SERVER_BIN, else `redis-server` on the PATH (bin/ensure-redis installs one).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** of the process that runs now; another one after `restart` */
  readonly pid: number;
  readonly dir: string;
  /** SIGTERM, wait, remove the directory (if startRedis made it) */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would; `restart` brings it back */
  kill(): void;
  /** stops it if it runs, and starts it again on the same port and directory: empty, since nothing was persisted */
  restart(): Promise<void>;
}

export interface RedisOptions {
  /** extra arguments, e.g. ['--requirepass', 'secret']; later ones win over Ferry's defaults */
  args?: string[];
  /** another loopback address: two of them can share a port, which a name that moves needs; default 127.0.0.1 */
  host?: string;
  port?: number;
  /** kept after `stop`, for tests that start with the same files again */
  dir?: string;
  /** the lines of a configuration file of its own, which it may rewrite (a Sentinel must); arguments win over it */
  config?: readonly string[];
  /** another redis-server than the tests' usual one */
  binary?: string;
  /** beside this process's own variables */
  env?: Readonly<Record<string, string>>;
}

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5_000;
const START_ATTEMPTS = 5;

/**
 * A shell that outlives this process by a moment: told each server's pid and directory over its stdin, it kills and
 * removes what is left when stdin ends. An 'exit' handler would not do: Vitest ends its workers by SIGTERM.
 */
const REAPER = `
while read -r what value; do
  case $what in
    dir) dirs="$dirs $value" ;;
    up) pids="$pids $value"; eval "up$value=1" ;;
    down) eval "up$value=" ;;
  esac
done
for pid in $pids; do eval "up=\\$up$pid"; [ -z "$up" ] || kill -9 "$pid"; done
[ -z "$dirs" ] || rm -rf $dirs`;

let reaper: ChildProcess | null = null;

function tellReaper(what: 'dir' | 'up' | 'down', value: string | number): void {
  if (reaper === null) {
    reaper = spawn('sh', ['-c', REAPER], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    reaper.unref();
    (reaper.stdin as Socket).unref();
  }
  reaper.stdin?.write(`${what} ${value}\n`);
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new LocalRedis(options, options.port ?? (await freePort()));
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // a free port may be taken by someone else between asking and binding
      if (options.port !== undefined || attempt === START_ATTEMPTS) throw error;
    }
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

class LocalRedis implements RedisServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  private readonly args: string[];
  private readonly env: NodeJS.ProcessEnv;
  private readonly binary: string;
  private readonly ownsDir: boolean;
  private child: ChildProcess | null = null;
  private output = '';

  constructor(options: RedisOptions, port: number) {
    this.host = options.host ?? '127.0.0.1';
    this.port = port;
    this.url = `redis://${this.host}:${port}`;
    this.dir = options.dir ?? mkdtempSync(join(tmpdir(), 'ferry-redis-'));
    this.ownsDir = options.dir === undefined;
    if (this.ownsDir) tellReaper('dir', this.dir);
    this.env = { ...process.env, ...options.env };
    this.binary = options.binary ?? process.env.REDIS_SERVER_BIN ?? 'redis-server';
    this.args = options.config === undefined ? [] : [writeConfig(this.dir, options.config)];
    this.args.push('--bind', this.host, '--port', String(port), '--dir', this.dir, '--save', '', '--appendonly', 'no');
    this.args.push('--loglevel', 'warning', ...(options.args ?? []));
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`redis-server on port ${this.port} does not run`);
    return this.child.pid;
  }

  async start(): Promise<void> {
    this.output = '';
    const child = spawn(this.binary, this.args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    if (child.pid !== undefined) tellReaper('up', child.pid);
    let exited = '';
    child.once('error', (error) => {
      exited = `${error.message}; run bin/ensure-redis`;
    });
    child.once('exit', (code, signal) => {
      exited ||= `exited with ${code ?? signal}`;
      if (child.pid !== undefined) tellReaper('down', child.pid);
    });
    const collect = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-4096);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);

    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await answersPing(this.host, this.port))) {
      if (exited !== '') throw new Error(`redis-server on port ${this.port}: ${exited}\n${this.output}`);
      if (Date.now() > deadline) throw new Error(`redis-server on port ${this.port} is not ready\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // a PING answered by somebody else's server on that port does not count
    if (exited !== '') throw new Error(`redis-server on port ${this.port}: ${exited}\n${this.output}`);
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    if (this.ownsDir) rmSync(this.dir, { recursive: true, force: true });
  }

  kill(): void {
    this.child?.kill('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.end('SIGTERM');
    await this.start();
  }

  private end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const forced = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.once('exit', () => {
        clearTimeout(forced);
        resolve();
      });
      child.kill(signal);
    });
  }
}

function writeConfig(dir: string, lines: readonly string[]): string {
  const path = join(dir, 'redis.conf');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** True once the server answers at all: +PONG, or -NOAUTH when a password is set. LOADING is not ready. */
function answersPing(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1000, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (chunk) => {
      const text = chunk.toString('latin1');
      finish(text.startsWith('+PONG') || text.startsWith('-NOAUTH') || text.startsWith('-NOPERM'));
    });
  });
}
