/** New connections: how many there may be, how fast they come in, and what a crowd does to those who are served. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { Pipe } from '../journey/pipe.js';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
const TLS = { cert: file('server.crt'), key: file('server.key'), ca: null, clientAuth: 'no', sni: {} } as const;

let stage: Stage;
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await stage?.close();
});

/** A connection that says PING at once, and when it was answered; '' when it was closed without a word. */
function pinged(): Promise<{ reply: string; atMs: number }> {
  const socket = connect(stage.ferry.port, '127.0.0.1');
  sockets.push(socket);
  return new Promise((resolve) => {
    const done = (reply: string): void => resolve({ reply, atMs: performance.now() });
    socket.once('data', (chunk) => done(String(chunk)));
    socket.on('close', () => done(''));
    socket.on('error', () => {});
    socket.write('PING\r\n');
  });
}

function raw(): Promise<Socket> {
  const socket = connect(stage.ferry.port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)));
}

function tlsPing(): Promise<string> {
  const socket = connectTls({ port: stage.ferry.port, host: '127.0.0.1', ca: readFileSync(file('ca.crt')) });
  sockets.push(socket);
  return new Promise((resolve) => {
    socket.once('data', (chunk) => resolve(String(chunk)));
    socket.on('close', () => resolve('closed'));
    socket.on('error', () => {});
    socket.write('PING\r\n');
  });
}

test('a crowd comes in at the rate that is set, all of it, and who is served goes on', async () => {
  stage = await Stage.open({ config: { limits: { acceptRate: 100 } } });
  const served = await Pipe.open(stage.ferry.port);
  await served.ask('PING');
  const beganMs = performance.now();
  let crowd = 0;
  const all = Array.from({ length: 150 }, () =>
    pinged().then((answer) => {
      crowd++;
      return answer;
    }),
  );
  let answered = 0;
  while (crowd < 150) {
    expect(text(await served.ask('GET', 'k'))).toBe('(nil)');
    answered++;
    await sleep(5);
  }
  const answers = await Promise.all(all);
  expect(new Set(answers.map(({ reply }) => reply))).toEqual(new Set(['+PONG\r\n']));
  // 150 at 100 a second, of which some may come in one go
  expect(Math.max(...answers.map(({ atMs }) => atMs)) - beganMs).toBeGreaterThan(1200);
  expect(answered).toBeGreaterThan(20);
  served.close();
});

test('without a rate nobody waits', async () => {
  stage = await Stage.open({ config: { limits: { acceptRate: 0 } } });
  const answers = await Promise.all(Array.from({ length: 300 }, () => pinged()));
  expect(answers.every(({ reply }) => reply === '+PONG\r\n')).toBe(true);
});

test('those who wait count as clients: beyond max-clients a connection is refused in the words of Redis', async () => {
  stage = await Stage.open({ config: { limits: { maxClients: 20, acceptRate: 10 } } });
  const answers = await Promise.all(Array.from({ length: 30 }, () => pinged()));
  const replies = answers.map(({ reply }) => reply);
  expect(replies.filter((reply) => reply === '+PONG\r\n')).toHaveLength(20);
  expect(replies.filter((reply) => reply === '-ERR max number of clients reached\r\n')).toHaveLength(10);
  expect(stage.status.clients.connected).toBe(20);
});

test('connections in their TLS handshake count as clients, and make room when they end, however they end', async () => {
  stage = await Stage.open({ config: { tls: TLS, limits: { maxClients: 12 } } });
  const silent = await Promise.all(Array.from({ length: 12 }, raw));
  await sleep(200);
  expect(stage.status.clients.connected).toBe(0);
  expect(await tlsPing()).toBe('closed');
  // one hangs up, one talks nonsense, one is cut
  silent[0]!.end();
  silent[1]!.write('GET / HTTP/1.1\r\n\r\n');
  silent[2]!.resetAndDestroy();
  await sleep(200);
  const answers: string[] = [];
  for (let i = 0; i < 4; i++) answers.push(await tlsPing());
  expect(answers).toEqual(['+PONG\r\n', '+PONG\r\n', '+PONG\r\n', 'closed']);
});

test('silent connections keep nobody out: the oldest makes room', async () => {
  stage = await Stage.open({ config: { tls: TLS } });
  const silent = await Promise.all(Array.from({ length: 1030 }, raw));
  let closed = 0;
  for (const socket of silent) socket.once('close', () => closed++);
  const many = await Promise.all(Array.from({ length: 60 }, tlsPing));
  expect(new Set(many)).toEqual(new Set(['+PONG\r\n']));
  expect(stage.status.clients.connected).toBe(60);
  await sleep(100);
  expect(closed).toBeGreaterThanOrEqual(6);
  expect(closed).toBeLessThanOrEqual(66);
});

test('over TLS too a client may write everything, close its side and read', async () => {
  stage = await Stage.open({ config: { tls: TLS } });
  const plain = connect({ port: stage.ferry.port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = connectTls({ socket: plain, ca: readFileSync(file('ca.crt')), servername: 'localhost' });
  socket.allowHalfOpen = true;
  sockets.push(socket);
  let got = '';
  socket.on('data', (chunk) => {
    got += String(chunk);
  });
  socket.end('PING\r\nSET k v\r\nGET k\r\n');
  await new Promise((resolve) => socket.on('close', resolve));
  expect(got).toBe('+PONG\r\n+OK\r\n$1\r\nv\r\n');
});
