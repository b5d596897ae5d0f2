/**
 * The admin API call by call, on a real socket, against a Ferry that does nothing.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPage } from '../../../src/admin/page.js';
import { type AdminServer, startAdminServer } from '../../../src/admin/server.js';
import { StartError } from '../../../src/config/errors.js';
import { silentLogger } from '../../../src/observe/log.js';
import { FakeControl } from '../../support/fake-control.js';

let control: FakeControl;
let server: AdminServer;

function start(token: string | null, port = 0, host = '127.0.0.1'): Promise<AdminServer> {
  return startAdminServer(control, control, { host, port, token }, silentLogger());
}

beforeEach(async () => {
  control = new FakeControl();
  server = await start(null);
});
afterEach(() => server.stop());

interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  type: string;
  text: string;
  body: Record<string, unknown>;
}

/** node:http and not fetch, which would not let a test set `host`. */
function call(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
  const json: Record<string, string> = method === 'POST' ? { 'content-type': 'application/json' } : {};
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: server.port,
      method,
      path,
      headers: { ...json, ...headers },
      agent: false,
    };
    const sent = request(options, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        const type = String(response.headers['content-type']);
        const isJson = type.startsWith('application/json');
        const { headers, statusCode: code = 0 } = response;
        resolve({ code, headers, type, text, body: isJson ? JSON.parse(text) : {} });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('reading', () => {
  test('health, readiness and the front page', async () => {
    expect(await call('GET', '/healthz')).toMatchObject({ code: 200 });
    expect(await call('GET', '/readyz')).toMatchObject({ code: 200 });
    control.notReady = 'The source is down.';
    expect(await call('GET', '/readyz')).toMatchObject({ code: 503, body: { error: 'The source is down.' } });
    expect(await call('GET', '/healthz')).toMatchObject({ code: 200 });
    const page = await call('GET', '/');
    expect(page.type).toContain('text/html');
    expect(page.text).toContain('/api/status');
  });

  test('the status is exactly what the contract lists', async () => {
    const { code, body } = await call('GET', '/api/status');
    expect(code).toBe(200);
    expect(body).toEqual(control.current);
    expect(Object.keys(body)).toEqual(
      'version phase epoch authority share listen uptimeSeconds source target clients commands latency crossSlot memory mirror bypass directClients scope backfill verify lastCutover'.split(
        ' ',
      ),
    );
  });

  test('differences are NDJSON, keys that are no UTF-8 in base64', async () => {
    control.found = [
      {
        db: 0,
        key: Buffer.from('cart:é'),
        kind: 'type',
        detail: 'set on source, list on target',
        source: 'set',
        target: 'list',
      },
      { db: 3, key: Buffer.from([0xff, 0x00]), kind: 'value', detail: 'byte 7 differs' },
    ];
    const { type, text } = await call('GET', '/api/verify/differences');
    expect(type).toBe('application/x-ndjson');
    expect(text).toBe(
      '{"db":0,"key":"cart:é","kind":"type","detail":"set on source, list on target","source":"set","target":"list"}\n' +
        '{"db":3,"key":{"base64":"/wA="},"kind":"value","detail":"byte 7 differs"}\n',
    );
    control.found = [];
    expect((await call('GET', '/api/verify/differences')).text).toBe('');
  });

  test('the dashboard gets what is newer than it knows', async () => {
    const { code, body } = await call('GET', '/api/dashboard?since=1700000000000');
    expect(code).toBe(200);
    expect(body.status).toEqual(control.current);
    expect(Object.keys(body)).toEqual(
      'status samples sampleEveryMs mirrorLagMs commands prefixes breakers steps'.split(' '),
    );
    await call('GET', '/api/dashboard');
    expect(control.asked).toEqual([
      { call: 'overview', since: 1700000000000 },
      { call: 'overview', since: 0 },
    ]);
    for (const since of ['x', '-1']) {
      const answer = await call('GET', `/api/dashboard?since=${since}`);
      expect(answer).toMatchObject({ code: 400, body: { error: expect.stringContaining("'since' is wrong") } });
    }
  });

  test('report and leave', async () => {
    expect((await call('GET', '/api/report')).body).toMatchObject({ source: 'redis://a', phases: [{ epoch: 1 }] });
    expect((await call('GET', '/api/leave')).body).toMatchObject({ ok: false, reasons: [expect.any(String)] });
  });
});

describe('steps', () => {
  test('a phase change answers with the status', async () => {
    const body = '{"to":"dual-write","force":true,"share":50,"dryRun":false,"maxPauseMs":20}';
    expect(await call('POST', '/api/phase', body)).toMatchObject({ code: 200, body: { phase: 'dual-write' } });
    expect(control.asked).toEqual([
      { call: 'phase', to: 'dual-write', force: true, share: 50, dryRun: false, maxPauseMs: 20 },
    ]);
  });

  test('a measured pause comes with it', async () => {
    control.answers = [{ ok: true, pauseMs: 1.5 }];
    const answer = await call('POST', '/api/phase', '{"to":"target-first","dryRun":true}');
    expect(answer).toMatchObject({ code: 200, body: { phase: 'source-only', pauseMs: 1.5 } });
    expect(answer.body).not.toHaveProperty('ok');
  });

  test('a refusal is a 409 with its blockers', async () => {
    const blockers = [{ code: 'dirty', message: '3 keys are dirty.' }];
    const refusal = { ok: false as const, error: 'Not yet.', blockers };
    control.answers = [refusal, refusal, refusal, refusal];
    const expected = { code: 409, body: { error: 'Not yet.', blockers } };
    expect(await call('POST', '/api/phase', '{"to":"target-first"}')).toMatchObject(expected);
    expect(await call('POST', '/api/backfill', '{"action":"start"}')).toMatchObject(expected);
    expect(await call('POST', '/api/verify', '{}')).toMatchObject(expected);
    expect(await call('POST', '/api/abort', '{}')).toMatchObject(expected);
  });

  test('backfill and verify are accepted with 202, abort with 200', async () => {
    const started = await call('POST', '/api/backfill', '{"action":"start","rate":100}');
    expect(started).toMatchObject({ code: 202, body: { backfill: { state: 'running' } } });
    expect(await call('POST', '/api/backfill', '{"action":"start"}')).toMatchObject({ code: 202 });
    expect(await call('POST', '/api/verify')).toMatchObject({ code: 202, body: { verify: { state: 'running' } } });
    expect(await call('POST', '/api/verify', '{"repair":true}')).toMatchObject({ code: 202 });
    expect(await call('POST', '/api/abort', '')).toMatchObject({ code: 200 });
    expect(control.asked).toEqual([
      { call: 'backfill', action: 'start', rateKeysPerSecond: 100 },
      { call: 'backfill', action: 'start', rateKeysPerSecond: undefined },
      { call: 'verify', repair: false },
      { call: 'verify', repair: true },
      { call: 'abort' },
    ]);
  });

  test('a fault of Ferry is a 500 without passwords', async () => {
    control.changePhase = () => Promise.reject(new Error('lost redis://u:hunter2@h'));
    const answer = await call('POST', '/api/phase', '{"to":"dual-write"}');
    expect(answer).toMatchObject({ code: 500, body: { error: 'lost redis://u:***@h' } });
  });
});

describe('bad requests change nothing', () => {
  test.each([
    ['/api/phase', '{}', /'to' is wrong/],
    ['/api/phase', '{"to":"target"}', /'to' is wrong/],
    ['/api/phase', '{"to":"dual-write","forced":true}', /The body is wrong.*forced/],
    ['/api/phase', '{"to":"dual-write","force":"yes"}', /'force' is wrong/],
    ['/api/phase', '{"to":"target-read","share":101}', /'share' is wrong/],
    ['/api/phase', '[]', /The body is wrong/],
    ['/api/phase', 'to=dual-write', /not JSON/],
    ['/api/backfill', '{"action":"stop"}', /'action' is wrong/],
    ['/api/backfill', '{"action":"start","rate":-1}', /'rate' is wrong/],
    ['/api/verify', '{"repair":1}', /'repair' is wrong/],
    ['/api/abort', '{"to":"source-only"}', /The body is wrong/],
    ['/api/explain', '{"args":[]}', /'args' is wrong/],
    ['/api/explain', '{"args":["GET",7]}', /'args.1' is wrong/],
    ['/api/explain', '{"args":[{"base64":"?"}]}', /is wrong/],
  ])('%s %s', async (path, body, message) => {
    const answer = await call('POST', path, body);
    expect(answer.code).toBe(400);
    expect(answer.body.error).toMatch(message);
    expect(control.asked).toEqual([]);
  });

  test('unknown paths are 404, other methods 405, as JSON', async () => {
    expect(await call('GET', '/api/nothing?x=1')).toMatchObject({
      code: 404,
      body: { error: 'There is no GET /api/nothing.' },
    });
    for (const path of ['/api/phase', '/api/backfill', '/api/verify', '/api/abort', '/api/reload']) {
      for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
        expect(await call(method, path)).toMatchObject({
          code: 405,
          body: { error: `${path} takes POST, not ${method}.` },
        });
      }
    }
    for (const path of ['/', '/api/status', '/metrics']) {
      for (const method of ['POST', 'DELETE']) {
        for (const type of ['application/json', 'text/plain']) {
          const body = method === 'POST' ? 'x' : undefined;
          expect(await call(method, path, body, { 'content-type': type })).toMatchObject({
            code: 405,
            body: { error: `${path} takes GET, not ${method}.` },
          });
        }
      }
    }
    expect(await call('POST', '/api/nothing', 'x', { 'content-type': 'text/plain' })).toMatchObject({ code: 404 });
    expect(control.asked).toEqual([]);
  });

  test('a body over the limit', async () => {
    const answer = await call('POST', '/api/phase', JSON.stringify({ to: 'x'.repeat(70_000) }));
    expect(answer.code).toBe(413);
    expect(answer.body.error).toEqual(expect.any(String));
  });

  describe.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'a post of %j',
    (type) => {
      test.each([
        ['origin', 'https://evil.example'],
        ['origin', 'null'],
        ['sec-fetch-site', 'cross-site'],
      ])('from a web page is refused: %s %s', async (name, value) => {
        const answer = await call('POST', '/api/abort', '{}', {
          'content-type': type,
          [name]: value,
        });
        expect(answer).toMatchObject({ code: 403 });
        expect(control.asked).toEqual([]);
      });

      test('from a program is taken for JSON', async () => {
        const answer = await call('POST', '/api/abort', '{}', { 'content-type': type });
        expect(answer).toMatchObject({ code: 200 });
      });
    },
  );
});

