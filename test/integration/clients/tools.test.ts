/** The tools that come with Redis, unchanged: redis-cli in its modes, redis-benchmark with all its tests. */
import { type SpawnSyncReturns, spawn } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import { Stage } from '../journey/stage.js';

const LIMIT_S = 50;

let stage: Stage;

beforeEach(async () => {
  // what clients' scripts are a sign of would ask for a new verification in the middle of it
  stage = await Stage.open({ config: { detectBypass: { mode: 'off' } } });
});
afterEach(() => stage?.close());

/** Ended from outside after a while: redis-benchmark tries for ever to connect. */
function run(
  tool: string,
  args: readonly string[],
  input = '',
): Promise<Pick<SpawnSyncReturns<string>, 'status' | 'stdout'>> {
  return new Promise((resolve) => {
    const child = spawn('timeout', [String(LIMIT_S), tool, '-p', String(stage.ferry.port), ...args]);
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stdout += chunk;
    });
    child.on('close', (status) => resolve({ status, stdout }));
    child.stdin.end(input);
  });
}

async function eachPhase(use: (phase: PhaseName) => Promise<void>): Promise<void> {
  await use('source-only');
  await stage.goTo('dual-write');
  await use('dual-write');
  await stage.readyForCutover();
  await use('target-read');
  await stage.goTo('target-first');
  await use('target-first');
  await stage.goTo('target-only');
  await use('target-only');
}

test('redis-cli', { timeout: 60_000 }, async () => {
  await eachPhase(async (phase) => {
    expect((await run('redis-cli', ['SET', 'k', phase])).stdout).toBe('OK\n');
    expect((await run('redis-cli', ['-3', 'GET', 'k'])).stdout).toBe(`${phase}\n`);
    expect((await run('redis-cli', ['-3', 'HGETALL', 'none'])).status).toBe(0);
    const piped = await run(
      'redis-cli',
      ['--pipe'],
      Array.from({ length: 20_000 }, (_, i) => `SET pipe:${i} ${i}\r\n`).join(''),
    );
    expect(piped.stdout).toMatch(/errors: 0, replies: 20000/);
    const scanned = await run('redis-cli', ['--scan', '--pattern', 'pipe:*']);
    expect(new Set(scanned.stdout.trim().split('\n')).size).toBe(20_000);
    expect((await run('redis-cli', ['--bigkeys'])).stdout).toMatch(/Sampled 200\d\d keys/);
    expect((await run('redis-cli', ['--memkeys'])).stdout).toMatch(/Sampled 200\d\d keys/);
    expect((await run('redis-cli', [], 'MULTI\nINCR n\nEXEC\nSELECT 1\nPING\n')).stdout).toContain('PONG');
  });
});

test('redis-benchmark, all its tests', { timeout: 120_000 }, async () => {
  await eachPhase(async () => {
    const { status, stdout } = await run('redis-benchmark', ['-n', '2000', '-c', '20', '-q']);
    expect(stdout).toMatch(/MSET \(10 keys\)/);
    expect(stdout).not.toMatch(/error/i);
    expect(status).toBe(0);
    expect(
      (await run('redis-benchmark', ['-n', '5000', '-P', '16', '-r', '1000', '-t', 'set,get,incr', '-q'])).status,
    ).toBe(0);
  });
});
