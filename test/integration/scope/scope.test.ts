/**
 * Keys that are left out of a migration (--include, --exclude) belong to each side by itself: the source serves them until
 * the cutover, and nothing of Ferry's ever touches what the other side has under their names.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { ConfigOverrides } from '../../../src/config/config.js';
import { withoutOwn } from '../../support/own-keys.js';
import { Stage } from '../journey/stage.js';
import { list, text, type Wire } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

const EVERY = { include: [], exclude: [], includeDbs: [], excludeDbs: [] };

async function open(scope: object, more: ConfigOverrides = {}): Promise<{ source: Wire; target: Wire; client: Wire }> {
  stage = await Stage.open({ config: { scope: { ...EVERY, ...scope }, ...more } });
  return { source: await stage.onSource(), target: await stage.onTarget(), client: await stage.client() };
}

async function send(wire: Wire, ...commands: string[]): Promise<string[]> {
  const replies = await Promise.all(commands.map((command) => wire.send(...(command.split(' ') as [string]))));
  return replies.map(text);
}

async function keysOf(wire: Wire): Promise<string[]> {
  return withoutOwn(list(await wire.send('KEYS', '*')).map(text)).sort();
}

describe('by their names', () => {
  test('a whole journey: they stay where they are, on both sides, and it is said what that means', async () => {
    const { source, target, client } = await open({ include: ['in:*'], exclude: ['in:tmp:*'] });
    await send(source, 'SET in:a 1', 'SET in:tmp:a 1', 'SET out:a source', 'RPUSH out:list x');
    await send(target, 'SET out:a target', 'SET in:tmp:b target', 'SET in:ghost old');
    await stage.goTo('dual-write');
    expect(stage.status.scope).toMatchObject({ rule: '--include in:* --exclude in:tmp:*', leftOutKeys: null });
    await send(client, 'INCR in:a', 'INCR in:tmp:a', 'APPEND out:a -more', 'SET in:b 2', 'SET out:b 2', 'DEL out:c');
    await stage.backfill();
    expect(stage.status.backfill).toMatchObject({ state: 'done', leftOut: 4, failed: 0 });
    expect(stage.status.scope).toMatchObject({
      leftOutKeys: 4,
      note: expect.stringMatching(/^4 keys are left out.*At the cutover they stay behind on the source/),
    });
    expect(await stage.verify()).toEqual([]);
    expect(stage.status.verify.compared).toBe(2);
    await stage.goTo('target-read');
    await stage.settled();
    // the ghost was swept, and what is left out was not
    expect(await keysOf(target)).toEqual(['in:a', 'in:b', 'in:tmp:b', 'out:a']);
    // reads of what is left out are the source's
    expect(await send(client, 'GET in:a', 'GET out:a', 'GET in:tmp:b', 'GET out:b')).toEqual([
      '2',
      'source-more',
      '(nil)',
      '2',
    ]);
    expect(text(await client.send('MGET', 'in:a', 'out:a'))).toBe(text(await source.send('MGET', 'in:a', 'out:a')));

    await stage.goTo('target-first');
    expect(stage.status.scope?.note).toMatch(/They stayed behind on the source/);
    expect(await send(client, 'GET in:a', 'GET out:a', 'GET out:b', 'EXISTS out:list')).toEqual([
      '2',
      'target',
      '(nil)',
      '0',
    ]);
    await send(client, 'SET out:a after', 'SET in:a after', 'DEL in:tmp:b');
    await stage.settled();
    expect(await send(source, 'GET out:a', 'GET in:a', 'GET in:tmp:a')).toEqual(['source-more', 'after', '2']);

    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-read');
    expect(await send(client, 'GET out:a', 'GET in:a')).toEqual(['source-more', 'after']);
    expect(stage.ferry.control.report().risks.join()).toContain('left out');
  });

  test('commands with keys of both kinds leave on the target what they did to those that are migrated', async () => {
    const { source, target, client } = await open({ exclude: ['out*'] });
    await send(source, 'SADD out:s 1 2', 'SADD s 2 3', 'SET out:k v', 'SET k v', 'RPUSH l a b', 'RPUSH out:l c');
    await send(target, 'SET out:k theirs');
    await stage.backfill();
    await send(
      client,
      'SUNIONSTORE both s out:s',
      'SINTERSTORE out:both s out:s',
      'RENAME k out:renamed',
      'RENAME out:k k2',
      'MSET m1 1 out:m 1 m2 2',
      'LMOVE l out:l LEFT RIGHT',
      'LMOVE out:l l LEFT RIGHT',
      'COPY s out:copied',
      'COPY out:s copied',
      'DEL m2 out:m',
      'PFMERGE pf out:pf',
      'SORT out:s STORE sorted',
    );
    await send(client, 'MULTI', 'INCR counter', 'INCR out:counter', 'EXEC');
    await client.send(
      'EVAL',
      "redis.call('SET', KEYS[1], 'x'); return redis.call('SET', KEYS[2], 'x')",
      2,
      'e',
      'out:e',
    );
    await client.send('EVAL', "return redis.call('SET', KEYS[1], 'x')", 1, 'out:e2');
    await stage.settled();
    expect(await stage.verify()).toEqual([]);
    expect(await keysOf(target)).toEqual(
      ['both', 'k2', 'm1', 'l', 's', 'copied', 'pf', 'sorted', 'counter', 'e', 'out:k'].sort(),
    );
    expect(await send(target, 'GET out:k', 'GET k2', 'SCARD both', 'GET counter')).toEqual(['theirs', 'v', '3', '1']);
    expect(await send(source, 'GET out:counter', 'GET out:e', 'EXISTS out:both')).toEqual(['1', 'x', '1']);
    // nothing about it is a reason against the cutover
    await stage.goTo('target-read');
    await stage.goTo('target-first');
    // and in the other direction
    await send(client, 'RENAME k2 out:k2', 'SET s x', 'SUNIONSTORE both out:s');
    await stage.settled();
    expect(await send(source, 'EXISTS k2 both', 'GET s', 'GET out:k')).toEqual(['0', 'x', '(nil)']);
  });

  test('a client that flushes does not take away on the target what is left out', async () => {
    const { source, target, client } = await open({ include: ['in:*'] });
    await send(source, 'SET in:a 1', 'SET out:a 1');
    await send(target, 'SET out:theirs 1');
    await stage.readyForCutover();
    await send(client, 'SET in:b 1');
    for (const flush of ['FLUSHDB', 'FLUSHALL']) {
      expect(await send(client, 'SET in:c 1', flush, 'SET in:d 1')).toEqual(['OK', 'OK', 'OK']);
      await stage.settled();
      expect(await keysOf(target)).toEqual(['in:d', 'out:theirs']);
      expect(await keysOf(source)).toEqual(['in:d']);
    }
    expect(await stage.verify()).toEqual([]);
    await stage.goTo('target-first');
    await send(client, 'FLUSHALL', 'SET in:e 1');
    await stage.settled();
    expect(await keysOf(source)).toEqual(['in:e']);
    expect(await keysOf(target)).toEqual(['in:e']);
  });

  test('a lost mirror, a crash and a repair leave them alone', async () => {
    const { source, target, client } = await open({ exclude: ['out*'] });
    await send(source, 'SET a 1', 'SET out:a source');
    await send(target, 'SET out:a target');
    await stage.backfill();
    await target.send('CLIENT', 'KILL', 'TYPE', 'normal');
    await send(client, 'INCR a', 'APPEND out:a +', 'SET out:b 1', 'SET b 1');
    await stage.settled();
    await stage.crash();
    await stage.start();
    await stage.settled();
    const again = await stage.client();
    await send(again, 'INCR a', 'APPEND out:a +');
    expect(await stage.verify(true)).toEqual([]);
    const there = await stage.onTarget();
    expect(await keysOf(there)).toEqual(['a', 'b', 'out:a']);
    expect(await send(there, 'GET out:a', 'GET a')).toEqual(['target', '3']);
  });

  test('others may change them on either side: that is nobody’s bypass', async () => {
    const { source, target, client } = await open({ exclude: ['out*'] }, { detectBypass: { mode: 'on' } });
    await send(source, 'SET a 1', 'SET out:a 1');
    await stage.readyForCutover();
    await send(client, 'SET a 2');
    await send(source, 'SET out:a 2', 'SET out:b 1', 'DEL out:a');
    await send(target, 'SET out:z 1');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(stage.status.bypass.found).toBe(0);
    await send(source, 'SET a foreign');
    await stage.until('a change of a key that is migrated is found', ({ bypass }) => bypass.found === 1);
    await stage.settled();
    expect(await send(target, 'GET a', 'EXISTS out:b')).toEqual(['foreign', '0']);
  });

  test('explain says so', async () => {
    await open({ exclude: ['out*'] });
    await stage.readyForCutover();
    const ask = (command: string) =>
      stage.ferry.control.explain(
        command.split(' ').map((arg) => Buffer.from(arg)),
        0,
      );
    expect(ask('GET out:a')).toMatchObject({ side: 'source', reason: expect.stringContaining('left out') });
    expect(ask('SET out:a 1')).toMatchObject({ mirrored: null, notes: [expect.stringContaining('left out')] });
    expect(ask('MSET a 1 out:a 1').mirrored).toMatchObject({ how: 'copy', reason: expect.stringContaining('some') });
    expect(ask('SET a 1').mirrored).toMatchObject({ how: 'its outcome' });
  });
});

describe('by their databases', () => {
  test('a database that is left out is not looked at, on either side', async () => {
    const { source, target, client } = await open({ excludeDbs: [3] });
    await send(source, 'SET a 1', 'SELECT 3', 'SET a three', 'SET b three');
    await send(target, 'SELECT 3', 'SET a theirs');
    await stage.backfill();
    expect(stage.status.scope).toMatchObject({ leftOutKeys: 2, rule: '--exclude-dbs 3' });
    // what is seen is what was copied and what is left out
    expect(stage.status.backfill).toMatchObject({ scanned: 3, copied: 1, leftOut: 2, estimated: 3 });
    await send(client, 'SELECT 3', 'APPEND a +', 'SET c 1', 'MOVE b 0', 'SELECT 0', 'COPY a copied DB 3', 'SET d 1');
    await stage.settled();
    expect(await stage.verify()).toEqual([]);
    expect(stage.status.verify.compared).toBe(3);
    await stage.goTo('target-read');
    expect(await send(client, 'SELECT 3', 'GET a', 'GET b')).toEqual(['OK', 'three+', '(nil)']);
    expect(await send(target, 'GET a', 'DBSIZE', 'SELECT 0', 'GET b', 'GET d')).toEqual([
      'theirs',
      '1',
      'OK',
      'three',
      '1',
    ]);
    await send(client, 'FLUSHDB');
    await stage.goTo('target-first');
    expect(await send(client, 'GET a', 'SET e 1')).toEqual(['theirs', 'OK']);
    await stage.settled();
    expect(await send(source, 'DBSIZE')).toEqual(['0']);
  });

  test('only some databases', async () => {
    const { source, target } = await open({ includeDbs: [1], include: ['k*'] });
    await send(source, 'SET k0 1', 'SELECT 1', 'SET k1 1', 'SET out 1');
    await stage.readyForCutover();
    expect(stage.status.scope).toMatchObject({ leftOutKeys: 2 });
    expect(await keysOf(target)).toEqual([]);
    await send(target, 'SELECT 1');
    expect(await keysOf(target)).toEqual(['k1']);
  });
});

describe('while it runs', () => {
  test('the choice stays the one that the migration began with; before it begins it may change', async () => {
    await open({ exclude: ['out*'] });
    await stage.stop();
    await stage.start({ scope: { ...EVERY, exclude: ['other*'] } });
    await stage.goTo('dual-write');
    await stage.stop();
    await expect(stage.start({ scope: EVERY })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/began with --exclude other\*, and now every key .* source-only first/),
    });
    await stage.start({ scope: { ...EVERY, exclude: ['other*'] } });
    expect(stage.status.phase).toBe('dual-write');
  });

  test('nor with --adopt: what stayed behind would be taken for what is to be deleted', async () => {
    const { source } = await open({ exclude: ['out*', 'a,b'] });
    await send(source, 'SET in 1', 'SET out:a 1', 'SET a,b 1');
    await stage.readyForCutover();
    await stage.goTo('target-first');
    await stage.stop();
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-scope-'));
    try {
      const adopting = { stateDir, adopt: true };
      for (const scope of [EVERY, { ...EVERY, exclude: ['out*', 'a', 'b'] }]) {
        const refusal = { exitCode: 2, message: expect.stringContaining('began with --exclude out*,"a,b"') };
        await expect(stage.start({ ...adopting, scope })).rejects.toMatchObject(refusal);
      }
      await stage.start(adopting);
      expect(stage.status.phase).toBe('target-first');
      await stage.settled();
      expect(await stage.verify(true)).toEqual([]);
      expect(await keysOf(source)).toEqual(['a,b', 'in', 'out:a']);
      expect(
        stage.ferry.control
          .report()
          .history.map(({ event }) => event)
          .join(),
      ).toContain('adopted from the servers');
      await stage.stop();
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  });

  test('a choice that leaves out everything is no migration: the cutover says so', async () => {
    const { source } = await open({ include: ['usr:'] });
    await send(source, 'SET user:1 1');
    await stage.readyForCutover();
    expect(await stage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'nothing-included' }] });
  });

  test('scripts that name no key are replayed as ever', async () => {
    const { target, client } = await open({ exclude: ['out*'] }, { scripts: { default: 'replay' } });
    await stage.readyForCutover();
    await client.send('EVAL', "return redis.call('SET', 'undeclared', ARGV[1])", 0, 'v');
    await stage.settled();
    expect(await send(target, 'GET undeclared')).toEqual(['v']);
    await client.send('EVAL', "return redis.call('SET', KEYS[1], 'x')", 1, 'out:k');
    await stage.settled();
    expect(await keysOf(target)).toEqual(['undeclared']);
    expect(await stage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'not-verified' }] });
  });

  test('a client in a database that is left out and that the target lacks is in nobody\u2019s way', async () => {
    stage = await Stage.open({ config: { scope: { ...EVERY, excludeDbs: [9] } }, targetArgs: ['--databases', '4'] });
    const client = await stage.client();
    expect(await send(client, 'SET in 1', 'SELECT 9', 'SET out 1')).toEqual(['OK', 'OK', 'OK']);
    await stage.readyForCutover();
    await stage.goTo('target-first');
    expect(await send(await stage.client(), 'GET in')).toEqual(['1']);
  });
});