describe('who asks', () => {
  const by = async (headers: Record<string, string>): Promise<unknown> => {
    await call('POST', '/api/abort', '{}', headers);
    return control.callers.at(-1);
  };

  test('is told to every step: the address of the connection, and the name that is given', async () => {
    const headers = { 'x-ferry-by': 'anna@ops' };
    await call('POST', '/api/phase', '{"to":"dual-write"}', headers);
    await call('POST', '/api/backfill', '{"action":"start"}', headers);
    await call('POST', '/api/verify', '{}', headers);
    await call('POST', '/api/abort', '{}', headers);
    await call('POST', '/api/reload', '{}', headers);
    expect(control.callers).toEqual(Array(5).fill({ name: 'anna@ops', address: '127.0.0.1' }));
    expect(await by({})).toEqual({ name: '', address: '127.0.0.1' });
  });

  test('what cannot be printed is left out of the name, and a long one is cut', async () => {
    expect(await by({ 'x-ferry-by': encodeURIComponent('J\u00f6rg \u2603\n\u001b[31m\u202e') })).toMatchObject({
      name: 'J\u00f6rg \u2603[31m',
    });
    expect(await by({ 'x-ferry-by': '100% me' })).toMatchObject({ name: '100% me' });
    expect(await by({ 'x-ferry-by': 'x'.repeat(5000) })).toMatchObject({ name: 'x'.repeat(64) });
  });
});

