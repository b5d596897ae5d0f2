/**
 * The command `ferry` as a user runs it: a process of its own, from the build.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FERRY = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** No FERRY_ variable of the surroundings gets through; only those in `env`. */
export function runFerry(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FERRY_')));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [FERRY, ...args], {
      env: { ...clean, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ran: Ran = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (ran.stdout += chunk));
    child.stderr.on('data', (chunk) => (ran.stderr += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...ran, code }));
  });
}
