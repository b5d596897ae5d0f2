/** Servers on which commands were renamed or taken away (rename-command), told to Ferry by configuration. */
import { afterEach, describe, expect, test } from 'vitest';
import { withoutOwn } from '../../support/own-keys.js';
import { Stage } from '../journey/stage.js';
import { list, text, type Wire } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

function renaming(names: Record<string, string>): string[] {
  return Object.entries(names).flatMap(([name, other]) => ['--rename-command', name.toUpperCase(), other]);
}

async function fill(server: Wire): Promise<void> {
  for (let i = 0; i < 50; i++) server.send('RPUSH', `list ${i}`, 'a', i);
  server.send('SETEX', 'expires', 1000, 'x');
  await server.send('XADD', 'stream', '1-1', 'f', 'v');
}

async function callsOf(server: Wire, command: string): Promise<number> {
  const stats = text(await server.send('INFO', 'commandstats'));
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
}

describe('renamed commands', () => {
  test('each side is spoken to in its own names, by clients, copies and jobs', async () => {
    const rename = {
      source: { set: 'put', dump: 'xdump', config: 'xconfig', flushall: 'wipe', scan: 'xscan', exists: 'xexists' },
      target: { set: 'store', restore: 'xrestore', del: 'remove', flushall: 'clear', config: 'tconfig', pttl: 'xpttl' },
    };
    stage = await Stage.open({
      sourceArgs: renaming(rename.source),
      targetArgs: renaming(rename.target),
      config: { rename },
    });
    const [source, target] = await Promise.all([stage.onSource(), stage.onTarget()]);
    await fill(source);
    await stage.readyForCutover();
    expect(await callsOf(source, 'dump')).toBeGreaterThanOrEqual(52);
    expect(await callsOf(target, 'restore')).toBeGreaterThanOrEqual(52);

    const client = await stage.client();
    for (const phase of ['target-read', 'target-first', 'target-read', 'target-first'] as const) {
      if (stage.status.phase !== phase) await stage.goTo(phase);
      // the names that its server had for it, those of the other side, and Redis' own: all are understood
      for (const name of ['PUT', 'put', 'SET']) {
        expect(text(await client.send(name, `string ${phase}`, name)), `${name} in ${phase}`).toBe('OK');
      }
      expect(text(await client.send('GET', `string ${phase}`))).toBe('SET');
      expect(text(await client.send('DEL', 'list 1', 'list 2'))).toMatch(/^[12]$/);
      expect(text(await client.send('RPUSH', 'list 1', 'again'))).toBe('1');
      expect(text(await client.send('EXISTS', 'list 3'))).toBe('1');
      await client.send('MULTI');
      await client.send('PUT', 'in a transaction', phase);
      expect(text(await client.send('EXEC'))).toBe('["OK"]');
      await stage.settled();
      expect(stage.ferry.counters).toMatchObject({ selfCheckMismatches: 0, repairs: 0 });
    }
    expect(await stage.verify()).toEqual([]);
    // the judge speaks only Redis' own names, and none of those that it needs was renamed
    const keysOf = async (wire: typeof source): Promise<string[]> =>
      withoutOwn(list(await wire.send('KEYS', '*')).map(text)).sort();
    expect(await keysOf(target)).toEqual(await keysOf(source));
    expect(text(await client.send('WIPE'))).toBe('OK');
    await stage.settled();
    expect([await keysOf(source), await keysOf(target)]).toEqual([[], []]);
  });

  test('without DUMP, FLUSHALL and others on the target every write arrives all the same', async () => {
    const gone = { dump: '', restore: '', flushall: '', flushdb: '', config: '', getdel: '', zadd: '' };
    stage = await Stage.open({ targetArgs: renaming(gone) });
    const source = await stage.onSource();
    await fill(source);
    await stage.backfill();
    expect(await stage.verify()).toEqual([]);
    const client = await stage.client();
    expect(text(await client.send('GETDEL', 'expires'))).toBe('x');
    expect(text(await client.send('RPOP', 'list 7'))).toBe('7');
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    expect(text(await client.send('FLUSHALL'))).toBe('OK');
    await client.send('SET', 'after', 'the flush');
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    expect(await stage.verify()).toEqual([]);
    await fill(source);
    await stage.verify(true);
    await client.send('SELECT', 3);
    await client.send('SET', 'here', 'it stays');
    await client.send('SELECT', 0);
    expect(text(await client.send('FLUSHDB'))).toBe('OK');
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    const target = await stage.onTarget();
    expect(withoutOwn(list(await target.send('KEYS', '*')).map(text))).toEqual([]);
    await target.send('SELECT', 3);
    expect(text(await target.send('GET', 'here'))).toBe('it stays');
  });

  test('names that are not configured: the server says that it does not know the command', async () => {
    stage = await Stage.open({ sourceArgs: renaming({ set: 'put', flushall: 'wipe' }) });
    await stage.goTo('dual-write');
    const [client, source] = [await stage.client(), await stage.onSource()];
    for (const command of [['SET', 'k', 'v'], ['PUT', 'k', 'v'], ['FLUSHALL'], ['WIPE']]) {
      const ours = text(await client.send(...command));
      // what Ferry does not know it does not let pass: its effect would not be mirrored
      if (command[0] === 'PUT' || command[0] === 'WIPE') expect(ours).toMatch(/^\(error\) ERR unknown command/);
      else expect(ours).toBe(text(await source.send(...command)));
    }
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});
