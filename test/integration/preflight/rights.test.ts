/**
 * What Ferry's account may do: what is lacking is found without trying it, on an account that may ask (ACL DRYRUN), on one that
 * may not, and on one that is told nothing; and the text that preflight gives is enough for a whole migration.
 */
import { afterEach, expect, test } from 'vitest';
import { defaultConfig } from '../../../src/config/config.js';
import { allowedByRules } from '../../../src/preflight/needs.js';
import { preflight } from '../../../src/preflight/preflight.js';
import { Stage, sleep } from '../journey/stage.js';
import { list, text, type Wire } from '../journey/wire.js';
import { codesOf, fill, found } from './looking.js';
import { Watched } from './watched.js';

let stage: Stage;
afterEach(() => stage?.close());

async function withRules(rules: string): Promise<Awaited<ReturnType<typeof preflight>>> {
  stage = await Stage.open({ ferry: false });
  const target = await stage.onTarget();
  const reply = await target.send('ACL', 'SETUSER', 'ferry', 'on', '>secret', ...rules.split(' '));
  expect(text(reply)).toBe('OK');
  await fill(await stage.onSource(), 100, (i) => ['SET', `app:${i}`, i]);
  const config = { source: stage.source.url, target: `redis://ferry:secret@127.0.0.1:${stage.target.port}` };
  return preflight(defaultConfig(config));
}

test('rights that are lacking, asked by a dry run', async () => {
  const { report, facts } = await withRules('~* +@all -restore -dump -client|kill -rename');
  expect(facts.target.account.askedBy).toBe('dry run');
  expect(codesOf(report, 'blocker')).toEqual(['target-rights-vital']);
  expect(found(report, 'target-rights-vital').evidence).toBe("the account 'ferry' lacks RENAME");
  const { evidence, fix } = found(report, 'target-rights');
  for (const right of ['RESTORE', 'DUMP', 'CLIENT KILL']) expect(evidence).toContain(right);
  expect(evidence).not.toContain('CLIENT LIST');
  expect(fix).toMatch(/^ACL SETUSER ferry on >PASSWORD ~\* -@all /);
  expect(facts.source.account.missing).toEqual([]);
});

test('keys that are out of reach', async () => {
  const { report } = await withRules('~app:* +@all');
  expect(codesOf(report, 'blocker')).toContain('target-rights-keys');
  expect(found(report, 'target-rights-keys').evidence).toContain('~app:*');
});

test('an account that may read its rules and no more', async () => {
  const { facts, report } = await withRules('~* +@all -acl|dryrun -@dangerous +acl|getuser +acl|whoami');
  expect(facts.target.account.askedBy).toBe('rules');
  expect(facts.target.account.missing).toEqual(expect.arrayContaining(['RESTORE', 'CLIENT LIST', 'INFO', 'FLUSHALL']));
  expect(facts.target.account.missing).not.toContain('SET');
  expect(codesOf(report, 'blocker')).toEqual([]);
});

test('an account that is told nothing: notes, no failure, and no write', async () => {
  stage = await Stage.open({ ferry: false });
  const target = await stage.onTarget();
  const withheld = '~* +@all -acl -config -info -module -slowlog -latency -function -command -client -memory -dump';
  await target.send('ACL', 'SETUSER', 'ferry', 'on', '>secret', ...withheld.split(' '));
  const watched = await Watched.open(stage.target.port);
  const config = { source: stage.source.url, target: `redis://ferry:secret@127.0.0.1:${stage.target.port}` };
  const { report, facts } = await preflight(defaultConfig(config));
  expect((await watched.stop()).writes).toEqual([]);
  expect(facts.target.account).toMatchObject({ user: '', askedBy: 'probes' });
  expect(found(report, 'target-rights').evidence).toContain('CLIENT LIST');
  const { evidence, severity } = found(report, 'target-unread');
  expect(severity).toBe('note');
  for (const what of ['INFO', 'CONFIG GET', 'SLOWLOG GET', 'LATENCY LATEST', 'MODULE LIST', 'COMMAND']) {
    expect(evidence).toContain(what);
  }
  expect(codesOf(report, 'blocker')).toEqual([]);
});

test('rules as ACL GETUSER says them, for servers without a dry run', () => {
  const dangerous = new Set(['admin', 'slow', 'dangerous']);
  expect(allowedByRules('+@all', 'config|get', dangerous)).toBe(true);
  expect(allowedByRules('+@all -@dangerous', 'config|get', dangerous)).toBe(false);
  expect(allowedByRules('+@all -@dangerous +config|get', 'config|get', dangerous)).toBe(true);
  expect(allowedByRules('-@all +config', 'config|get', dangerous)).toBe(true);
  expect(allowedByRules('-@all +get', 'set', new Set(['write']))).toBe(false);
  expect(allowedByRules('-@all +@write -set', 'set', new Set(['write']))).toBe(false);
});

