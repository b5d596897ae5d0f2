/**
 * The bench as a process, on real servers, with so few requests that it only shows that it works: no figure is looked at.
 *
 * What was started must be gone at its end, however it came: its descendants are looked for all the time, since they lead
 * process groups of their own and change what they are called.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../../bench/harness/package-root.js';
import type { Measure } from '../../../bench/report/measure.js';

const LOOK_EVERY_MS = 100;
/** Two servers and Ferry, at the least. */
const PROCESSES = 3;

let dir: string;
let child: ChildProcess;
let stdout: string;
let stderr: string;
let descendants: Set<number>;
let looking: NodeJS.Timeout;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-bench-test-'));
});
afterEach(async () => {
  clearInterval(looking);
  child.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

function start(...args: string[]): Promise<number | null> {
  const main = join(PACKAGE_ROOT, 'dist', 'bench', 'main.js');
  [stdout, stderr] = ['', ''];
  const options = ['--no-install', '--rounds', '1', '--seconds', '0.05', '--results', join(dir, 'results')];
  child = spawn(process.execPath, [main, ...options, ...args], { env: { ...process.env, TMPDIR: dir } });
  child.stdout!.on('data', (chunk) => (stdout += chunk));
  child.stderr!.on('data', (chunk) => (stderr += chunk));
  descendants = new Set();
  clearInterval(looking);
  looking = setInterval(lookForDescendants, LOOK_EVERY_MS);
  return new Promise((resolve) => child.once('close', resolve));
}

/** Processes of this run that still live, and its temporary folders. */
async function left(): Promise<string[]> {
  const folders = (await readdir(dir)).filter((name) => name !== 'results');
  return [...folders, ...[...descendants].filter(isAlive).map((pid) => `process ${pid}`)];
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Adds all that the bench, and those it started, have started and that run now. */
function lookForDescendants(): void {
  if (!existsSync('/proc/self/stat')) return;
  const parents = readdirSync('/proc').flatMap((pid): [number, number][] => {
    try {
      const stat = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/stat`, 'latin1') : '';
      const parent = /\) \S (\d+)/.exec(stat)?.[1];
      return parent === undefined ? [] : [[Number(pid), Number(parent)]];
    } catch {
      return []; // it has ended meanwhile
    }
  });
  const known = new Set([child.pid]);
  for (let before = 0; before !== known.size; ) {
    before = known.size;
    for (const [pid, parent] of parents) if (known.has(parent)) known.add(pid);
  }
  for (const pid of known) if (pid !== undefined && pid !== child.pid) descendants.add(pid);
}

test('a row is measured, judged and written down, and nothing is left', async () => {
  expect(await start('--only', 'source-only'), stderr).toBe(0);
  expect(stdout).toContain('[source-only]');
  const measures = JSON.parse(await readFile(join(dir, 'results', 'latest.json'), 'utf8')) as Measure[];
  expect(measures.length).toBeGreaterThan(4);
  for (const measure of measures) {
    expect(Object.keys(measure)).toEqual(
      expect.arrayContaining(['name', 'unit', 'ferry', 'peer', 'ratio', 'bar', 'reached']),
    );
  }
  const directly = measures.filter(({ peerName }) => peerName === 'directly');
  expect(directly.map(({ ratio }) => ratio! > 0)).toEqual([true, true]);
  // a peer that is not here is said so, and is never a bar that was reached
  for (const { ferry, reached, note } of measures)
    if (ferry === null) expect([reached, note]).toEqual([null, expect.stringContaining('is not here')]);
  if (existsSync('/proc/self/stat')) expect(descendants.size).toBeGreaterThanOrEqual(PROCESSES);
  expect(await left()).toEqual([]);
});

test('Ctrl-C in the middle of a row ends what it started', async () => {
  const ended = start('--only', 'backfill,verify', '--scale', '0.2', '--rounds', '50');
  const deadlineMs = Date.now() + 30_000;
  while (!/\d+ of \d+ runs/.test(stderr) && Date.now() < deadlineMs)
    await new Promise((resolve) => setTimeout(resolve, 20));
  lookForDescendants();
  expect((await left()).length, stderr).toBeGreaterThan(1);
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(stderr).toContain('interrupted');
  expect(await left()).toEqual([]);
});

test('a wrong command line is one sentence, and a peer that cannot be run too', async () => {
  expect(await start('--only', 'nothing')).toBe(2);
  expect(stderr).toMatch(/^bench: --only: there is no row 'nothing'; .*\n$/);
  expect(await start('--only', 'latency', '--nutcracker', '/nowhere')).toBe(2);
  expect(stderr).toBe('bench: --nutcracker: /nowhere cannot be run.\n');
});
