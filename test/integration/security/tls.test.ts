/** TLS on every side, unix sockets, limits before and between. Real TLS on real servers, certificates in support/tls. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { type ConfigOverrides, defaultConfig } from '../../../src/config/config.js';
import { freePort, type RedisServer, startRedis } from '../../support/redis.js';
import { sleep } from '../journey/stage.js';

const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
const pem = (name: string): Buffer => readFileSync(file(name));

let servers: RedisServer[] = [];
let ferry: Ferry | null = null;
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-tls-'));
});
afterEach(async () => {
  await ferry?.stop();
  ferry = null;
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
  rmSync(dir, { recursive: true, force: true });
});

async function server(...args: string[]): Promise<RedisServer> {
  const one = await startRedis({ args });
  servers.push(one);
  return one;
}

/** A server that speaks TLS on the port that is returned. */
async function tlsServer(...args: string[]): Promise<number> {
  const port = await freePort();
  const files = [
    '--tls-cert-file',
    file('server.crt'),
    '--tls-key-file',
    file('server.key'),
    '--tls-ca-cert-file',
    file('ca.crt'),
  ];
  await server('--tls-port', String(port), ...files, ...args);
  return port;
}

async function start(overrides: ConfigOverrides): Promise<Ferry> {
  const anywhere = { host: '127.0.0.1', port: 0 };
  ferry = await startFerry(
    defaultConfig({
      listen: anywhere,
      admin: { port: 0 },
      stateDir: join(dir, 'state'),
      logLevel: 'silent',
      ...overrides,
    }),
  );
  return ferry;
}

async function works(client: Redis): Promise<void> {
  await client.set('k', 'v');
  expect(await client.get('k')).toBe('v');
  expect(await client.multi().incr('n').exec()).toEqual([[null, expect.any(Number)]]);
  client.disconnect();
}

describe('to the servers', () => {
  test('both sides over TLS, with client certificates, through a whole migration', async () => {
    const [a, b] = [await tlsServer('--tls-auth-clients', 'yes'), await tlsServer('--tls-auth-clients', 'yes')];
    const options = `ca=${file('ca.crt')}&cert=${file('client.crt')}&key=${file('client.key')}`;
    const { port, control } = await start({
      source: `rediss://localhost:${a}?${options}`,
      target: `rediss://127.0.0.1:${b}?${options}`,
    });
    await works(new Redis(port));
    for (const to of ['dual-write', 'target-read'] as const)
      expect(await control.changePhase({ to })).toMatchObject({ ok: true });
    await control.backfill('start');
    while (control.status().backfill.state !== 'done') await sleep(10);
    await control.verify({ repair: false });
    while (control.status().verify.state !== 'done') await sleep(10);
    expect(await control.changePhase({ to: 'target-first' })).toMatchObject({ ok: true });
    await works(new Redis(port));
    const big = new Redis(port);
    const value = 'x'.repeat(3_000_000);
    await big.set('big', value);
    expect((await big.get('big')) === value).toBe(true);
    big.disconnect();
  });

  test.each([
    [
      'an authority that is not trusted',
      `ca=${file('stranger.crt')}`,
      /self-signed|unable to (get|verify)|certificate/i,
    ],
    ['no certificate of its own', `ca=${file('ca.crt')}`, /certificate|alert|closed|reset|handshake/i],
    [
      'another name',
      `ca=${file('ca.crt')}&cert=${file('client.crt')}&key=${file('client.key')}&servername=other.example`,
      /altnames|Hostname/i,
    ],
    ['a file that is not there', 'ca=/nowhere/ca.crt', /TLS files of the source cannot be read/],
  ])('is refused with %s', async (_, options, message) => {
    const a = await tlsServer('--tls-auth-clients', 'yes');
    const plain = await server();
    await expect(start({ source: `rediss://localhost:${a}?${options}`, target: plain.url })).rejects.toThrow(message);
  });

  test('over unix sockets, listening on one, and taking over the file of a process that died', async () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => join(dir, `${name}.sock`)) as [
      string,
      string,
      string,
      string,
    ];
    const listening = join(dir, 'ferry.sock');
    for (const socket of [a, b, c, d]) await server('--unixsocket', socket);
    const dead = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(listening)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    await new Promise((resolve) => dead.once('exit', resolve));
    expect(existsSync(listening)).toBe(true);
    await start({
      source: `unix://${a}`,
      target: `unix://${b}?db=3`,
      phase: 'dual-write',
      listen: { host: 'localhost', port: 0, path: listening },
    });
    await works(new Redis({ path: listening }));
    await expect(
      startFerry(
        defaultConfig({
          source: `unix://${c}`,
          target: `unix://${d}`,
          listen: { host: '', port: 0, path: listening },
          admin: { port: 0 },
          stateDir: join(dir, 'other'),
        }),
      ),
    ).rejects.toThrow(/another process listens there/);
    const file = join(dir, 'a file');
    writeFileSync(file, 'precious');
    await expect(
      startFerry(
        defaultConfig({
          source: `unix://${c}`,
          target: `unix://${d}`,
          listen: { host: '', port: 0, path: file },
          admin: { port: 0 },
          stateDir: join(dir, 'third'),
        }),
      ),
    ).rejects.toThrow(/no socket/);
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });
});

