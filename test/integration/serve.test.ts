/**
 * `ferry serve` as a process: how it starts, what it shows of its arguments, how it ends.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runFerry } from '../support/cli.js';
import { freePort, type RedisServer, startRedis } from '../support/redis.js';

const FERRY = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));
const PASSWORD = 'hunter2-secret';

let source: RedisServer;
let target: RedisServer;
let ferry: ChildProcess | null = null;
const dirs: string[] = [];

beforeAll(async () => {
  source = await startRedis({ args: ['--requirepass', PASSWORD] });
  target = await startRedis();
});
afterEach(() => {
  ferry?.kill('SIGKILL');
  ferry = null;
});
afterAll(async () => {
  await Promise.all([source.stop(), target.stop()]);
  for (const dir of dirs) rmSync(dir, { recursive: true });
});

function stateDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ferry-state-'));
  dirs.push(dir);
  return dir;
}

function sides(): string[] {
  return [
    '--source',
    `redis://:${PASSWORD}@127.0.0.1:${source.port}`,
    '--target',
    target.url,
    '--state-dir',
    stateDir(),
  ];
}

async function serve(args: string[]): Promise<{ port: number; admin: string; log: () => string }> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const ports = ['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`];
  const child = spawn(process.execPath, [FERRY, 'serve', ...args, ...ports], { stdio: ['ignore', 'pipe', 'pipe'] });
  ferry = child;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const admin = `http://127.0.0.1:${adminPort}`;
  for (;;) {
    const ready = await fetch(`${admin}/readyz`).catch(() => null);
    if (ready?.status === 200) return { port, admin, log: () => output };
    if (child.exitCode !== null) throw new Error(output);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('error', reject);
    socket.once('data', (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
  });
}

describe('ferry serve', () => {
  test('serves, shows no password anywhere, and ends on SIGTERM with 0', async () => {
    const { port, admin, log } = await serve(sides());
    expect(await ask(port, `AUTH ${PASSWORD}`)).toBe('+OK\r\n');
    const status = await runFerry(['status', '--json', '--admin', admin]);
    expect(JSON.parse(status.stdout)).toMatchObject({
      phase: 'source-only',
      source: { state: 'up', url: `redis://:***@127.0.0.1:${source.port}` },
      target: { state: 'up', url: target.url },
    });
    expect(execFileSync('ps', ['-o', 'command=', '-p', String(ferry?.pid)]).toString()).not.toContain(PASSWORD);
    ferry?.kill('SIGTERM');
    const [code] = await once(ferry as ChildProcess, 'exit');
    expect(code, log()).toBe(0);
    expect(log() + status.stdout).not.toContain(PASSWORD);
  });

  test('an address in use is told in one sentence, with exit code 2', async () => {
    const ports = ['--listen', `127.0.0.1:${await freePort()}`, '--admin', `127.0.0.1:${target.port}`];
    const { code, stdout, stderr } = await runFerry(['serve', ...sides(), ...ports, '--log-level', 'silent']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      `ferry: The admin address 127.0.0.1:${target.port} is already in use: choose another --admin.\n`,
    );
  });

  test.each(['source', 'target'] as const)('an unreachable %s is exit code 3', async (side) => {
    const port = await freePort();
    const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-level', 'silent'];
    const given = sides();
    given[given.indexOf(`--${side}`) + 1] = `redis://u:${PASSWORD}@127.0.0.1:${port}`;
    const { code, stdout, stderr } = await runFerry(['serve', ...given, ...ports]);
    expect(stderr).toMatch(new RegExp(`^ferry: .*${side}.*127\\.0\\.0\\.1:${port}.*\\n$`));
    expect(stderr).not.toContain(PASSWORD);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  });
});
