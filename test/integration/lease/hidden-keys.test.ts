/** Ferry's own key on the servers is not shown to clients. */
import { afterEach, describe, expect, test } from 'vitest';
import { Pipe } from '../journey/pipe.js';
import { Stage, sleep } from '../journey/stage.js';
import { list, text } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

describe.each(['source-only', 'dual-write', 'target-first'] as const)('in %s', (phase) => {
  test('KEYS, SCAN, DBSIZE, RANDOMKEY and INFO are as if it were not there', async () => {
    stage = await Stage.open();
    if (phase === 'target-first') await stage.readyForCutover();
    if (phase !== 'source-only') await stage.goTo(phase);
    const side = phase === 'target-first' ? await stage.onTarget() : await stage.onSource();
    const client = await stage.client();
    expect(text(await side.send('DBSIZE'))).toBe('1');
    expect(text(await client.send('DBSIZE'))).toBe('0');
    expect(await client.send('RANDOMKEY')).toBeNull();
    expect(list(await client.send('KEYS', '*'))).toEqual([]);
    expect(text(await client.send('INFO', 'keyspace'))).not.toContain('db0');
    for (const key of ['a', 'b', '__ferrying']) await client.send('SET', key, 'x');
    expect(text(await client.send('DBSIZE'))).toBe('3');
    for (const pattern of ['*', '__*', '[_]*', '?_ferry*', '__ferry:lease', '\\__ferry*']) {
      const keys = list(await client.send('KEYS', pattern)).map(text);
      expect(keys.sort(), pattern).toEqual(
        pattern === '*' ? ['__ferrying', 'a', 'b'] : pattern.includes(':') ? [] : ['__ferrying'],
      );
    }
    for (const more of [[], ['MATCH', '__*'], ['COUNT', '1'], ['TYPE', 'string']]) {
      const found = new Set<string>();
      let cursor = '0';
      do {
        const [next, keys] = list(await client.send('SCAN', cursor, ...more));
        for (const key of list(keys!)) found.add(text(key));
        cursor = text(next!);
      } while (cursor !== '0');
      expect([...found].sort(), more.join()).toEqual(more[0] === 'MATCH' ? ['__ferrying'] : ['__ferrying', 'a', 'b']);
    }
    for (let i = 0; i < 50; i++) expect(text(await client.send('RANDOMKEY'))).toMatch(/^(a|b|__ferrying)$/);
    expect(text(await client.send('INFO'))).toMatch(/^db0:keys=3,/m);
    await client.send('SELECT', 1);
    await client.send('SET', 'there', 'x');
    expect(text(await client.send('DBSIZE'))).toBe('1');
    expect(list(await client.send('KEYS', '*')).map(text)).toEqual(['there']);
    await client.send('FLUSHALL');
    await client.send('SELECT', 0);
    expect(text(await client.send('DBSIZE'))).toBe('0');
  });

  test('DBSIZE and INFO are right at once after a flush, alone, in a transaction and in a script', async () => {
    stage = await Stage.open();
    if (phase === 'target-first') await stage.readyForCutover();
    if (phase !== 'source-only') await stage.goTo(phase);
    const client = await stage.client();
    const transaction = (...commands: string[][]): string[][] => [['MULTI'], ...commands, ['EXEC']];
    const script = (body: string): string[][] => [['EVAL', body, '1', 'a']];
    const steps: readonly (readonly [keys: string, commands: string[][]])[] = [
      ['1', [['FLUSHALL'], ['SET', 'a', '1']]],
      ['1', transaction(['SET', 'b', '2'], ['FLUSHALL'], ['SET', 'a', '1'])],
      ['2', transaction(['FLUSHDB', 'ASYNC'], ['SET', 'a', '1'], ['SET', 'b', '1'])],
      ['2', transaction(['FLUSHALL', 'NOW'])], // no such option
      ['1', script("redis.call('FLUSHALL') redis.call('SET', KEYS[1], 1)")],
      ['0', script("redis.call('FLUSHDB')")],
    ];
    for (let i = 0; i < 8; i++) {
      for (const [keys, commands] of steps) {
        for (const command of commands) void client.send(...(command as [string]));
        // at once, and while the key is written again
        for (let again = 0; again < 4; again++) {
          const [size, info] = await Promise.all([client.send('DBSIZE'), client.send('INFO', 'keyspace')]);
          const found = [text(size), /^db0:keys=(\d+)/m.exec(text(info))?.[1] ?? '0'];
          expect(found, `${commands.join('; ')}, ${again}`).toEqual([keys, keys]);
        }
      }
      await sleep(7 * i);
    }
  });

  test('DBSIZE and INFO of a user who may not ask for the key are right too, and the server is not asked twice', async () => {
    stage = await Stage.open();
    if (phase === 'target-first') await stage.readyForCutover();
    if (phase !== 'source-only') await stage.goTo(phase);
    const sides = [await stage.onSource(), await stage.onTarget()];
    for (const side of sides) await side.send('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~app:*', '+@all', '-exists');
    const client = await stage.client('narrow', 'pw');
    await client.send('SET', 'app:1', 'x');
    for (let i = 0; i < 3; i++) {
      expect(text(await client.send('DBSIZE'))).toBe('1');
      expect(text(await client.send('INFO', 'keyspace'))).toMatch(/^db0:keys=1,/m);
    }
    const authority = sides[phase === 'target-first' ? 1 : 0]!;
    const refusals = list(await authority.send('ACL', 'LOG')).filter((entry) =>
      list(entry).map(text).includes('exists'),
    );
    expect(refusals).toHaveLength(1);
    expect(list(refusals[0]!).map(text)).toContain('1');
  });

  test('nor are its events', async () => {
    stage = await Stage.open({
      sourceArgs: ['--notify-keyspace-events', 'KEA'],
      targetArgs: ['--notify-keyspace-events', 'KEA'],
    });
    if (phase === 'target-first') await stage.readyForCutover();
    if (phase !== 'source-only') await stage.goTo(phase);
    const listener = await Pipe.open(stage.ferry.port);
    await listener.batch([['PSUBSCRIBE', '__key*__:*']]);
    const heard = listener.raw(Buffer.alloc(0), 2);
    await sleep(2500); // it is renewed meanwhile
    const client = await stage.client();
    await client.send('SET', 'mine', 'x');
    const messages = (await heard).map((message) => list(message).map(text).slice(2).join(' '));
    expect(messages).toEqual(['__keyspace@0__:mine set', '__keyevent@0__:set mine']);
    listener.close();
  });
});
