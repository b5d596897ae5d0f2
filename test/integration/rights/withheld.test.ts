/** A whole migration under accounts that may do nothing beyond what it cannot do without, as on managed services. */
import { afterEach, describe, expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';

const WITHHELD = '-client -info -command -config -acl -dump -restore -wait -memory -script -function -debug -slowlog';
const RULES = `~* &* +@all ${WITHHELD}`.split(' ');
const MISSING = [
  'CLIENT ID',
  'CLIENT LIST',
  'CLIENT KILL',
  'CLIENT TRACKING',
  'INFO',
  'COMMAND',
  'CONFIG GET',
  'DUMP',
  'RESTORE',
  'WAIT',
  'MEMORY USAGE',
  'SCRIPT LOAD',
  'FUNCTION LIST',
];

let stage: Stage;
afterEach(() => stage?.close());

/** Ferry's account on both sides; clients use another one. */
async function open(rules = RULES, config: Parameters<typeof Stage.open>[0] = {}): Promise<Stage> {
  stage = await Stage.open({ ...config, logins: { source: 'ferry:secret', target: 'ferry:secret' }, ferry: false });
  for (const wire of [await stage.onSource(), await stage.onTarget()]) {
    expect(text(await wire.send('ACL', 'SETUSER', 'ferry', 'on', '>secret', ...rules))).toBe('OK');
  }
  await fill(await stage.onSource());
  await stage.start();
  return stage;
}

async function fill(source: Wire): Promise<void> {
  for (let i = 0; i < 50; i++) {
    await source.send('SET', `string:${i}`, `value ${i}`);
    await source.send('HSET', `hash:${i}`, 'f', i, 'g', 'x');
  }
  await source.send('SET', 'ttl', 'x', 'PX', '600000');
  await source.send('RPUSH', 'list', ...Array.from({ length: 300 }, (_, i) => `element ${i}`));
  await source.send('SADD', 'set', 'a', 'b', '3');
  await source.send('ZADD', 'zset', '0.1', 'a', '1e300', 'b', '-inf', 'c');
  await source.send('XADD', 'stream', '5-1', 'f', 'v');
  await source.send('XGROUP', 'CREATE', 'stream', 'group', '0');
  await source.send('XREADGROUP', 'GROUP', 'group', 'consumer', 'STREAMS', 'stream', '>');
  await source.send('PFADD', 'hll', 'a', 'b', 'c');
  await source.send('SELECT', '5');
  await source.send('SET', 'five', '5');
}

/** Writes of many kinds until it is stopped. */
function load(client: Wire): { stop(): Promise<void> } {
  let isOver = false;
  const done = (async () => {
    for (let i = 0; !isOver; i++) {
      await client.send('INCR', 'counter');
      await client.send('HSET', `hash:${i % 60}`, `f${i % 5}`, i);
      await client.send('RPUSH', 'list', `live ${i}`);
      await client.send('SET', `short:${i % 20}`, i, 'PX', 30 + (i % 50));
      await client.send('EVAL', "return redis.call('APPEND', KEYS[1], 'x')", '1', 'script');
      await client.send('DEL', `string:${i % 50}`);
      await client.send('ZADD', 'zset', i, `m${i % 9}`);
      await client.send('XADD', 'stream', 'MAXLEN', '~', '100', '*', 'f', i);
      await sleep(2);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await done;
      await sleep(200); // what is about to expire is compared by nobody
    },
  };
}

describe('with every optional right withheld', () => {
  test('backfill, verification, cutover and rollback, under load, with equal sides', async () => {
    await open();
    expect(stage.status.source.missingRights).toEqual(MISSING);
    expect(stage.status.target.missingRights).toEqual(MISSING);
    const writes = load(await stage.client());
    await stage.backfill();
    await stage.verify(true);
    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-read');
    // what nobody can find out is said, by name
    const refused = await stage.phase('target-first');
    expect(refused).toMatchObject({ ok: false });
    expect(refused.ok ? [] : refused.blockers.map(({ code }) => code)).toEqual(['memory-unknown', 'uncovered-writers']);
    await stage.goTo('target-first', { force: true });
    await sleep(200);
    await writes.stop();
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    const more = load(await stage.client());
    await sleep(200);
    await stage.goTo('target-read', { force: true });
    await sleep(200);
    await more.stop();
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('case 10: a mirror that was started again empty is noticed without a run id', async () => {
    await open();
    await stage.backfill();
    expect(await stage.verify()).toEqual([]);
    const client = await stage.client();
    await stage.target.restart();
    const target = await stage.onTarget();
    await target.send('ACL', 'SETUSER', 'ferry', 'on', '>secret', ...RULES);
    await stage.until('the target is back', ({ target }) => target.state === 'up');
    await client.send('HSET', 'hash:1', 'new', '1');
    await stage.until('it was copied again', ({ backfill }) => backfill.state === 'done');
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});

test('case 6: what a lost connection was sent stays in quarantine, though the control connection is another one', async () => {
  await open(RULES, { config: { phase: 'dual-write', settleMs: 2000 } });
  await stage.backfill();
  const client = await stage.client();
  const target = await stage.onTarget();
  await client.send('SET', 'before', '1');
  await target.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await stage.until('the target is back', ({ target, mirror }) => target.state === 'up' && mirror.uncertain > 0);
  const sinceMs = performance.now();
  await stage.until('it has settled', ({ mirror }) => mirror.uncertain === 0);
  expect(performance.now() - sinceMs).toBeGreaterThan(1000);
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});

test('rights that are taken away later are noticed where they are used', async () => {
  await open(['~*', '&*', '+@all']);
  expect(stage.status.target.missingRights).toEqual([]);
  await stage.goTo('dual-write');
  for (const wire of [await stage.onSource(), await stage.onTarget()]) {
    await wire.send('ACL', 'SETUSER', 'ferry', '-dump', '-restore');
  }
  await stage.backfill();
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});

test('functions that cannot be compared block the cutover once they were called', async () => {
  await open(['~*', '&*', '+@all', '-function']);
  const library =
    "#!lua name=lib\nredis.register_function('f', function(k, a) return redis.call('SET', k[1], 'x') end)";
  for (const wire of [await stage.onSource(), await stage.onTarget()]) await wire.send('FUNCTION', 'LOAD', library);
  const client = await stage.client();
  await stage.goTo('dual-write');
  await client.send('FCALL', 'f', '1', 'key');
  await stage.until('changes are reported', ({ bypass }) => bypass.state === 'on');
  await stage.readyForCutover();
  const refused = await stage.phase('target-first');
  expect(refused).toMatchObject({ ok: false, blockers: [{ code: 'functions-missing' }] });
  await stage.goTo('target-first', { force: true });
});
