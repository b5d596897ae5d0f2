/** `ferry preflight` as a user runs it: exit codes, the documents, the report; and before a `ferry migrate`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { freePort, type RedisServer, startRedis } from '../../support/redis.js';
import { Stage } from '../journey/stage.js';
import { Wire } from '../journey/wire.js';
import { fill } from './looking.js';

const dir = mkdtempSync(join(tmpdir(), 'ferry-preflight-'));
let source: RedisServer;
let target: RedisServer;
let evicting: RedisServer;

beforeAll(async () => {
  const evicts = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
  [source, target, evicting] = await Promise.all([
    startRedis({ args: ['--requirepass', 's3cret'] }),
    startRedis(),
    startRedis({ args: evicts }),
  ]);
  const wire = await Wire.open(source.port);
  await wire.send('AUTH', 's3cret');
  await fill(wire, 300, (i) => ['SET', `<b>user</b>:${i}`, i]);
  await fill(wire, 300, (i) => ['HSET', `cart:${i}`, 'a', i]);
  wire.close();
});
afterAll(async () => {
  await Promise.all([source?.stop(), target?.stop(), evicting?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

function sides(to: RedisServer): string[] {
  return ['--source', `redis://:s3cret@127.0.0.1:${source.port}`, '--target', to.url];
}

test('nothing blocks: exit 0, text without colours, no progress where there is no terminal', async () => {
  const ran = await runFerry(['preflight', ...sides(target)]);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(ran.stdout).toContain(`source  redis://:***@127.0.0.1:${source.port} (Redis `);
  expect(ran.stdout).toMatch(/\nNOTES \(\d+\)\n/);
  expect(ran.stdout).toMatch(
    /\nNothing blocks: 0 blockers, 0 warnings, \d+ notes\.\nnext {4}ferry serve .+\nundo {4}nothing was changed\n$/,
  );
  expect(ran.stdout).not.toContain('\x1b');
  expect(ran.stdout).not.toContain('s3cret');
});

test('something blocks: exit 1, and the document of the contract', async () => {
  const ran = await runFerry(['preflight', ...sides(evicting), '--json', '--sample', '100']);
  expect(ran).toMatchObject({ code: 1, stderr: '' });
  const document = JSON.parse(ran.stdout) as Record<string, unknown>;
  expect(Object.keys(document)).toEqual(['ok', 'findings']);
  expect(document.ok).toBe(false);
  for (const finding of document.findings as Record<string, unknown>[]) {
    expect(Object.keys(finding).sort()).toEqual(['code', 'evidence', 'fix', 'message', 'severity']);
    for (const value of Object.values(finding)) expect(value).toEqual(expect.stringMatching(/\S/));
  }
  expect((document.findings as { code: string }[])[0]).toMatchObject({ severity: 'blocker', code: 'target-eviction' });
});

test('a report as one page, with charts, where no name becomes markup', async () => {
  const path = join(dir, 'report.html');
  const ran = await runFerry(['preflight', ...sides(target), '--html', path]);
  expect(ran).toMatchObject({ code: 0, stderr: `The report is in ${path}.\n` });
  const page = readFileSync(path, 'utf8');
  expect(page).toMatch(/^<!doctype html>/);
  expect(page.match(/<svg /g)?.length).toBeGreaterThanOrEqual(5);
  expect(page).toContain('&lt;b&gt;user&lt;/');
  expect(page).not.toContain('<b>');
  expect(page).not.toContain('s3cret');
  expect(page).not.toMatch(/<script|<link|src=|https?:\/\//);
  const nowhere = await runFerry(['preflight', ...sides(target), '--html', join(dir, 'no', 'where.html')]);
  expect(nowhere.code).toBe(2);
  expect(nowhere.stderr).toContain('ENOENT');
});

test('where the sides come from: the environment, and the file that serve gets', async () => {
  const file = join(dir, 'ferry.yaml');
  writeFileSync(file, `source: redis://:s3cret@127.0.0.1:${source.port}\neviction: allow\nmax-clients: 50\n`);
  const ran = await runFerry(['preflight', '--config', file, '--json'], { FERRY_TARGET: evicting.url });
  expect(ran.code).toBe(0);
  expect(ran.stdout).toContain('target-eviction');
});

test('unreachable is 3, a wrong password too, nothing given is 2', async () => {
  const gone = await runFerry([
    'preflight',
    '--source',
    target.url,
    '--target',
    `redis://127.0.0.1:${await freePort()}`,
  ]);
  expect(gone).toMatchObject({ code: 3, stdout: '' });
  expect(gone.stderr).toMatch(/^ferry: The target redis:\S+ cannot be used: .*ECONNREFUSED.*\n$/);
  const wrong = await runFerry([
    'preflight',
    '--source',
    `redis://:wrong@127.0.0.1:${source.port}`,
    '--target',
    target.url,
  ]);
  expect(wrong).toMatchObject({ code: 3, stdout: '' });
  expect(wrong.stderr).toContain('WRONGPASS');
  const none = await runFerry(['preflight', '--source', `redis://127.0.0.1:${source.port}`, '--target', target.url]);
  expect(none).toMatchObject({ code: 3, stdout: '' });
  expect(none.stderr).toContain('NOAUTH');
  expect(await runFerry(['preflight'])).toMatchObject({ code: 2, stdout: '' });
});

test('migrate looks first, and does not begin where something blocks', async () => {
  const stage = await Stage.open({
    targetArgs: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
    sourceArgs: ['--requirepass', 'pw'],
    logins: { source: ':pw' },
  });
  try {
    const admin = ['--admin', `127.0.0.1:${stage.ferry.adminPort}`];
    const ran = await runFerry(['migrate', '--yes', '--json', ...admin]);
    expect(ran.code).toBe(1);
    const { ok, phase, steps } = JSON.parse(ran.stdout);
    expect({ ok, phase }).toEqual({ ok: false, phase: 'source-only' });
    expect(steps).toMatchObject([{ step: 'preflight', ok: false }]);
    expect(steps[0].detail).toContain('target-eviction: The target evicts keys by itself');
    const skipped = await runFerry(['migrate', '--yes', '--skip-preflight', '--until', 'dual-write', ...admin]);
    expect(skipped.code).toBe(0);
    expect(stage.status.phase).toBe('dual-write');
  } finally {
    await stage.close();
  }
});
