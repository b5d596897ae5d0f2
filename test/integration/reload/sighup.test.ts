/** SIGHUP to the command itself: read again, said in the log, and never the end of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort, type RedisServer, startRedis } from '../../support/redis.js';
import { Pipe } from '../journey/pipe.js';
import { sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const FERRY = fileURLToPath(new URL('../../../bin/ferry.js', import.meta.url));

let dir: string;
let servers: RedisServer[];
let child: ChildProcess | null = null;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-sighup-'));
  servers = await Promise.all([startRedis(), startRedis()]);
});
afterEach(async () => {
  child?.kill('SIGKILL');
  child = null;
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(dir, { recursive: true, force: true });
});

test('a good file changes what it can, a bad one nothing, and clients stay', async () => {
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = join(dir, 'ferry.yml');
  const write = (maxClients: number): void =>
    writeFileSync(
      file,
      `source: ${servers[0]!.url}\ntarget: ${servers[1]!.url}\nlisten: 127.0.0.1:${port}\nadmin: 127.0.0.1:${adminPort}\n` +
        `state-dir: ${join(dir, 'state')}\nmax-clients: ${maxClients}\n`,
    );
  write(5);
  let log = '';
  child = spawn(process.execPath, [FERRY, 'serve', '--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr!.on('data', (chunk) => {
    log += String(chunk);
  });
  const said = async (what: string): Promise<void> => {
    for (let i = 0; i < 800 && !log.includes(what); i++) await sleep(50);
    expect(log).toContain(what);
  };
  await said('ferry is ready');
  const client = await Pipe.open(port);
  expect(text(await client.ask('PING'))).toBe('PONG');
  write(1);
  child.kill('SIGHUP');
  await said('"changed":["max-clients"],"needsRestart":[]');
  const refused = await Pipe.open(port);
  expect(text(await refused.ask('PING'))).toMatch(/max number of clients/);
  write(0);
  child.kill('SIGHUP');
  await said('the configuration was not read again, and nothing has changed');
  expect(text(await client.ask('PING'))).toBe('PONG');
  client.close();
});
