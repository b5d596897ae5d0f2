/**
 * Where one row is measured: servers, Ferry and its peers as processes of their own, on free loopback ports, in a temporary
 * directory. Everything ends, by its pid, and the directory goes when the row is over, however it is over.
 *
 * Ferry is what a user runs: bin/ferry.js from the build, with its defaults but for where it listens and keeps its state.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../../src/cli/demo/child.js';
import { Cleanup } from '../../src/cli/demo/cleanup.js';
import { ClusterProcess } from '../../src/cli/demo/cluster.js';
import { FerryProcess } from '../../src/cli/demo/ferry.js';
import { RedisProcess } from '../../src/cli/demo/redis.js';
import type { PhaseName } from '../../src/config/config.js';
import type { Contestant } from './contest.js';
import { PACKAGE_ROOT } from './package-root.js';
import { type Peer, startPeer } from './peers.js';

export interface FerryOptions {
  readonly source: string;
  readonly target: string;
  /** it begins in; default source-only */
  readonly phase?: PhaseName;
  readonly args?: readonly string[];
}

export class Site {
  /** SIGTERM first, in reverse order; what does not listen is killed. */
  readonly cleanup = new Cleanup();
  readonly dir = mkdtempSync(join(tmpdir(), 'ferry-bench-'));
  private count = 0;

  constructor(private readonly redisBinary: string) {
    this.cleanup.addDirectory(this.dir);
  }

  redis(name: string, args: readonly string[] = []): Promise<RedisProcess> {
    return RedisProcess.start(name, this.redisBinary, this.newDir(), this.cleanup, { args });
  }

  /** Three masters without replicas. */
  cluster(): Promise<ClusterProcess> {
    return ClusterProcess.start(this.redisBinary, this.newDir(), this.cleanup, 0);
  }

  /** Resolves when it serves. */
  async ferry(options: FerryOptions): Promise<FerryProcess> {
    const { ferry } = await this.startFerry(options);
    await ferry.ready();
    return ferry;
  }

  /** Does not wait until it serves; when it was started is told by performance.now(). */
  async startFerry(options: FerryOptions): Promise<{ readonly ferry: FerryProcess; readonly startedMs: number }> {
    const { source, target, phase = 'source-only', args = [] } = options;
    const dir = this.newDir();
    const startedMs = performance.now();
    const ferry = await FerryProcess.start({
      packageRoot: PACKAGE_ROOT,
      source,
      target,
      args: ['--phase', phase, ...args],
      stateDir: join(dir, 'state'),
      logFile: join(dir, 'ferry.log'),
      cleanup: this.cleanup,
    });
    return { ferry, startedMs };
  }

  peer(peer: Peer, serverPort: number): Promise<Contestant> {
    return startPeer(peer, serverPort, this.newDir(), this.cleanup);
  }

  close(): Promise<void> {
    return this.cleanup.run();
  }

  newDir(): string {
    const dir = join(this.dir, String(++this.count));
    mkdirSync(dir);
    return dir;
  }
}

/** Ferry among the contestants. */
export function asContestant(name: string, ferry: FerryProcess): Contestant {
  return { name, port: portOf(ferry.url), pid: pidOf(ferry.child) };
}

export function portOf(url: string): number {
  return Number(new URL(url).port);
}

export function pidOf(child: Child): number {
  const { pid } = child.process;
  if (pid === undefined) throw new Error(`${child.name} does not run`);
  return pid;
}
