/**
 * `ferry demo` as a user runs it, small. It must pass with Ferry, fail with something that loses everything, and leave
 * nothing behind on any way out.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { casesOf } from '../../support/long-run.js';

const FERRY = fileURLToPath(new URL('../../../bin/ferry.js', import.meta.url));
const FORGETFUL = fileURLToPath(new URL('./forgetful-ferry.js', import.meta.url));
const SMALL = ['demo', '--keys', '1000', '--seconds', '2', '--json'];
const TIMEOUT_MS = 300_000;

const DEMOS = casesOf(
  [
    { flags: [], target: 'standalone', told: /target on port/ },
    { flags: ['--cluster', '--kill-target'], target: 'cluster', told: /is a master now/ },
    { flags: ['--kill-target'], target: 'standalone', told: /the target is back, empty/ },
    { flags: ['--cluster'], target: 'cluster', told: /target on a Cluster/ },
  ],
  2,
);

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-demo-test-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('ferry demo', () => {
  it.each(DEMOS)('carries everything over, with $flags', { timeout: TIMEOUT_MS }, async ({ flags, target, told }) => {
    const { code, stdout, stderr } = await runFerry([...SMALL, ...flags], { TMPDIR: dir });
    const report = JSON.parse(stdout);
    expect(report, stderr).toMatchObject({ ok: true, target, non2xx: 0, errors: 0, lostWrites: 0, differences: 0 });
    expect(stderr).toMatch(told);
    expect(report.acknowledgedWrites).toBeGreaterThan(1000);
    expect(report.keysCopied).toBeGreaterThan(900);
    expect(report.cutoverPauseMs).toHaveLength(2);
    expect(report.rollbackPauseMs).toHaveLength(1);
    const phases = report.phases.map(({ phase }: { phase: string }) => phase);
    expect(phases).toEqual(expect.arrayContaining(['source-only', 'dual-write', 'target-read', 'target-first']));
    expect(phases.at(-1)).toBe('target-only');
    expect(code).toBe(0);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('convicts a proxy that only says that it migrates', { timeout: TIMEOUT_MS }, async () => {
    const { code, stdout } = await runFerry(SMALL, { TMPDIR: dir, FERRY_DEMO_SCRIPT: FORGETFUL });
    const report = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(report.ok).toBe(false);
    expect(report.differences).toBeGreaterThan(900);
    expect(report.lostWrites).toBeGreaterThan(1000);
    expect(report.problems.join('\n')).toMatch(/different \(missing\)[\s\S]*lost or unexplained/);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('says what Ferry said last when it ends', { timeout: TIMEOUT_MS }, async () => {
    const script = join(dir, 'nothing.js');
    const { code, stdout, stderr } = await runFerry(SMALL, { TMPDIR: dir, FERRY_DEMO_SCRIPT: script });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, problems: ['Ferry ended unexpectedly (exit code 1)'] });
    expect(stderr).toMatch(/the last lines of Ferry:[\s\S]*Cannot find module[\s\S]*Next: /);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each(
    casesOf(
      [
        [['--cluster'], 7],
        [[], 2],
      ] as const,
      1,
    ),
  )('stops and removes everything when it is interrupted, with %j', { timeout: TIMEOUT_MS }, async (flags, servers) => {
    const env = { ...process.env, TMPDIR: dir };
    const child = spawn(process.execPath, [FERRY, ...SMALL, ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let told = '';
    child.stderr.on('data', (chunk) => {
      const before = told.includes('dual-write');
      told += chunk;
      if (!before && told.includes('dual-write')) child.kill('SIGINT');
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    expect(told).toContain('interrupted');
    expect(readdirSync(dir)).toEqual([]);
    const ports = [...(/source on .*/.exec(told)?.[0] ?? '').matchAll(/\d+/g)];
    expect(ports).toHaveLength(servers);
    for (const [port] of ports) {
      const connected = once(connect(Number(port), '127.0.0.1'), 'connect');
      await expect(connected).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
  });

  it('refuses what it cannot do, with exit code 2', async () => {
    expect(await runFerry(['demo', '--sentinel'])).toMatchObject({ code: 2, stdout: '' });
    expect(await runFerry(['demo', '--keys', 'many'])).toMatchObject({ code: 2, stdout: '' });
  });
});