test('a whole migration under the text that preflight gives, and the servers refuse nothing', async () => {
  stage = await Stage.open({ ferry: false, logins: { source: 'ferry:secret', target: 'ferry:secret' } });
  const [source, target] = [await stage.onSource(), await stage.onTarget()];
  const { report } = await preflight(defaultConfig({ source: stage.source.url, target: stage.target.url }));
  for (const [wire, code] of [
    [source, 'source-acl'],
    [target, 'target-acl'],
  ] as const) {
    const words = found(report, code).fix.replace('>PASSWORD', '>secret').split(' ');
    expect(text(await wire.send(...words))).toBe('OK');
  }
  await fill(source, 100, (i) => ['SET', `string:${i}`, i]);
  await fill(source, 50, (i) => ['HSET', `hash:${i}`, 'f', i]);
  await source.send('RPUSH', 'list', ...Array.from({ length: 2000 }, (_, i) => `element ${i}`));
  await source.send('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function(k) return 1 end)");
  await stage.start({ limits: { bigKeyBytes: 1024, copyBudgetBytes: 1 << 20 } });
  const client = await stage.client();
  const load = applicationOn(client);
  const watcher = await stage.client();
  await watcher.send('SUBSCRIBE', 'news');
  await stage.backfill();
  await client.send('PUBLISH', 'news', 'm');
  await stage.verify(true);
  await load.stop();
  await stage.settled();
  expect(await stage.verify()).toEqual([]);
  await stage.goTo('target-read');
  const again = applicationOn(client);
  await sleep(300);
  await stage.goTo('target-first');
  await sleep(300);
  await again.stop();
  await stage.settled();
  await stage.verify(true);
  await stage.goTo('target-read');
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
  expect(stage.status.source.missingRights).toEqual([]);
  expect(stage.status.target.missingRights).toEqual([]);
  for (const wire of [source, target]) expect(await refusals(wire)).toEqual([]);
  // and a refusal would have shown
  await (await stage.onSource('ferry', 'secret')).send('KEYS', '*');
  expect(await refusals(source)).toHaveLength(1);
});

/** What the server refused Ferry's account. */
async function refusals(wire: Wire): Promise<string[]> {
  return list(await wire.send('ACL', 'LOG'))
    .map(text)
    .filter((entry) => entry.includes('"ferry"'));
}

function applicationOn(client: Wire): { stop(): Promise<void> } {
  let isOver = false;
  const done = (async () => {
    for (let i = 0; !isOver; i++) {
      await client.send('INCR', 'counter');
      await client.send('INCRBYFLOAT', 'float', '0.5');
      await client.send('HSET', `hash:${i % 60}`, `f${i % 5}`, i);
      await client.send('RPUSH', 'list', `live ${i}`);
      await client.send('LMOVE', 'list', 'other', 'LEFT', 'RIGHT');
      await client.send('SET', `short:${i % 20}`, i, 'PX', 30 + (i % 50));
      await client.send('EVAL', "return redis.call('APPEND', KEYS[1], 'x')", '1', 'script');
      await client.send('FCALL', 'f', '1', 'string:1');
      await client.send('DEL', `string:${i % 50}`);
      await client.send('SADD', 'set', i % 100);
      await client.send('SPOP', 'set');
      await client.send('ZADD', 'zset', i, `m${i % 9}`);
      await client.send('SORT', 'set', 'STORE', 'sorted');
      await client.send('PFADD', 'hll', i);
      await client.send('XADD', 'stream', 'MAXLEN', '~', '100', '*', 'f', i);
      await client.send('XGROUP', 'CREATE', 'stream', 'g', '0');
      await client.send('XREADGROUP', 'GROUP', 'g', 'me', 'COUNT', '1', 'STREAMS', 'stream', '>');
      await client.send('RENAME', `hash:${i % 60}`, `renamed:${i % 60}`);
      await client.send('BLPOP', 'other', '0.01');
      if (i % 20 === 19) await client.send('SELECT', '5');
      if (i % 20 === 19) await client.send('SET', 'five', i);
      if (i % 20 === 19) await client.send('SELECT', '0');
      await sleep(2);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await done;
    },
  };
}
