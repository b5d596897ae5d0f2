/** What was measured on, and with which versions: figures mean nothing without it. */
import { execFile } from 'node:child_process';
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import type { Machine } from '../report/document.js';
import { PACKAGE_ROOT } from './package-root.js';
import type { Peers } from './peers.js';

const run = promisify(execFile);

export async function describeMachine(redisBinary: string, peers: Peers): Promise<Machine> {
  const { stdout } = await run(redisBinary, ['--version']);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${arch()}`,
    node: process.versions.node,
    redis: /v=(\S+)/.exec(stdout)?.[1] ?? stdout.trim(),
    peers: Object.fromEntries([...peers.values()].map(({ name, version }) => [name, version])),
  };
}

/** What was built, with a `+` when it is not what was committed; '' where there is no Git. */
export async function commitName(): Promise<string> {
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', ['-C', PACKAGE_ROOT, ...args])).stdout.trim();
  try {
    const name = await git('rev-parse', '--short', 'HEAD');
    return (await git('status', '--porcelain', '--untracked-files=no')) === '' ? name : `${name}+`;
  } catch {
    return '';
  }
}
