/**
 * `ferry demo` as a user runs it, small. It must pass with Ferry, fail with something that loses everything, and leave
 * nothing behind on any way out.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runFerry } from '../../support/cli.js';

const FERRY = fileURLToPath(new URL('../../../bin/ferry.js', import.meta.url));
const FORGETFUL = fileURLToPath(new URL('./forgetful-ferry.js', import.meta.url));
const SMALL = ['demo', '--keys', '1000', '--seconds', '2', '--json'];
const TIMEOUT_MS = 180_000;

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-demo-test-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('ferry demo', () => {
  it.each([[[]], [['--kill-target']]])('carries everything over, with %j', { timeout: TIMEOUT_MS }, async (flags) => {
    const { code, stdout, stderr } = await runFerry([...SMALL, ...flags], { TMPDIR: dir });
    const report = JSON.parse(stdout);
    expect(report, stderr).toMatchObject({ ok: true, non2xx: 0, errors: 0, lostWrites: 0, differences: 0 });
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

  it('stops and removes everything when it is interrupted', { timeout: TIMEOUT_MS }, async () => {
    const env = { ...process.env, TMPDIR: dir };
    const child = spawn(process.execPath, [FERRY, ...SMALL], { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
    const port = /source on port (\d+)/.exec(told)?.[1];
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow('fetch failed');
  });

  it('refuses what it cannot do, with exit code 2', async () => {
    expect(await runFerry(['demo', '--cluster'])).toMatchObject({ code: 2, stdout: '' });
    expect(await runFerry(['demo', '--keys', 'many'])).toMatchObject({ code: 2, stdout: '' });
  });
});
