/** Ten thousand clients that wait cost Ferry memory, and the servers nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FerryProcess } from '../journey/process.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const CLIENTS = 10_000;
const LIMIT_MIB = 300;

/** Connects that many clients, each waiting for a key of its own, and says so. */
const WAITERS = `
import { connect } from 'node:net';
const [port, count] = process.argv.slice(1).map(Number);
let waiting = 0;
for (let i = 0; i < count; i++) {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', (error) => { console.log(error.message); process.exit(1); });
  socket.on('data', (reply) => console.log(String(reply).replaceAll('\\r\\n', ' ')));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write('BLPOP wait:' + i + ' 0\\r\\n');
  if (++waiting === count) console.log('waiting');
}`;

let stage: Stage;
let ferry: FerryProcess;
let clients: ChildProcess | null = null;

beforeEach(async () => {
  stage = await Stage.open({ ferry: false });
  ferry = await FerryProcess.prepare([
    ...['--source', stage.source.url, '--target', stage.target.url, '--state-dir', stage.stateDir],
    ...['--phase', 'dual-write', '--max-clients', String(CLIENTS + 10)],
  ]);
  await ferry.start();
});
afterEach(async () => {
  clients?.kill('SIGKILL');
  await ferry?.kill();
  await stage?.close();
});

test(`${CLIENTS} parked clients hold no connection to a server, and less than ${LIMIT_MIB} MiB`, {
  timeout: 90_000,
}, async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', WAITERS, String(ferry.port), String(CLIENTS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  clients = child;
  const [first] = await once(child.stdout, 'data');
  expect(String(first)).toBe('waiting\n');
  await ferry.until('all are parked', (status) => status.clients.blocked === CLIENTS);
  const source = await stage.onSource();
  const connections = (await source.send('CLIENT', 'LIST')) as Buffer;
  expect(text(connections).trim().split('\n').length).toBeLessThan(20);
  expect(ferry.peakMiB()).toBeLessThan(LIMIT_MIB);
  // one that bypasses Ferry still wakes the right one
  const answered = once(child.stdout, 'data');
  await source.send('RPUSH', 'wait:7777', 'element');
  expect(String((await answered)[0])).toBe('*2 $9 wait:7777 $7 element \n');
});
