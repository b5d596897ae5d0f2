/** Several databases: the server's own words, each kept apart on both sides, and none forgotten. */
import { afterEach, describe, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { Pipe } from '../journey/pipe.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

describe('SELECT', () => {
  test.each([['15'], ['16'], ['99999'], ['-1'], ['abc'], ['1.5'], [''], ['99999999999999999999']])(
    'of %j is answered as the server does, and what follows is where it should be',
    async (db) => {
      stage = await Stage.open();
      await stage.goTo('dual-write');
      const [ours, real] = [await Pipe.open(stage.ferry.port), await Pipe.open(stage.source.port)];
      const commands = [
        ['SET', 'before', 'x'],
        ['SELECT', db],
        ['SET', 'after', 'x'],
        ['DBSIZE'],
        ['SELECT', '0'],
        ['KEYS', '[ab]*'],
      ];
      const answers = (await ours.batch(commands)).map(text);
      await stage.settled();
      expect(await stage.differences()).toEqual([]);
      await real.ask('FLUSHALL');
      expect(answers).toEqual((await real.batch(commands)).map(text));
      ours.close();
      real.close();
    },
  );

  test('a database that the target does not have is refused while it follows, and blocks the beginning', async () => {
    stage = await Stage.open({ targetArgs: ['--databases', '4'] });
    const [source, client] = [await stage.onSource(), await stage.client()];
    await client.send('SELECT', 7);
    expect(text(await client.send('SET', 'key', 'in 7'))).toBe('OK');
    expect(await stage.phase('dual-write')).toMatchObject({ ok: false, blockers: [{ code: 'database-unusable' }] });
    expect(stage.status.phase).toBe('source-only');
    await client.send('DEL', 'key');
    const elsewhere = await stage.client();
    await client.send('SELECT', 0);
    await stage.goTo('dual-write');
    expect(text(await elsewhere.send('SELECT', 7))).toMatch(/^\(error\) FERRY .*database 7.*target/);
    expect(text(await elsewhere.send('SET', 'key', 'in 0'))).toBe('OK');
    expect(text(await elsewhere.send('MOVE', 'key', 7))).toMatch(/^\(error\) FERRY/);
    expect(text(await elsewhere.send('COPY', 'key', 'other', 'DB', 7))).toMatch(/^\(error\) FERRY/);
    await source.send('SELECT', 7);
    expect(text(await source.send('DBSIZE'))).toBe('0');
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});

describe('many databases', () => {
  test('MOVE, COPY, FLUSHDB and traffic in several databases stay where they belong', async () => {
    stage = await Stage.open();
    await stage.goTo('dual-write');
    const loads = [0, 2, 11].map((db) => new Load(stage.ferry.port, { clients: 2, db, pauseMs: 1 }));
    const client = await stage.client();
    for (let round = 0; round < 20; round++) {
      await client.send('SELECT', round % 5);
      await client.send('SET', 'wanders', round);
      expect(text(await client.send('MOVE', 'wanders', 9))).toBe(round === 0 ? '1' : '0');
      expect(text(await client.send('COPY', 'wanders', 'copied', 'DB', 13, 'REPLACE'))).toMatch(/^[01]$/);
    }
    await client.send('SELECT', 4);
    await client.send('FLUSHDB');
    await stage.backfill();
    await stage.goTo('target-read');
    for (const load of loads) await load.more(10);
    await Promise.all(loads.map((load) => load.stop()));
    expect(loads.flatMap((load) => load.complaints)).toEqual([]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    expect(await stage.verify()).toEqual([]);
  });

  test('a target that was away at the start of Ferry gets every database', async () => {
    stage = await Stage.open();
    const source = await stage.onSource();
    for (const db of [0, 1, 6]) {
      await source.send('SELECT', db);
      for (let i = 0; i < 20; i++) await source.send('SET', `key ${i}`, `in ${db}`);
    }
    await stage.backfill();
    expect(await stage.verify()).toEqual([]);
    await stage.stop();
    stage.target.kill();
    await stage.start();
    // clients notice nothing: neither in a database that was in use nor in a new one
    const client = await stage.client();
    for (const db of [0, 6, 12]) {
      expect(text(await client.send('SELECT', db)), `SELECT ${db}`).toBe('OK');
      expect(text(await client.send('SET', 'meanwhile', db))).toBe('OK');
      expect(text(await client.send('GET', 'meanwhile'))).toBe(String(db));
    }
    await stage.target.restart(); // empty
    await stage.until('the target is back', ({ target }) => target.state === 'up');
    await stage.backfill();
    await stage.settled();
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);
  });
});