describe('reloading', () => {
  test('tells what has changed and what needs another start; a bad configuration is a 400, and its secrets stay', async () => {
    expect(await call('POST', '/api/reload')).toMatchObject({
      code: 200,
      body: { changed: ['log-level'], needsRestart: ['listen'] },
    });
    control.broken = new Error('--source: redis://u:hunter2@h is wrong.');
    const { code, text } = await call('POST', '/api/reload');
    expect(code).toBe(400);
    expect(text).toContain('Nothing was changed.');
    expect(text).not.toContain('hunter2');
  });
});

describe('who may call', () => {
  test('without a token only under a loopback name', async () => {
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:6390', 'LOCALHOST']) {
      expect(await call('GET', '/api/status', undefined, { host })).toMatchObject({ code: 200 });
    }
    for (const host of ['evil.example', 'localhost.evil.example:80', '127.0.0.1.evil.example']) {
      expect(await call('GET', '/api/status', undefined, { host })).toMatchObject({ code: 403 });
      expect(await call('POST', '/api/abort', '{}', { host })).toMatchObject({ code: 403 });
      expect(await call('GET', '/healthz', undefined, { host })).toMatchObject({ code: 200 });
    }
    expect(control.asked).toEqual([]);
  });

  test('no page of another origin can change anything, whatever it knows', async () => {
    const own = `http://127.0.0.1:${server.port}`;
    const from = (origin: string, more = {}): Promise<Answer> => call('POST', '/api/abort', '{}', { origin, ...more });
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', 'http://localhost.evil.example']) {
      expect(await from(origin)).toMatchObject({ code: 403 });
    }
    expect(await from(own, { 'sec-fetch-site': 'cross-site' })).toMatchObject({ code: 403 });
    expect(control.asked).toEqual([]);
    expect(await from(own)).toMatchObject({ code: 200 });
    await server.stop();
    server = await start('s3cret');
    const authorization = 'Bearer s3cret';
    expect(await from('https://evil.example', { authorization })).toMatchObject({ code: 403 });
    // who may not call learns nothing of what there is
    for (const [method, path] of [
      ['POST', '/api/status'],
      ['GET', '/api/phase'],
      ['POST', '/nothing'],
      ['PUT', '/'],
    ] as const) {
      expect(await call(method, path, undefined, { 'content-type': 'text/plain' })).toMatchObject({ code: 401 });
    }
  });

  test('with a token everything but health and readiness needs it', async () => {
    await server.stop();
    server = await start('s3cret');
    for (const path of ['/', '/metrics', '/api/status', '/api/verify/differences', '/nothing']) {
      const answer = await call('GET', path);
      expect(answer).toMatchObject({ code: 401, body: { error: expect.stringContaining('token') } });
    }
    for (const authorization of ['s3cret', 'Bearer wrong', 'Bearer s3cret2', 'Basic s3cret']) {
      expect(await call('POST', '/api/abort', '{}', { authorization })).toMatchObject({ code: 401 });
    }
    expect(control.asked).toEqual([]);
    expect(await call('GET', '/healthz')).toMatchObject({ code: 200 });
    expect(await call('GET', '/readyz')).toMatchObject({ code: 200 });
    const authorization = 'Bearer s3cret';
    expect(await call('GET', '/api/status', undefined, { authorization, host: 'ferry.example' })).toMatchObject({
      code: 200,
    });
    expect(await call('POST', '/api/abort', '{}', { authorization })).toMatchObject({ code: 200 });
  });

  test('with a token a browser gets the page, which is the same everywhere, and nothing else', async () => {
    await server.stop();
    server = await start('s3cret');
    const accept = 'text/html,application/xhtml+xml,*/*;q=0.8';
    const page = await call('GET', '/', undefined, { accept });
    expect(page).toMatchObject({ code: 200, type: 'text/html; charset=utf-8' });
    const files = [...page.text.matchAll(/"\.\/(assets\/[^"]+)"/g)].map((match) => `/${match[1]}`);
    expect(files.length).toBeGreaterThanOrEqual(2);
    for (const path of files) expect(await call('GET', path)).toMatchObject({ code: 200 });
    for (const path of ['/api/status', '/api/dashboard', '/metrics', '/assets/', '/assets/../api/status', '//']) {
      expect(await call('GET', path, undefined, { accept })).toMatchObject({ code: 401 });
    }
    expect(await call('POST', '/', '{}', { accept })).toMatchObject({ code: 401 });
    expect(await call('POST', '/api/abort', '{}', { accept })).toMatchObject({ code: 401 });
    expect(control.asked).toEqual([]);
  });

  test('a page of ours takes nothing from elsewhere, and none of ours is framed', async () => {
    for (const path of ['/', '/api/status', '/nothing']) {
      const { headers } = await call('GET', path);
      expect(String(headers['content-security-policy']).split('; ')).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "script-src 'self'",
          "style-src 'self'",
          "frame-ancestors 'none'",
        ]),
      );
      expect(headers['content-security-policy']).not.toContain('unsafe');
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });

  test('listening for others without a token, or on a taken port, is refused at start', async () => {
    await expect(start(null, 0, '0.0.0.0')).rejects.toThrow(/would be open to others/);
    await expect(start(null, server.port)).rejects.toThrow(
      `The admin address 127.0.0.1:${server.port} is already in use: choose another --admin.`,
    );
    await expect(start(null, server.port)).rejects.toBeInstanceOf(StartError);
  });
});

