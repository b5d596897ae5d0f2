/** Applications that were forgotten: connected to the servers past Ferry, they would stay with the old side. */
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { Stage } from '../journey/stage.js';

let stage: Stage;
const others: Redis[] = [];

afterEach(async () => {
  for (const other of others.splice(0)) other.disconnect();
  await stage.close();
});

async function connect(port: number, connectionName: string): Promise<Redis> {
  const redis = new Redis(port, '127.0.0.1', { connectionName, lazyConnect: true, protocol: 2 });
  others.push(redis);
  await redis.connect();
  await redis.ping();
  return redis;
}

/** The names of those that a cutover is refused for; 'unknown' where nobody can tell, 'done' when it was not refused. */
async function refusedFor(known?: string[]): Promise<string[]> {
  const outcome = await stage.ferry.control.changePhase({ to: 'target-first', dryRun: true, known });
  if (outcome.ok) return ['done'];
  return outcome.blockers.flatMap(({ code, message }) => {
    if (code === 'direct-clients-unknown') return ['unknown'];
    expect(code).toBe('direct-clients');
    return [...message.matchAll(/\(([a-z][a-z-]*)/g)].map(([, name]) => name!);
  });
}

test('a cutover is refused while anybody is connected past Ferry who is not known', async () => {
  stage = await Stage.open({ config: { directClients: { mode: 'block', known: ['exporter', 'backup*'] } } });
  await stage.goTo('dual-write');
  await stage.readyForCutover();
  expect(await refusedFor()).toEqual(['done']);
  await connect(stage.source.port, 'exporter');
  await connect(stage.target.port, 'backup-nightly');
  expect(await refusedFor()).toEqual(['done']);

  const forgotten = await connect(stage.source.port, 'forgotten');
  await connect(stage.target.port, 'early-bird');
  expect(await refusedFor()).toEqual(['forgotten', 'early-bird']);
  expect(stage.status.directClients.source).toMatchObject([
    { name: 'forgotten', user: 'default', lastCommand: 'ping' },
  ]);
  expect(stage.status.directClients.target).toMatchObject([{ name: 'early-bird' }]);
  // confirmed by name, each
  expect(await refusedFor(['forgotten'])).toEqual(['early-bird']);
  expect(await refusedFor(['forgotten', 'early-*'])).toEqual(['done']);
  forgotten.disconnect();
  await expect.poll(() => refusedFor(['early-bird'])).toEqual(['done']);
  // and force is no name
  const forced = await stage.ferry.control.changePhase({ to: 'target-first', dryRun: true, force: true });
  expect(forced.ok).toBe(false);
});

test('where nobody may list the connections, that is a blocker of its own, which can be forced', async () => {
  stage = await Stage.open({
    ferry: false,
    logins: { source: 'ferry:secret' },
    config: { directClients: { mode: 'block' } },
  });
  const admin = await connect(stage.source.port, 'admin');
  await admin.call('ACL', 'SETUSER', 'ferry', 'on', '>secret', '~*', '&*', '+@all', '-client|list');
  admin.disconnect();
  await stage.start();
  await stage.goTo('dual-write');
  await stage.backfill();
  expect(await stage.verify()).toEqual([]);
  await stage.goTo('target-read');
  const outcome = await stage.ferry.control.changePhase({ to: 'target-first', dryRun: true });
  expect(outcome.ok ? [] : outcome.blockers.map(({ code }) => code)).toContain('direct-clients-unknown');
  const forced = await stage.ferry.control.changePhase({ to: 'target-first', dryRun: true, force: true });
  expect(forced).toMatchObject({ ok: true });
  expect(await refusedFor(['admin', '*'])).toEqual(['done']);
});

test('while a server does not answer, that passes, and is no right that is missing', async () => {
  stage = await Stage.open();
  await stage.goTo('dual-write');
  await stage.readyForCutover();
  process.kill(stage.target.pid, 'SIGSTOP');
  const admin = ['--admin', `http://127.0.0.1:${stage.ferry.adminPort}`];
  const waiting = runFerry(['cutover', '--wait', ...admin]);
  await expect
    .poll(async () => {
      const outcome = await stage.ferry.control.changePhase({ to: 'target-first', dryRun: true, known: [] });
      return outcome.ok ? [] : outcome.blockers.map(({ code }) => code);
    })
    .toContain('direct-clients-unanswered');
  process.kill(stage.target.pid, 'SIGCONT');
  expect(await waiting).toMatchObject({ code: 0 });
  expect(stage.status.phase).toBe('target-first');
});

test('what is suggested can be pasted', async () => {
  stage = await Stage.open();
  await stage.goTo('dual-write');
  await stage.readyForCutover();
  await connect(stage.source.port, 'HOST(x);rm');
  await connect(stage.source.port, '*');
  const outcome = await stage.ferry.control.changePhase({ to: 'target-first', dryRun: true, known: [] });
  expect(outcome.ok ? '' : outcome.blockers[0]?.message).toContain('--known 127.0.0.1;');
});

test('by default a person is asked, and a program is told', async () => {
  stage = await Stage.open();
  await stage.goTo('dual-write');
  await stage.readyForCutover();
  await connect(stage.source.port, 'forgotten');
  expect(await refusedFor()).toEqual(['done']);
  expect(stage.status.directClients.source).toMatchObject([{ name: 'forgotten' }]);
  // whoever says who may stay is held to it, though it be nobody
  expect(await refusedFor([])).toEqual(['forgotten']);
  const admin = ['--admin', `http://127.0.0.1:${stage.ferry.adminPort}`];
  for (const verb of [['cutover'], ['cutover', '--dry-run'], ['cutover', '--force'], ['migrate', '--yes']]) {
    const refused = await runFerry([...verb, '--known', 'somebody', ...admin]);
    expect(refused.code, verb.join(' ')).toBe(1);
    expect(refused.stdout + refused.stderr).toContain('--known forgotten');
    expect(stage.status.phase).toBe('target-read');
  }
  const plain = await runFerry(['cutover', ...admin]);
  expect(plain.code).toBe(1);
  const named = await runFerry(['cutover', '--known', 'somebody,forgotten', ...admin]);
  expect(named).toMatchObject({ code: 0 });
  expect(stage.status.phase).toBe('target-first');
  // a program that did not ask
  await stage.goTo('target-read');
  const told = await stage.ferry.control.changePhase({ to: 'target-first' });
  expect(told).toMatchObject({ ok: true, note: expect.stringContaining('(forgotten)') });
});

test('with `warn` nobody is asked', async () => {
  stage = await Stage.open({ config: { directClients: { mode: 'warn' } } });
  await stage.goTo('dual-write');
  await stage.readyForCutover();
  await connect(stage.source.port, 'forgotten');
  expect(await refusedFor([])).toEqual(['done']);
});
