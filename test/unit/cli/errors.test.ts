/**
 * What a user gets wrong: one clear sentence on stderr, nothing on stdout, and the contract's exit code.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { freePort } from '../../support/redis.js';

const SIDES = ['--source', 'redis://127.0.0.1:1', '--target', 'redis://127.0.0.1:2'];

test.concurrent.each([
  [[], 'Which verb\\? \\(`ferry --help` lists what there is\\)'],
  [['sevre'], 'Did you mean serve\\?'],
  [['status', '--jsno'], 'Unknown argument: jsno'],
  [['status', 'now'], 'Unknown (argument|command): now'],
  [['serve', '--sauce', 'x'], 'Unknown argument: sauce'],
  [['serve'], 'No source is given: use --source URL, FERRY_SOURCE'],
  [['serve', '--source'], 'Not enough arguments following: source'],
  [['serve', '--source', 'localhost'], "--source: 'localhost' is not a connection string"],
  [['serve', '--source', 'redis://u:hunter2@h/x', '--target', 'redis://b'], 'redis://u:\\*\\*\\*@h/x'],
  [['serve', '--source', 'redis+cluster://a:1/3', '--target', 'redis://b'], 'a Cluster has only database 0'],
  [['serve', ...SIDES, '--phase', 'both'], '--phase: expected one of source-only'],
  [['serve', ...SIDES, '--admin', '0.0.0.0:6390'], 'would be open to others'],
  [['serve', ...SIDES, '--config', '/nowhere'], "config file '/nowhere' cannot be read"],
  [['phase', 'sideways'], 'Choices: "source-only"'],
  [['phase'], 'Not enough non-option arguments'],
  [['phase', 'dual-write', '--share', '5'], '--share only goes with target-read'],
  [['phase', 'target-read', '--share', '150'], "--share: expected a whole number from 0 to 100, not '150'"],
  [['backfill', 'stop'], 'Choices: "start", "pause"'],
  [['backfill', 'start', '--rate', 'fast'], "--rate: expected a whole number of at least 0, not 'fast'"],
  [['cutover', '--max-pause', '-1'], '--max-pause'],
  [['cutover', '--dry-run=yes'], "--dry-run: expected true or false, not 'yes'"],
  [['cutover', '--dryRun='], "--dryRun: expected true or false, not ''"],
  [['serve', ...SIDES, '--read-repair=on'], "--read-repair: expected true or false, not 'on'"],
  [['migrate', '--until', 'source-only'], 'Choices: "dual-write"'],
  [['status', '--admin', 'http://'], '--admin: expected a URL'],
])('usage: ferry %j', async (args, message) => {
  const { code, stdout, stderr } = await runFerry(args, {});
  expect(stderr).toMatch(new RegExp(message));
  expect(stderr).not.toMatch(/hunter2|\n.*\n.*\n/);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

test.concurrent('the environment is checked like flags', async () => {
  const wrong = await runFerry(['status'], { FERRY_JSON: 'perhaps' });
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toContain('FERRY_JSON: expected true or false');
  const port = await freePort();
  const unreachable = await runFerry(['status'], { FERRY_ADMIN: `127.0.0.1:${port}` });
  expect(unreachable).toMatchObject({ code: 3, stdout: '' });
  expect(unreachable.stderr).toContain(`No Ferry answers at http://127.0.0.1:${port} (ECONNREFUSED)`);
});

test.concurrent('the admin address can come from the config file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ferry-cli-'));
  const port = await freePort();
  writeFileSync(join(dir, 'ferry.yaml'), `admin: 127.0.0.1:${port}\n`);
  const { code, stderr } = await runFerry(['status', '--config', join(dir, 'ferry.yaml')]);
  rmSync(dir, { recursive: true });
  expect(stderr).toContain(`http://127.0.0.1:${port}`);
  expect(code).toBe(3);
});

test.concurrent('something else at the admin address is told apart', async () => {
  const web = createServer((_request, response) => response.end('<html>hello</html>'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { code, stderr } = await runFerry(['leave', '--admin', `${(web.address() as AddressInfo).port}`]);
  web.close();
  expect(stderr).toContain('is no Ferry');
  expect(code).toBe(3);
});

test.concurrent('an admin address behind TLS is asked over TLS', async () => {
  const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
  const files = { cert: readFileSync(file('server.crt')), key: readFileSync(file('server.key')) };
  const web = createTlsServer(files, (_request, response) => response.writeHead(409).end('{"error": "Not yet."}'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { port } = web.address() as AddressInfo;
  const ran = await runFerry(['leave', '--admin', `https://127.0.0.1:${port}`], {
    NODE_EXTRA_CA_CERTS: file('ca.crt'),
  });
  web.close();
  expect(ran.stderr).toContain('Not yet.');
  expect(ran.code).toBe(1);
});

test.concurrent('--help and --version are results', async () => {
  const help = await runFerry(['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const verb of ['serve', 'status', 'phase', 'backfill', 'verify', 'cutover', 'rollback', 'finalize', 'abort']) {
    expect(help.stdout).toContain(`ferry ${verb}`);
  }
  for (const verb of ['leave', 'report', 'migrate', 'demo']) expect(help.stdout).toContain(`ferry ${verb}`);
  expect(await runFerry(['--version'])).toEqual({ code: 0, stderr: '', stdout: '0.1.0\n' });
  const serve = await runFerry(['serve', '--help'], { FERRY_ADMIN_TOKEN: 'hunter2' });
  expect(serve.stdout).toMatch(/--listen .*127\.0\.0\.1:6380.*\[FERRY_LISTEN\]/);
  const status = await runFerry(['status', '--help'], { FERRY_ADMIN_TOKEN: 'hunter2' });
  expect(serve.stdout + status.stdout).not.toContain('hunter2');
});
