/**
 * Databases other than 0 and a Cluster, which has only one: refused with the list of what is there, or the source's own
 * database mapped to the Cluster's, or kept apart there by a prefix (db-prefix).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { defaultConfig } from '../../../src/config/config.js';
import { withoutOwn } from '../../support/own-keys.js';
import { list, text } from '../journey/wire.js';
import type { Deployment } from './deployment.js';
import { cluster, Harbour, standalone } from './prefixes.js';

const harbour = new Harbour();
afterEach(() => harbour.close());

async function fill(deployment: Deployment, sizes: Record<number, number>): Promise<void> {
  const wire = await harbour.wire((await deployment.ports())[0]!);
  for (const [db, keys] of Object.entries(sizes)) {
    await wire.send('SELECT', db);
    await wire.send('EVAL', `for i = 1, ${keys} do redis.call('SET', 'k' .. i, 'in ${db}') end`, 0);
  }
}

describe('without a prefix', () => {
  test('the step is refused once, with every database that has no place and its number of keys', async () => {
    const [source, target] = await Promise.all([standalone(), cluster()]);
    await fill(source, { 0: 10, 1: 1204, 3: 1, 7: 2 });
    const voyage = await harbour.between(source, target);
    const client = await harbour.wire(voyage.ferry.port, 1);
    const refused = await voyage.phase('dual-write');
    expect(refused).toMatchObject({ ok: false, blockers: [{ code: 'database-unusable' }] });
    if (refused.ok) return;
    expect(refused.blockers).toHaveLength(1);
    const { message } = refused.blockers[0]!;
    expect(message).toContain('target is a Cluster');
    expect(message).toContain('db1: 1,204 keys, db3: 1 key, db7: 2 keys.');
    expect(message).toContain('--db-prefix 1=db1:,3=db3:,7=db7:');
    expect(await voyage.phase('dual-write', { force: true })).toMatchObject({ ok: false });
    expect(voyage.status.phase).toBe('source-only');

    // nothing was changed: clients go on in all databases
    expect(text(await client.send('GET', 'k1204'))).toBe('in 1');
    for (const db of [1, 3, 7]) {
      await client.send('SELECT', db);
      await client.send('FLUSHDB');
    }
    // a client that uses such a database is in the way too, though nothing is in it
    expect(await voyage.phase('dual-write')).toMatchObject({
      ok: false,
      blockers: [{ code: 'database-unusable', message: expect.stringContaining('database 7') }],
    });
    await client.send('SELECT', 0);
    await voyage.goTo('dual-write');
    expect(text(await client.send('SELECT', 1))).toMatch(/^\(error\) FERRY database 1 .* target.*Cluster.*db-prefix/);
    expect(text(await client.send('MOVE', 'k1', 1))).toMatch(/^\(error\) FERRY database 1 /);
    expect(text(await client.send('COPY', 'k1', 'k2', 'DB', 1))).toMatch(/^\(error\) FERRY database 1 /);
    expect(text(await client.send('GET', 'k1'))).toBe('in 0');

    await voyage.backfill();
    expect(await voyage.verify()).toEqual([]);
    await voyage.goTo('target-read');
    await voyage.goTo('target-first');
    // the Cluster's own words, now that it answers
    expect(text(await client.send('SELECT', 1))).toBe('(error) ERR SELECT is not allowed in cluster mode');
    expect(text(await client.send('GET', 'k1'))).toBe('in 0');
    await voyage.goTo('target-only');
    expect(text(await client.send('SELECT', 1))).toBe('(error) ERR SELECT is not allowed in cluster mode');
  }, 60_000);

  test('a Ferry that is to begin in such a phase does not start, however often it is tried', async () => {
    const [source, target] = await Promise.all([standalone(), cluster()]);
    harbour.keep({ close: () => source.stop() });
    harbour.keep({ close: () => target.stop() });
    await fill(source, { 0: 1, 2: 3 });
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-databases-'));
    harbour.keep({ close: () => rmSync(stateDir, { recursive: true, force: true }) });
    const config = defaultConfig({
      source: source.url,
      target: target.url,
      listen: { host: '127.0.0.1', port: 0 },
      admin: { port: 0 },
      stateDir,
      phase: 'dual-write',
    });
    for (let attempt = 1; attempt <= 2; attempt++) {
      await expect(startFerry(config)).rejects.toMatchObject({
        exitCode: 1,
        message: expect.stringContaining('db2: 3 keys.'),
      });
    }
    await (await harbour.wire((await source.ports())[0]!, 2)).send('FLUSHDB');
    const ferry = await startFerry(config);
    harbour.keep({ close: () => ferry.stop() });
    expect(ferry.control.status().phase).toBe('dual-write');
  }, 60_000);

  test('what a standalone target has in other databases has no place on a Cluster that is the source', async () => {
    const [source, target] = await Promise.all([cluster(), standalone()]);
    await fill(target, { 4: 5 });
    const voyage = await harbour.between(source, target);
    expect(await voyage.phase('dual-write')).toMatchObject({
      ok: false,
      blockers: [{ code: 'database-unusable', message: expect.stringMatching(/source is a Cluster.*db4: 5 keys\./) }],
    });
  }, 60_000);

  test("the database of the source's URL is the Cluster's only one, in every phase", async () => {
    const [source, target] = await Promise.all([standalone(3), cluster()]);
    await fill(source, { 0: 2, 3: 50 });
    const voyage = await harbour.between(source, target);
    const client = await harbour.wire(voyage.ferry.port);
    expect(text(await client.send('GET', 'k50'))).toBe('in 3');
    expect(await voyage.phase('dual-write')).toMatchObject({
      ok: false,
      blockers: [{ code: 'database-unusable', message: expect.stringMatching(/database 3 here.* db0: 2 keys\./) }],
    });
    await (await harbour.wire((await source.ports())[0]!)).send('FLUSHDB');
    await voyage.readyForCutover();
    await client.send('SET', 'live', 'in target-read');
    expect(text(await client.send('GET', 'live'))).toBe('in target-read');
    await voyage.goTo('target-first');
    expect(text(await client.send('GET', 'k50'))).toBe('in 3');
    expect(text(await client.send('SELECT', 3))).toBe('OK');
    await client.send('SET', 'live', 'in target-first');
    expect(await voyage.verify()).toEqual([]);
    await voyage.goTo('target-read');
    await voyage.settled();
    const onSource = await harbour.wire((await source.ports())[0]!, 3);
    expect(text(await onSource.send('GET', 'live'))).toBe('in target-first');
    expect(await target.cluster!.dbsize()).toBe(51);
    expect(withoutOwn(list(await onSource.send('KEYS', '*')).map(text))).toHaveLength(51);
  }, 60_000);
});

describe('with a prefix', () => {
  test('a step that was refused is taken after a start with it; later it cannot change', async () => {
    const [source, target] = await Promise.all([standalone(), cluster()]);
    harbour.keep({ close: () => source.stop() });
    harbour.keep({ close: () => target.stop() });
    await fill(source, { 0: 3, 1: 5 });
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-databases-'));
    harbour.keep({ close: () => rmSync(stateDir, { recursive: true, force: true }) });
    const start = (dbPrefix: Record<number, string>): Promise<Ferry> =>
      startFerry(
        defaultConfig({
          source: source.url,
          target: target.url,
          listen: { host: '127.0.0.1', port: 0 },
          admin: { port: 0 },
          stateDir,
          dbPrefix,
        }),
      );
    let ferry = await start({});
    harbour.keep({ close: () => ferry.stop() });
    expect(await ferry.control.changePhase({ to: 'dual-write' })).toMatchObject({ ok: false });
    await ferry.stop();
    ferry = await start({ 1: 'one:' });
    expect(await ferry.control.changePhase({ to: 'dual-write' })).toMatchObject({ ok: true });
    const client = await harbour.wire(ferry.port, 1);
    await client.send('SET', 'live', 'in 1');
    await ferry.stop();
    await expect(start({ 1: 'db1:' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('--db-prefix 1=one:, and --db-prefix 1=db1:'),
    });
    await expect(start({})).rejects.toMatchObject({ message: expect.stringContaining('and no --db-prefix') });
    ferry = await start({ 1: 'one:' });
    expect(ferry.control.status().phase).toBe('dual-write');
    expect(await target.cluster!.keys()).toContain('one:live');
  }, 60_000);
});
