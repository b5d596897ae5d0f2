/** A configuration that is read again: what takes effect, that a bad one changes nothing, and that clients notice nothing. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/load.js';
import { freePort, type RedisServer, startRedis } from '../../support/redis.js';
import { CLOSED, Pipe } from '../journey/pipe.js';
import { sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const given = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));

let dir: string;
let source: RedisServer;
let target: RedisServer;
let ferry: Ferry | null = null;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-reload-'));
  [source, target] = await Promise.all([startRedis(), startRedis()]);
});
afterEach(async () => {
  await ferry?.stop();
  ferry = null;
  await Promise.all([source.stop(), target.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

function write(lines: Record<string, string | number>): void {
  const all: Record<string, string | number> = {
    source: source.url,
    target: target.url,
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    'state-dir': join(dir, 'state'),
    'log-level': 'silent',
    ...lines,
  };
  const rows = Object.entries(all).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  writeFileSync(join(dir, 'ferry.yml'), `${rows.join('\n')}\n`);
}

async function start(lines: Record<string, string | number> = {}): Promise<Ferry> {
  write(lines);
  const readConfig = () => loadConfig({ config: join(dir, 'ferry.yml') }, {});
  ferry = await startFerry(readConfig(), { readConfig });
  return ferry;
}

async function reload(): Promise<{ code: number; body: Record<string, unknown> }> {
  const headers = { 'content-type': 'application/json' };
  const url = `http://127.0.0.1:${ferry!.adminPort}/api/reload`;
  const answer = await fetch(url, { method: 'POST', headers });
  return { code: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test('limits count at once, for connections that are there and for new ones', async () => {
  const { port } = await start({ 'max-clients': 2 });
  const [one, two] = [await Pipe.open(port), await Pipe.open(port)];
  expect(text(await one.ask('PING'))).toBe('PONG');
  expect(text(await two.ask('PING'))).toBe('PONG');
  const refused = await Pipe.open(port);
  expect(text(await refused.ask('PING'))).toBe('(error) ERR max number of clients reached');
  write({ 'max-clients': 3, 'client-output-bytes': '1MiB' });
  expect(await reload()).toEqual({
    code: 200,
    body: { changed: ['client-output-bytes', 'max-clients'], needsRestart: [] },
  });
  const three = await Pipe.open(port);
  expect(text(await three.ask('PING'))).toBe('PONG');
  // the first one was not disconnected, and the new limit is its too
  await one.ask('SET', 'big', 'v'.repeat(4 << 20));
  one.socket.pause();
  const big = one.ask('GET', 'big');
  await sleep(200);
  one.socket.resume();
  expect(await big).toBe(CLOSED);
  expect(text(await two.ask('PING'))).toBe('PONG');
  for (const pipe of [two, three]) pipe.close();
});

test('what is not possible is named; a bad configuration changes nothing, in whatever way it is bad', async () => {
  const { port, control } = await start({ 'max-clients': 5 });
  const client = await Pipe.open(port);
  await client.ask('PING');
  const listen = `127.0.0.1:${await freePort()}`;
  write({ listen, ack: 'both', 'max-clients': 5 });
  expect(await reload()).toEqual({ code: 200, body: { changed: [], needsRestart: ['listen', 'ack'] } });
  for (const bad of [
    { 'max-clients': 0 },
    { 'max-clients': 9, 'no-such-option': 1 },
    { 'max-clients': 9, source: 'redis://:hunter2@127.0.0.1:99999' },
    { 'max-clients': 9, target: source.url },
    { 'max-clients': 9, 'big-key-bytes': '1GiB' },
  ]) {
    write(bad as unknown as Record<string, string>);
    const { code, body } = await reload();
    expect([code, body.error]).toEqual([400, expect.stringMatching(/^Nothing was changed\. /)]);
    expect(JSON.stringify(body)).not.toContain('hunter2');
  }
  writeFileSync(join(dir, 'ferry.yml'), 'source: [\n');
  expect((await reload()).code).toBe(400);
  rmSync(join(dir, 'ferry.yml'));
  expect((await reload()).code).toBe(400);
  expect(text(await client.ask('PING'))).toBe('PONG');
  expect(control.status().phase).toBe('source-only');
  write({ 'max-clients': 1 });
  expect((await reload()).body).toEqual({ changed: ['max-clients'], needsRestart: [] });
  const refused = await Pipe.open(port);
  expect(text(await refused.ask('PING'))).toMatch(/max number of clients/);
  client.close();
});

describe('TLS', () => {
  const connectWith = (port: number): Promise<TLSSocket | null> =>
    new Promise((resolve) => {
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        ca: readFileSync(given('ca.crt')),
        rejectUnauthorized: false,
      });
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', () => resolve(null));
    });
  const commonName = (socket: TLSSocket | null): string => String(socket?.getPeerCertificate().subject.CN);
  const ping = (socket: TLSSocket): Promise<string> =>
    new Promise((resolve) => {
      socket.once('data', (chunk) => resolve(String(chunk)));
      socket.write('PING\r\n');
    });
  const use = (cert: string, key: string): void => {
    copyFileSync(given(cert), join(dir, 'ferry.crt'));
    copyFileSync(given(key), join(dir, 'ferry.key'));
  };

  test('the certificate of the listener is renewed, connections go on, and a wrong one is refused', async () => {
    use('server.crt', 'server.key');
    const { port } = await start({ 'tls-cert': join(dir, 'ferry.crt'), 'tls-key': join(dir, 'ferry.key') });
    const old = (await connectWith(port))!;
    const before = commonName(old);
    use('client.crt', 'client.key');
    // not before it is asked for
    const between = await connectWith(port);
    expect(commonName(between)).toBe(before);
    expect(await reload()).toEqual({ code: 200, body: { changed: [], needsRestart: [] } });
    const renewed = (await connectWith(port))!;
    expect(commonName(renewed)).not.toBe(before);
    expect(await ping(renewed)).toBe('+PONG\r\n');
    expect(await ping(old)).toBe('+PONG\r\n');
    for (const broken of [
      () => use('server.crt', 'client.key'),
      () => writeFileSync(join(dir, 'ferry.crt'), 'no certificate'),
      () => rmSync(join(dir, 'ferry.crt')),
    ]) {
      broken();
      expect((await reload()).code).toBe(400);
      const still = (await connectWith(port))!;
      expect(commonName(still)).toBe(commonName(renewed));
      expect(await ping(still)).toBe('+PONG\r\n');
      still.destroy();
    }
    for (const socket of [old, between!, renewed]) socket.destroy();
  });

  test('the authorities of a server are read again, for connections from then on', async () => {
    const port = await freePort();
    const files = ['--tls-cert-file', given('server.crt'), '--tls-key-file', given('server.key')];
    const secure = await startRedis({ args: ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'] });
    try {
      copyFileSync(given('ca.crt'), join(dir, 'ca.crt'));
      const started = await start({ source: `rediss://127.0.0.1:${port}?ca=${join(dir, 'ca.crt')}` });
      const client = await Pipe.open(started.port);
      expect(text(await client.ask('PING'))).toBe('PONG');
      // not the one that signed the server's certificate
      copyFileSync(given('client.crt'), join(dir, 'ca.crt'));
      expect((await reload()).code).toBe(200);
      expect(text(await client.ask('PING'))).toBe('PONG');
      // another database is another connection
      expect(await client.ask('SELECT', '1')).not.toBe('OK');
      copyFileSync(given('ca.crt'), join(dir, 'ca.crt'));
      expect((await reload()).code).toBe(200);
      const again = await Pipe.open(started.port);
      expect(text(await again.ask('SELECT', '2'))).toBe('OK');
      writeFileSync(join(dir, 'ca.crt'), '-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n');
      expect((await reload()).code).toBe(400);
      expect(text(await again.ask('SELECT', '3'))).toBe('OK');
      for (const pipe of [client, again]) pipe.close();
    } finally {
      await secure.stop();
    }
  });
});
