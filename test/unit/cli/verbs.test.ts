/**
 * The verbs against an admin API: what they ask, what they print, and how they exit.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AdminServer, startAdminServer } from '../../../src/admin/server.js';
import { silentLogger } from '../../../src/observe/log.js';
import { type Ran, runFerry } from '../../support/cli.js';
import { FakeControl } from '../../support/fake-control.js';

let control: FakeControl;
let server: AdminServer;

beforeEach(async () => {
  control = new FakeControl();
  server = await startAdminServer(control, control, { host: '127.0.0.1', port: 0, token: 't' }, silentLogger());
});
afterEach(() => server.stop());

function ferry(...args: string[]): Promise<Ran> {
  return runFerry(args, { FERRY_ADMIN: `http://127.0.0.1:${server.port}/`, FERRY_ADMIN_TOKEN: 't' });
}

const REFUSAL = { ok: false as const, error: 'Not yet.', blockers: [{ code: 'dirty', message: '3 keys are dirty.' }] };

test('status, for people and for programs', async () => {
  control.current.target.state = 'down';
  control.current.lastCutover = { at: 'T', from: 'target-read', to: 'target-first', pauseMs: 1.83 };
  const text = await ferry('status');
  expect(text).toMatchObject({ code: 0, stderr: '' });
  expect(text.stdout).toContain('phase     source-only (1 of 5), epoch 1');
  expect(text.stdout).toContain('The target is down.');
  expect(text.stdout).toContain('pause 1.8 ms');
  const json = await ferry('status', '--json');
  expect(JSON.parse(json.stdout)).toEqual(control.current);
});

test('status: how long commands took, by the sides that answered any', async () => {
  expect((await ferry('status')).stdout).not.toContain('\nlatency');
  control.current.latency = { seconds: 10, source: { p50Ms: 0.2, p99Ms: 12.4 }, target: null };
  expect((await ferry('status')).stdout).toContain(
    'latency   source p50 0.20 ms, p99 12 ms, command to reply, last 10 s\n',
  );
});

test('every step says what comes next and what takes it back', { timeout: 90_000 }, async () => {
  const told = async (...args: string[]): Promise<string> => {
    const { stdout } = await ferry(...args);
    return stdout.slice(stdout.search(/^next /m));
  };
  expect(await told('status')).toMatch(/^next {6}point one .+127\.0\.0\.1:6380.+\nundo {6}point .+\n$/);
  control.current.clients.connected = 1;
  expect(await told('status')).toMatch(/^next {6}ferry migrate .+\nundo {6}point .+\n$/);
  expect(await told('phase', 'dual-write')).toMatch(
    /^next {6}ferry backfill start .+\nundo {6}ferry phase source-only\n$/,
  );
  expect(await told('migrate', '--yes', '--until', 'target-read')).toMatch(
    /^next {6}ferry cutover --dry-run .+\nundo {6}ferry phase dual-write\n$/,
  );
  const afterCutover = /^next {6}ferry finalize .+\nundo {6}ferry rollback .+\n$/;
  expect(await told('cutover')).toMatch(afterCutover);
  expect(await told('rollback')).toMatch(/^next {6}ferry cutover --dry-run/);
  expect(await told('migrate', '--yes')).toMatch(afterCutover);
  expect(await told('finalize')).toMatch(/^next {6}ferry report, then ferry leave .+\nundo {6}none .+\n$/);
});

test('a wrong token is a usage error', async () => {
  const ran = await runFerry(['status', '--admin', `127.0.0.1:${server.port}`, '--token', 'wrong']);
  expect(ran).toMatchObject({ code: 2, stdout: '' });
  expect(ran.stderr).toContain('FERRY_ADMIN_TOKEN');
});

test('the steps ask for what they are named for', { timeout: 90_000 }, async () => {
  expect(await ferry('phase', 'dual-write')).toMatchObject({ code: 0 });
  expect(await ferry('phase', 'target-read', '--share', '25', '--force')).toMatchObject({ code: 0 });
  control.answers = [{ ok: true, pauseMs: 2.25 }];
  const cutover = await ferry('cutover', '--dry-run', '--max-pause', '50', '--json');
  expect(cutover.stderr).toContain('Clients waited 2.3 ms (dry run).');
  expect(JSON.parse(cutover.stdout)).toMatchObject({ phase: 'target-read', pauseMs: 2.25 });
  expect(await ferry('cutover')).toMatchObject({ code: 0 });
  expect(await ferry('rollback', '--force')).toMatchObject({ code: 0 });
  expect(await ferry('abort')).toMatchObject({ code: 0 });
  expect(await ferry('finalize')).toMatchObject({ code: 0 });
  expect(control.asked).toMatchObject([
    { call: 'phase', to: 'dual-write', force: false },
    { call: 'phase', to: 'target-read', share: 25, force: true },
    { call: 'phase', to: 'target-first', dryRun: true, maxPauseMs: 50 },
    { call: 'phase', to: 'target-first', dryRun: false, force: false },
    { call: 'phase', to: 'target-read', force: true },
    { call: 'abort' },
    { call: 'phase', to: 'target-only' },
  ]);
});

describe('a refusal is exit 1 with the blockers', () => {
  test.each([
    [['phase', 'dual-write']],
    [['cutover']],
    [['rollback']],
    [['finalize']],
    [['abort']],
    [['backfill', 'start']],
    [['verify']],
  ])('%j', async (args) => {
    control.current.phase = 'target-first';
    control.answers = [REFUSAL, REFUSAL];
    const text = await ferry(...args);
    expect(text).toMatchObject({ code: 1, stdout: '', stderr: 'Not yet.\n  dirty: 3 keys are dirty.\n' });
    const json = await ferry(...args, '--json');
    expect(json).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(json.stdout)).toEqual({ error: 'Not yet.', blockers: REFUSAL.blockers });
  });
});

test.each(['source-only', 'dual-write'] as const)('rollback in %s is refused, and is no step ahead', async (phase) => {
  control.current.phase = phase;
  const ran = await ferry('rollback', '--force', '--json');
  expect(ran).toMatchObject({ code: 1, stderr: '' });
  expect(JSON.parse(ran.stdout)).toMatchObject({ blockers: [{ code: 'no-cutover' }] });
  expect(control.asked).toEqual([]);
});

test('a report that cannot be written is a usage error in one sentence', async () => {
  const ran = await ferry('report', '--html', '/no/such/folder/x.html');
  expect(ran).toMatchObject({ code: 2, stdout: '' });
  expect(ran.stderr).toMatch(/^ferry: --html: \/no\/such\/folder\/x\.html cannot be written \(ENOENT\)\.\n$/);
});

test('cutover --wait asks until it is allowed', async () => {
  control.current.phase = 'target-read';
  control.answers = [REFUSAL, REFUSAL, { ok: true, pauseMs: 1 }];
  const ran = await ferry('cutover', '--wait');
  expect(ran.code).toBe(0);
  expect(ran.stderr).toBe('Not yet.\n  dirty: 3 keys are dirty.\nClients waited 1.0 ms.\n');
  expect(control.asked).toHaveLength(3);
});

test('cutover --wait waits for a moment in which the pause is short enough, and not for what somebody must do', async () => {
  const refusal = (code: string) => ({ ...REFUSAL, blockers: [{ code, message: 'No.' }] });
  control.current.phase = 'target-read';
  control.answers = [refusal('pause-too-long'), { ok: true, pauseMs: 1 }];
  expect(await ferry('cutover', '--wait', '--max-pause', '5')).toMatchObject({ code: 0 });
  expect(control.asked).toHaveLength(2);
  control.answers = [refusal('verify-first'), { ok: true, pauseMs: 1 }];
  expect(await ferry('cutover', '--wait')).toMatchObject({ code: 1 });
  expect(control.asked).toHaveLength(3);
});

test('backfill --wait follows the job to its end', async () => {
  const ran = await ferry('backfill', 'start', '--rate', '500', '--wait', '--json');
  expect(ran.code).toBe(0);
  expect(JSON.parse(ran.stdout).backfill.state).toBe('done');
  expect(ran.stderr).toMatch(/^backfill: /);
  expect(control.asked).toEqual([{ call: 'backfill', action: 'start', rateKeysPerSecond: 500 }]);
  control.pollsUntilDone = 1e9;
  control.current.backfill.state = 'idle';
  expect(JSON.parse((await ferry('backfill', 'start', '--json')).stdout).backfill.state).toBe('running');
});

test('verify exits 1 when it found differences', async () => {
  expect(await ferry('verify')).toMatchObject({ code: 0 });
  control.differencesToFind = 3;
  const found = await ferry('verify', '--json');
  expect(found.code).toBe(1);
  expect(JSON.parse(found.stdout).verify).toMatchObject({ clean: false, differences: { value: 3 } });
  expect(await ferry('verify', '--no-wait')).toMatchObject({ code: 0 });
});

test('leave says whether and where to', async () => {
  const no = await ferry('leave');
  expect(no).toMatchObject({ code: 1, stdout: 'Ferry must stay:\n  The phase is not target-only.\n' });
  control.current.phase = 'target-only';
  const yes = await ferry('leave');
  expect(yes.code).toBe(0);
  expect(yes.stdout).toContain('redis://b');
});

test('leave tells who is there, what is to be changed, and how', async () => {
  control.current.phase = 'target-only';
  const group = { name: 'shop', user: 'app', host: '10.0.0.1', connected: 2, active: 1, waiting: 0, idleSeconds: 3 };
  control.leaving = {
    ...control.leaving,
    clients: { connected: 2, active: 1, activeWithinSeconds: 60, groups: [{ ...group, dbs: [0, 1] }], moreGroups: 0 },
    direct: { source: null, target: 4 },
    changes: [{ code: 'tls', message: 'Turn TLS on.' }],
    cautions: [{ code: 'split-commands', message: 'MGET (7)' }],
    steps: ['First this.', 'Then that.'],
  };
  const { code, stdout } = await ferry('leave');
  expect(code).toBe(0);
  expect(stdout.split('\n')).toEqual([
    'Ferry may be taken out: point the application to redis://b, then stop Ferry.',
    '',
    'Connected through Ferry: 2, of which 1 sent something in the last 60 s.',
    '  shop as app from 10.0.0.1: 2, 1 active, last heard 3 s ago, database 0, 1',
    'Connected past Ferry: unknown on the source, 4 on the target.',
    '',
    'What the application must change:',
    '  tls: Turn TLS on.',
    '',
    'To be known before:',
    '  split-commands: MGET (7)',
    '',
    'How:',
    '  1. First this.',
    '  2. Then that.',
    '',
  ]);
  expect(JSON.parse((await ferry('leave', '--json')).stdout)).toEqual({ ...control.leaving, ok: true });
});

test('steps say who asks: --by, FERRY_BY, else the user and machine', { timeout: 90_000 }, async () => {
  await ferry('abort', '--by', 'Jörg, night shift');
  const env = { FERRY_ADMIN: `http://127.0.0.1:${server.port}/`, FERRY_ADMIN_TOKEN: 't', FERRY_BY: 'deploy-bot' };
  await runFerry(['verify', '--no-wait'], env);
  await ferry('phase', 'dual-write');
  await ferry('migrate', '--yes', '--until', 'target-read', '--by', 'anna');
  const names = control.callers.map((by) => by?.name);
  expect(names.slice(0, 2)).toEqual(['Jörg, night shift', 'deploy-bot']);
  expect(names[2]).toBe(`${userInfo().username}@${hostname()}`);
  expect(new Set(names.slice(3))).toEqual(new Set(['anna, ferry migrate']));
});

test('report --html writes a page in which nothing of the record is markup', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'ferry-report-')), 'report.html');
  const { code, stdout, stderr } = await ferry('report', '--html', file);
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toContain(file);
  const page = readFileSync(file, 'utf8');
  expect(page).toContain('<td>source-only → dual-write</td><td>anna@ops (10.0.0.7)</td>');
  expect(page).toContain('<td>source</td><td>5</td><td>3</td><td>1500</td><td>700</td>');
  expect(page).toContain('&#60;b&#62;Nobody&#60;/b&#62; was asked.');
  expect(page).not.toContain('<b>');
});

test('report', async () => {
  const text = await ferry('report');
  expect(text.stdout).toContain('From redis://a to redis://b, since 2026');
  expect(text.stdout).toContain('dual-write (epoch 1), by anna@ops (10.0.0.7)');
  expect(text.stdout).toContain('source: 5 commands sent, 3 of clients answered; 1500 bytes to it, 700 from it');
  expect(JSON.parse((await ferry('report', '--json')).stdout)).toMatchObject({ phases: [{ phase: 'dual-write' }] });
});

describe('migrate', () => {
  test('goes all the way to the cutover', async () => {
    const ran = await ferry('migrate', '--yes', '--json');
    expect(ran.code).toBe(0);
    const { ok, phase, steps } = JSON.parse(ran.stdout);
    expect({ ok, phase }).toEqual({ ok: true, phase: 'target-first' });
    expect(steps.map(({ step }: { step: string }) => step)).toEqual([
      'preflight',
      'dual-write',
      'backfill',
      'verify',
      'target-read',
      'target-first',
    ]);
    expect(control.asked).toMatchObject([
      { call: 'preflight' },
      { call: 'phase', to: 'dual-write' },
      { call: 'backfill', action: 'start' },
      { call: 'verify', repair: false },
      { call: 'phase', to: 'target-read' },
      { call: 'phase', to: 'target-first' },
    ]);
  });

  test('goes on from where it stands, repairs differences, and stops where it is told', async () => {
    control.current.phase = 'dual-write';
    control.current.backfill.state = 'done';
    control.differencesToFind = 2;
    const ran = await ferry('migrate', '--yes', '--until', 'target-read');
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain('Done: the phase is target-read.');
    expect(control.asked).toMatchObject([
      { call: 'verify', repair: false },
      { call: 'verify', repair: true },
      { call: 'phase', to: 'target-read' },
    ]);
  });

  test('stops at a step that stays refused', async () => {
    control.answers = [REFUSAL, REFUSAL, REFUSAL];
    const ran = await ferry('migrate', '--yes', '--json');
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      phase: 'source-only',
      steps: [
        { step: 'preflight', ok: true },
        { step: 'dual-write', ok: false, detail: 'Not yet.\n  dirty: 3 keys are dirty.' },
      ],
    });
  });

  test('does not begin while the preflight blocks, unless it is told to', async () => {
    const evidence = { evidence: 'maxmemory 1 MiB', fix: 'Give it more.' };
    const finding = { severity: 'blocker', code: 'target-memory', message: 'It does not fit.', ...evidence } as const;
    control.preflightReport = { ok: false, findings: [finding] };
    const ran = await ferry('migrate', '--yes', '--json');
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      phase: 'source-only',
      steps: [{ step: 'preflight', ok: false, detail: expect.stringContaining('target-memory: It does not fit.') }],
    });
    expect(control.asked).toEqual([{ call: 'preflight' }]);
    const told = await ferry('migrate', '--yes', '--until', 'dual-write', '--skip-preflight');
    expect(told.code).toBe(0);
    expect(control.asked).toMatchObject([{ call: 'preflight' }, { call: 'phase', to: 'dual-write' }]);
  });

  test('asks nobody without a terminal', async () => {
    const ran = await ferry('migrate');
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('--yes');
    expect(control.asked).toEqual([]);
  });
});

test('explain: the words of the command, in order', async () => {
  const told = await ferry('explain', 'ZADD', 'board', '-1', '007', '--db', '2');
  expect(told).toMatchObject({ code: 0, stderr: '' });
  expect(told.stdout).toContain('GET in dual-write: sent to the authority, the source');
  expect(control.asked).toEqual([{ call: 'explain', args: ['ZADD', 'board', '-1', '007'], db: 2 }]);
});

test('explain: what is no flag of Ferry’s is a word of the command, and so is all behind --', async () => {
  await ferry('explain', 'SET', 'k', '-x', '--port=1', '--db', '2');
  await ferry('explain', '--db', '1', '--', 'SET', 'k', '--db', '--json');
  expect(control.asked).toEqual([
    { call: 'explain', args: ['SET', 'k', '-x', '--port=1'], db: 2 },
    { call: 'explain', args: ['SET', 'k', '--db', '--json'], db: 1 },
  ]);
  expect(await ferry('explain', '--json')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Which command?'),
  });
});
