/** What Ferry answers itself needs the rights that the server would ask for, and tells no secrets. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Pipe } from '../journey/pipe.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

const SECRET = 'hunter2-secret';

async function open(): Promise<void> {
  const args = ['--requirepass', SECRET];
  const login = `:${SECRET}`;
  stage = await Stage.open({ sourceArgs: args, targetArgs: args, logins: { source: login, target: login } });
  for (const server of [await stage.onSource(SECRET), await stage.onTarget(SECRET)]) {
    await server.send('ACL', 'SETUSER', 'blind', 'on', '>b', '~*', '&*', '+@all', '-info', '-ping');
    await server.send('ACL', 'SETUSER', 'sees', 'on', '>s', '~*', '&*', '+info', '-ping');
  }
}

async function as(...login: string[]): Promise<Pipe> {
  const pipe = await Pipe.open(stage.ferry.port);
  expect(text(await pipe.ask('AUTH', ...login))).toBe('OK');
  return pipe;
}

test('INFO ferry and FERRY need the right to INFO', async () => {
  await open();
  const [blind, sees] = [await as('blind', 'b'), await as('sees', 's')];
  const questions = [['INFO', 'ferry'], ['INFO'], ['FERRY', 'STATUS'], ['FERRY', 'PHASE'], ['FERRY', 'DIRTY']];
  for (const phase of ['source-only', 'dual-write'] as const) {
    if (phase !== 'source-only') await stage.goTo(phase);
    for (const question of questions) {
      expect(text(await blind.ask(...question))).toMatch(/^\(error\) NOPERM .*'info'/);
      expect(text(await sees.ask(...question))).not.toMatch(/^\(error\)/);
    }
  }
  expect(text(await sees.ask('FERRY', 'PHASE'))).toBe('dual-write');
  blind.close();
  sees.close();
});

test('PING of a subscribed client needs the right to PING', async () => {
  await open();
  const [blind, admin] = [await as('blind', 'b'), await as(SECRET)];
  await blind.ask('SUBSCRIBE', 'c');
  expect(text(await blind.ask('PING'))).toMatch(/^\(error\) NOPERM .*'ping'/);
  await admin.ask('SUBSCRIBE', 'c');
  expect(JSON.stringify(await admin.ask('PING', 'hi'))).toContain('[112,111,110,103]'); // pong
  blind.close();
  admin.close();
});

test('no password is told by status, metrics, errors or what is on disk, and files are their owner’s alone', async () => {
  await open();
  await stage.goTo('dual-write');
  const admin = await as(SECRET);
  const base = `http://127.0.0.1:${stage.ferry.adminPort}`;
  const pages = ['/', '/api/status', '/metrics', '/api/report', '/api/leave', '/readyz'];
  const told = await Promise.all(pages.map(async (path) => (await fetch(base + path)).text()));
  told.push(
    String(await admin.ask('INFO', 'ferry')),
    String(await admin.ask('INFO')),
    String(await admin.ask('FERRY', 'STATUS')),
  );
  told.push(String(await admin.ask('CLIENT', 'LIST')), JSON.stringify(stage.status));
  told.push(readFileSync(join(stage.stateDir, 'state.json'), 'utf8'));
  for (const page of told) {
    expect(page.length).toBeGreaterThan(5);
    expect(page).not.toContain(SECRET);
  }
  expect(statSync(join(stage.stateDir, 'state.json')).mode & 0o777).toBe(0o600);
  admin.close();
});
