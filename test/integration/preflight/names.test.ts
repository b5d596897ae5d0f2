/** What the servers do not have, or have under other names or numbers: commands that Ferry needs, databases of the URLs. */
import { afterEach, expect, test } from 'vitest';
import { EVERYTHING } from '../../../src/topology/scope.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Wire } from '../journey/wire.js';
import { codesOf, found, look, send } from './looking.js';

const servers: RedisServer[] = [];
const wires: Wire[] = [];

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args });
  servers.push(server);
  return server;
}

async function onIt({ port }: RedisServer, ...lines: string[]): Promise<void> {
  const wire = await Wire.open(port);
  wires.push(wire);
  await send(wire, ...lines);
}

test('commands that are not there block or hurt, each with its consequence', async () => {
  const source = await start('--rename-command', 'SCAN', '', '--rename-command', 'CONFIG', '');
  const target = await start('--rename-command', 'DUMP', 'my-dump', '--rename-command', 'RENAME', 'my-rename');
  const { report } = await look(source.url, target.url);
  expect(codesOf(report, 'blocker')).toEqual(['source-commands-vital', 'target-commands-vital']);
  expect(found(report, 'source-commands-vital').evidence).toBe('not there: SCAN');
  expect(found(report, 'source-commands').evidence).toMatch(/^not there: CONFIG GET \([^)]*\)$/);
  // COMMAND lists it by its old name
  expect(found(report, 'target-commands-vital')).toMatchObject({
    evidence: 'not there: RENAME',
    fix: expect.stringContaining('--rename-target NAME=OTHER'),
  });
  expect(found(report, 'target-commands').evidence).toMatch(/^not there: DUMP /);
});

test('commands that Ferry was told the names of, and flushes that nobody is to have, are no finding', async () => {
  const renamed = ['--rename-command', 'CONFIG', 'my-config', '--rename-command', 'SCAN', 'my-scan'];
  const withoutFlushes = ['--rename-command', 'FLUSHALL', '', '--rename-command', 'FLUSHDB', ''];
  const [source, target] = [await start(...renamed, ...withoutFlushes), await start(...renamed, ...withoutFlushes)];
  const names = { config: 'my-config', scan: 'my-scan', flushall: '', flushdb: '' };
  const { report } = await look(source.url, target.url, { rename: { source: names, target: names } });
  expect(codesOf(report, 'blocker')).toEqual([]);
  expect(codesOf(report, 'warning')).toEqual([]);
});

test('a database of a URL that the server does not have', async () => {
  const [source, target] = [await start(), await start('--databases', '4')];
  const { report } = await look(`${source.url}/3`, `${target.url}/4`);
  expect(codesOf(report, 'blocker')).toEqual(['target-database']);
  expect(found(report, 'target-database').evidence).toContain('no database 4 on ');
  expect(codesOf((await look(`${source.url}/16`, target.url)).report, 'blocker')).toEqual(['source-database']);
});

test('two databases of the source that would be one on the target', async () => {
  const [source, target] = [await start(), await start()];
  await onIt(source, 'SET a 1', 'SELECT 3', 'SET b 1');
  const { report } = await look(source.url, `${target.url}/3`);
  expect(codesOf(report, 'blocker')).toEqual(['databases-collide']);
  expect(found(report, 'databases-collide').evidence).toBe('db3 (1 keys) on the source beside db0');
  const scope = { ...EVERYTHING, excludeDbs: [3] };
  expect((await look(source.url, `${target.url}/3`, { scope })).report.ok).toBe(true);
  expect((await look(`${source.url}/3`, `${target.url}/3`)).report.ok).toBe(true);
});

test('the lease of a Ferry that has gone does not make a target one with keys', async () => {
  const [source, target] = [await start(), await start()];
  await onIt(target, 'SELECT 2', 'SET __ferry:lease 1');
  const codes = async (): Promise<string[]> =>
    codesOf((await look(`${source.url}/2`, `${target.url}/2`)).report, 'note');
  expect(await codes()).not.toContain('target-not-empty');
  await onIt(target, 'SELECT 2', 'SET a 1');
  expect(await codes()).toContain('target-not-empty');
});