test('metrics have the names of the contract', async () => {
  control.snapshot.commandMicros.source.record(300);
  control.snapshot.commandMicros.source.record(20_000);
  await call('GET', '/metrics');
  const { text, type } = await call('GET', '/metrics');
  expect(type).toContain('text/plain');
  for (const line of [
    'ferry_commands_total{command="get",side="source"} 3',
    'ferry_command_duration_seconds_bucket{le="0.0005",side="source"} 1',
    'ferry_command_duration_seconds_bucket{le="+Inf",side="source"} 2',
    'ferry_command_duration_seconds_sum{side="source"} 0.0203',
    'ferry_command_duration_seconds_count{side="target"} 0',
    'ferry_fallback_reads_total 1',
    'ferry_read_repairs_total 2',
    'ferry_mirror_ops_total{class="replay"} 3',
    'ferry_mirror_errors_total 5',
    'ferry_mirror_backlog_bytes 6',
    'ferry_mirror_lag_seconds 0.5',
    'ferry_dirty_keys 7',
    'ferry_uncertain_writes_total 8',
    'ferry_clients_connected 9',
    'ferry_phase{phase="dual-write"} 1',
    'ferry_phase{phase="source-only"} 0',
    'ferry_backfill_keys_total{result="copied"} 10',
    'ferry_verify_differences{kind="missing"} 1',
    'ferry_verify_uncompared_keys 2',
    'ferry_cross_slot_commands_total{command="MULTI"} 12',
    'ferry_breaker_open{node="127.0.0.1:1"} 1',
    'ferry_bytes_total{side="source",direction="out"} 11',
    'ferry_bytes_total{side="target",direction="in"} 14',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).toContain('# TYPE ferry_command_duration_seconds histogram');
  expect(text).toContain('process_cpu_seconds_total');
  expect(text).not.toMatch(/^ferry_cutover_pause_seconds/m);
  control.snapshot.cutoverPauseSeconds = 0.002;
  expect((await call('GET', '/metrics')).text).toMatch(/^ferry_cutover_pause_seconds 0.002$/m);
});

describe('the files of the page', () => {
  const place = pathToFileURL(`${mkdtempSync(join(tmpdir(), 'ferry-page-'))}/`);
  afterAll(() => rmSync(place, { recursive: true }));

  test('without a build there is a plain page', () => {
    const files = readPage([place]);
    expect([...files.keys()]).toEqual(['/']);
    expect(files.get('/')?.body.toString()).toContain('npm run build');
  });

  test('each with its type, in memory', () => {
    mkdirSync(new URL('assets/', place));
    for (const name of ['index.html', 'assets/a-1.js', 'assets/a-1.css', 'assets/a.svg', 'assets/odd']) {
      writeFileSync(new URL(name, place), name);
    }
    const files = readPage([new URL('missing/', place), place]);
    expect(Object.fromEntries([...files].map(([path, { type }]) => [path, type]))).toEqual({
      '/': 'text/html; charset=utf-8',
      '/assets/a-1.js': 'text/javascript; charset=utf-8',
      '/assets/a-1.css': 'text/css; charset=utf-8',
      '/assets/a.svg': 'image/svg+xml',
      '/assets/odd': 'application/octet-stream',
    });
  });
});
