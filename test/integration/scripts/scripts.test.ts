/** Scripts and functions: what they leave on both sides, and that they are there after a cutover. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ConfigOverrides } from '../../../src/config/config.js';
import { Stage, sleep } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';

const sha = (body: string): string => createHash('sha1').update(body).digest('hex');
const UNDECLARED =
  "redis.call('incr', 'counter') redis.call('rpush', 'log:' .. ARGV[1], redis.call('get', 'counter')) return 1";
const FAILS =
  "redis.call('set', KEYS[1], ARGV[1]) redis.call('rpush', 'undeclared', ARGV[1]) return redis.error_reply('ERR after it')";
const LIBRARY =
  "#!lua name=lib\nredis.register_function('put', function(keys, args) return redis.call('set', keys[1], args[1]) end)";

let stage: Stage;

async function open(config: ConfigOverrides = {}): Promise<Wire> {
  stage = await Stage.open({ relays: true, config });
  return stage.client();
}
afterEach(() => stage?.close());

async function equalInTheEnd(): Promise<void> {
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
}

describe('NOSCRIPT never appears because of Ferry', () => {
  test('texts that came by EVAL or SCRIPT LOAD in any phase are there after a cutover, also when the target was restarted', async () => {
    const client = await open();
    const bodies = ['return 1', 'return 2', "return redis.call('get', KEYS[1])"];
    await client.send('EVAL', bodies[0]!, 0);
    await client.send('SCRIPT', 'LOAD', bodies[1]!);
    await stage.goTo('dual-write');
    await client.send('EVAL_RO', bodies[2]!, 1, 'k');
    await stage.target.restart();
    await stage.until('the target is back', ({ target }) => target.state === 'up');
    await stage.readyForCutover();
    // the connections lost with the target's process are fenced first
    for (let tries = 0; !(await stage.phase('target-first')).ok && tries < 50; tries++) await sleep(100);
    expect(stage.status.phase).toBe('target-first');
    for (const body of bodies) expect(text(await client.send('EVALSHA', sha(body), 1, 'k'))).not.toContain('NOSCRIPT');
    await stage.goTo('target-read');
    for (const body of bodies) expect(text(await client.send('EVALSHA', sha(body), 1, 'k'))).not.toContain('NOSCRIPT');
  });

  test('a script that only the source knows blocks the cutover until the target has it', async () => {
    const client = await open();
    await (await stage.onSource()).send('SCRIPT', 'LOAD', 'return 3');
    await stage.readyForCutover();
    expect(text(await client.send('EVALSHA', sha('return 3'), 0))).toBe('3');
    expect(await stage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'scripts-missing' }] });
    await (await stage.onTarget()).send('SCRIPT', 'LOAD', 'return 3');
    await stage.goTo('target-first');
    expect(text(await client.send('EVALSHA', sha('return 3'), 0))).toBe('3');
  });

  test('SCRIPT FLUSH holds on both sides', async () => {
    const client = await open();
    await stage.readyForCutover();
    await client.send('EVAL', 'return 1', 0);
    await client.send('SCRIPT', 'FLUSH');
    await stage.goTo('target-first');
    expect(text(await client.send('EVALSHA', sha('return 1'), 0))).toContain('NOSCRIPT');
  });
});

describe('functions', () => {
  test('follow, and a library that the target lacks blocks the cutover', async () => {
    // it would begin to watch some time after the first FCALL, and want a new verification then
    const client = await open({ detectBypass: { mode: 'off' } });
    await client.send('FUNCTION', 'LOAD', LIBRARY);
    await stage.readyForCutover();
    expect(text(await client.send('FCALL', 'put', 1, 'k', 'v'))).toBe('OK');
    await stage.settled();
    const target = await stage.onTarget();
    expect(text(await target.send('GET', 'k'))).toBe('v');
    await target.send('FUNCTION', 'FLUSH');
    expect(await stage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'functions-missing' }] });
    await target.send('FUNCTION', 'LOAD', LIBRARY);
    await stage.goTo('target-first');
    expect(text(await client.send('FCALL', 'put', 1, 'k', 'w'))).toBe('OK');
    await client.send('FUNCTION', 'DELETE', 'lib');
    await stage.settled();
    expect(await (await stage.onSource()).send('FUNCTION', 'LIST')).toEqual([]);
    await equalInTheEnd();
  });
});

describe('scripts: replay', () => {
  test('keys that a script does not declare follow once all is verified, with writers on several connections', async () => {
    await open({ scripts: { default: 'replay' } });
    for (const server of [await stage.onSource(), await stage.onTarget()]) {
      for (const user of ['u', 'v']) await server.send('ACL', 'SETUSER', user, 'on', '>pw', '~*', '&*', '+@all');
    }
    // before, a key that is copied may be older on the mirror than what the script saw: the verification is for that
    await stage.readyForCutover();
    const clients = [await stage.client(), await stage.client('u', 'pw'), await stage.client('v', 'pw')];
    let ran = 0;
    const working = clients.map(async (client, me) => {
      for (let i = 0; i < 300; i++) {
        await client.send('EVAL', UNDECLARED, 0, me);
        ran++;
        await client.send('INCR', 'counter');
        await client.send('SET', `own:${me}`, i);
      }
    });
    await Promise.all(working);
    expect(text(await clients[0]!.send('GET', 'counter'))).toBe(String(2 * ran));
    await equalInTheEnd();
  });

  test('by SHA-1 and function name; what ran before an error is replayed too, the others are copied', async () => {
    const client = await open({ scripts: { [sha(FAILS)]: 'replay', put: 'replay' } });
    await client.send('FUNCTION', 'LOAD', LIBRARY);
    await stage.readyForCutover();
    expect(text(await client.send('EVAL', FAILS, 1, 'k', 'v'))).toContain('after it');
    expect(text(await client.send('EVALSHA', sha(FAILS), 1, 'k', 'w'))).toContain('after it');
    await client.send('FCALL', 'put', 1, 'f', 'v');
    await client.send('EVAL', "return redis.call('set', KEYS[1], 'copied')", 1, 'c');
    await client.send('MULTI');
    await client.send('EVAL', FAILS, 1, 'k', 'x');
    await client.send('EXEC');
    await equalInTheEnd();
    // one was replayed while another's keys were copied: a new verification is asked for
    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-first');
    await client.send('EVALSHA', sha(FAILS), 1, 'k', 'y');
    await equalInTheEnd();
  });
});

describe('a script that does not end', () => {
  beforeEach(() => open());

  test('can be killed: SCRIPT KILL does not wait behind it', async () => {
    const [runner, killer] = [await stage.client(), await stage.client()];
    await (await stage.onSource()).send('CONFIG', 'SET', 'busy-reply-threshold', '50');
    const running = runner.send('EVAL', 'while true do end', 0).then(text, String);
    await sleep(300);
    let answer = '';
    for (let i = 0; i < 20 && answer !== 'OK'; i++) {
      answer = text(await killer.send('SCRIPT', 'KILL'));
      await sleep(50);
    }
    expect(answer).toBe('OK');
    expect(await running).toMatch(/killed/i);
    expect(text(await killer.send('FUNCTION', 'KILL'))).toContain('NOTBUSY');
  });
});

describe('what a replayed script wrote and did not declare is found again', () => {
  beforeEach(async () => {
    const client = await open({ scripts: { default: 'replay' } });
    await client.send('EVAL', UNDECLARED, 0, 'a');
    await stage.readyForCutover();
  });

  test('when the connection was lost with it in flight', async () => {
    const client = await stage.client();
    stage.relay('source').hold('client');
    const lost = client.send('EVAL', UNDECLARED, 0, 'a').then(text, () => 'closed');
    await sleep(50);
    stage.relay('source').cut('client');
    stage.relay('source').release('client');
    expect(await lost).toBe('closed');
    expect((await stage.phase('target-first')).ok).toBe(false);
    await equalInTheEnd();
  });

  test('when the mirror was away', async () => {
    const client = await stage.client();
    stage.target.kill();
    await stage.until('the target is gone', ({ target }) => target.state === 'down');
    for (let i = 0; i < 5; i++) await client.send('EVAL', UNDECLARED, 0, 'a');
    expect((await stage.phase('target-first')).ok).toBe(false);
    await stage.target.restart();
    await stage.until('the target is back', ({ target }) => target.state === 'up');
    await stage.settled();
    await stage.until('it was filled again', ({ backfill }) => backfill.state === 'done');
    await equalInTheEnd();
  });
});

describe('scripts that are known by their SHA-1 only', () => {
  test('from a transaction, read-only ones, and one that nobody has', async () => {
    const client = await open();
    await client.send('MULTI');
    await client.send('EVAL', 'return 1', 0);
    await client.send('SCRIPT', 'LOAD', 'return 2');
    await client.send('EVAL_RO', 'return 3', 0);
    await client.send('EXEC');
    expect(text(await client.send('EVALSHA', sha('nobody has it'), 0))).toContain('NOSCRIPT');
    await stage.readyForCutover();
    await (await stage.onSource()).send('SCRIPT', 'LOAD', 'return 4');
    expect(text(await client.send('EVALSHA_RO', sha('return 4'), 0))).toBe('4');
    expect(await stage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'scripts-missing' }] });
    await (await stage.onTarget()).send('SCRIPT', 'LOAD', 'return 4');
    await stage.goTo('target-first');
    for (const n of [1, 2, 3, 4]) expect(text(await client.send('EVALSHA', sha(`return ${n}`), 0))).toBe(String(n));
  });
});
