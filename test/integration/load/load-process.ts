/** `ferry load` as a process, which a test can kill; and files to load. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadResult } from '../../../src/load/loader.js';
import { encode } from '../journey/pipe.js';

const FERRY = fileURLToPath(new URL('../../../bin/ferry.js', import.meta.url));

/**
 * The most memory that it had, KiB. Not from `resourceUsage`, whose figure a new process begins with is that of the one which
 * started it: a test that holds a value of 150 MB would be measured itself.
 */
const TELL_PEAK =
  'data:text/javascript,import{readFileSync}from"node:fs";process.on("exit",()=>process.stderr.write("peak="+/VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status","utf8"))[1]))';

export interface LoadAnswer
  extends Pick<LoadResult, 'replies' | 'errors' | 'errorCount' | 'seconds' | 'outcome' | 'unanswered'> {
  resume: LoadResult['resume'] | null;
}

export interface LoadEnd {
  /** null: killed by a signal */
  code: number | null;
  /** of --json */
  answer: LoadAnswer;
  stdout: string;
  stderr: string;
  /** the most memory that was resident, in MiB */
  peakMiB: number;
}

export class LoadProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<LoadEnd>;
  stderr = '';

  /** `input`: for stdin. */
  constructor(args: readonly string[], input?: Buffer) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FERRY_')));
    const command = ['--import', TELL_PEAK, FERRY, 'load', ...args, '--json'];
    this.child = spawn(process.execPath, command, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    this.child.stdout?.on('data', (chunk) => (stdout += chunk));
    this.child.stderr?.on('data', (chunk) => (this.stderr += chunk));
    this.child.stdin?.on('error', () => {});
    this.child.stdin?.end(input);
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code) => {
        const answer = (stdout === '' ? null : JSON.parse(stdout)) as LoadAnswer;
        const peakMiB = Number(/peak=(\d+)/.exec(this.stderr)?.[1] ?? Number.NaN) / 1024;
        resolve({ code, answer, stdout, stderr: this.stderr, peakMiB });
      });
    });
  }

  signal(name: 'SIGINT' | 'SIGKILL'): void {
    this.child.kill(name);
  }
}

/** A directory of files to load. */
export class Files {
  private readonly dir = mkdtempSync(join(tmpdir(), 'ferry-load-'));

  write(name: string, content: Buffer | string): string {
    const path = this.path(name);
    writeFileSync(path, content);
    return path;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** `SET key:0 value:0` and so on. */
export function sets(count: number, from = 0): Buffer {
  return encode(Array.from({ length: count }, (_, i) => ['SET', `key:${from + i}`, `value:${from + i}`]));
}