describe('to clients', () => {
  const certificate = { cert: file('server.crt'), key: file('server.key'), sni: {} };
  const sides = async (): Promise<ConfigOverrides> => ({ source: (await server()).url, target: (await server()).url });

  test('TLS, and nothing for who does not speak it', async () => {
    const { port } = await start({ ...(await sides()), tls: { ...certificate, ca: null, clientAuth: 'no' } });
    await works(new Redis({ port, tls: { ca: pem('ca.crt'), servername: 'localhost' } }));
    const plain = connect(port, '127.0.0.1');
    let received = '';
    plain.on('data', (chunk) => {
      received += chunk;
    });
    plain.on('error', () => {});
    plain.write('PING\r\n');
    await new Promise((resolve) => plain.once('close', resolve));
    expect(received).not.toContain('PONG');
  });

  test('mutual TLS: a client without a certificate does not get in', async () => {
    const { port } = await start({
      ...(await sides()),
      tls: { ...certificate, ca: file('ca.crt'), clientAuth: 'required' },
    });
    await works(
      new Redis({
        port,
        tls: { ca: pem('ca.crt'), servername: 'localhost', cert: pem('client.crt'), key: pem('client.key') },
      }),
    );
    const without = new Redis({
      port,
      tls: { ca: pem('ca.crt'), servername: 'localhost' },
      lazyConnect: true,
      retryStrategy: () => null,
    });
    without.on('error', () => {});
    await expect(without.connect().then(() => without.ping())).rejects.toThrow();
    without.disconnect();
  });

  test('mutual TLS holds for every name', async () => {
    const sni = { 'other.example': { cert: file('other.crt'), key: file('other.key') } };
    const { port } = await start({
      ...(await sides()),
      tls: { ...certificate, ca: file('ca.crt'), clientAuth: 'required', sni },
    });
    const tls = { ca: pem('ca.crt'), servername: 'other.example' };
    await works(new Redis({ port, tls: { ...tls, cert: pem('client.crt'), key: pem('client.key') } }));
    const without = new Redis({ port, tls, lazyConnect: true, retryStrategy: () => null });
    without.on('error', () => {});
    await expect(without.connect().then(() => without.ping())).rejects.toThrow();
    without.disconnect();
  });

  test('the certificate of the name that is asked for', async () => {
    const sni = { 'other.example': { cert: file('other.crt'), key: file('other.key') } };
    const { port } = await start({ ...(await sides()), tls: { ...certificate, ca: null, clientAuth: 'no', sni } });
    const nameFor = (servername: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket: TLSSocket = connectTls({ port, host: '127.0.0.1', servername, ca: pem('ca.crt') }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
        socket.on('error', reject);
      });
    expect(await nameFor('localhost')).toBe('localhost');
    expect(await nameFor('other.example')).toBe('other.example');
  });

  test('who is silent for too long is disconnected, who waits is not; too many are told so', async () => {
    const { port, control } = await start({ ...(await sides()), clientIdleSeconds: 1, limits: { maxClients: 2 } });
    const [idle, waiting] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    for (const socket of [idle, waiting]) socket.on('error', () => {}).resume();
    waiting.write('BLPOP k 0\r\n');
    while (control.status().clients.blocked !== 1) await sleep(10);
    const third = connect(port, '127.0.0.1');
    let told = '';
    third.on('data', (chunk) => {
      told += chunk;
    });
    await new Promise((resolve) => third.once('close', resolve));
    expect(told).toBe('-ERR max number of clients reached\r\n');
    await new Promise((resolve) => idle.once('close', resolve));
    expect(control.status().clients).toMatchObject({ connected: 1, blocked: 1 });
    waiting.destroy();
  });
});
