/**
 * One process that the demo runs: its last output is kept for the report, its unexpected end is a failure of the demo.
 *
 * Children lead process groups of their own, so that Ctrl-C reaches the demo alone, which then ends them in order.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import type { Cleanup } from './cleanup.js';

const TAIL_BYTES = 16 * 1024;
const STOP_TIMEOUT_MS = 8000;

export class ChildEnded extends Error {}

export class Child {
  readonly process: ChildProcess;
  /** rejects with ChildEnded if the process ends without being asked to */
  readonly ended: Promise<never>;
  private output = '';
  private expected = false;

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; ipc?: boolean; logFile?: string },
    cleanup: Cleanup,
  ) {
    const stdio: SpawnOptions['stdio'] = ['ignore', 'pipe', 'pipe'];
    if (options.ipc === true) stdio.push('ipc');
    const { env = process.env, logFile } = options;
    const child = spawn(command, args, { stdio, env, detached: true });
    this.process = child;
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-TAIL_BYTES);
      if (logFile !== undefined) appendFileSync(logFile, chunk);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.ended = new Promise((_, reject) => {
      child.once('error', (error) => reject(new ChildEnded(`${name} could not be started: ${error.message}`)));
      child.once('exit', (code, signal) => {
        if (!this.expected) reject(new ChildEnded(`${name} ended unexpectedly (${signal ?? `exit code ${code}`})`));
      });
    });
    this.ended.catch(() => {}); // whoever awaits it gets it; nobody has to
    cleanup.add(
      () => this.stop(),
      () => this.kill(),
    );
  }

  get running(): boolean {
    return this.process.pid !== undefined && this.process.exitCode === null && this.process.signalCode === null;
  }

  /** The last lines that it printed. */
  tail(lines: number): string[] {
    return this.output.trimEnd().split('\n').slice(-lines);
  }

  /** SIGTERM, and SIGKILL for one that does not end. */
  async stop(): Promise<void> {
    this.expected = true;
    if (!this.running) return;
    // 'close', not 'exit': its last words must be in the log before the log's directory may go
    const exited = new Promise((resolve) => this.process.once('close', resolve));
    const forced = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.process.kill('SIGTERM');
    await exited;
    clearTimeout(forced);
  }

  /** SIGKILL, as a crash would; does not wait. */
  kill(): void {
    this.expected = true;
    if (this.running) this.process.kill('SIGKILL');
  }
}
