/** A Cluster as the target, and databases or keys that are left out: they need no place there. */
import { afterEach, expect, test } from 'vitest';
import { withoutOwn } from '../../support/own-keys.js';
import { cluster, Harbour, standalone } from '../cluster/prefixes.js';
import { list, text } from '../journey/wire.js';

const harbour = new Harbour();
afterEach(() => harbour.close());

test('a database that is left out is in nobody\u2019s way, and gone for clients after the cutover', async () => {
  const [source, target] = await Promise.all([standalone(), cluster()]);
  const direct = await harbour.wire((await source.ports())[0]!);
  await direct.send('SET', 'a', 1);
  await direct.send('SET', 'out:a', 1);
  await direct.send('SELECT', 3);
  await direct.send('SET', 'three', 3);
  const scope = { include: [], exclude: ['out:*'], includeDbs: [], excludeDbs: [3] };
  const voyage = await harbour.between(source, target, { scope });
  const inThree = await harbour.wire(voyage.ferry.port, 3);
  const client = await harbour.wire(voyage.ferry.port);
  await voyage.readyForCutover();
  expect(voyage.status.scope).toMatchObject({ leftOutKeys: 2 });
  expect(text(await inThree.send('APPEND', 'three', '+'))).toBe('2');
  expect(text(await client.send('SELECT', 3))).toBe('OK');
  expect(text(await client.send('GET', 'three'))).toBe('3+');
  expect(text(await client.send('SELECT', 0))).toBe('OK');
  // keys of both kinds, and of several slots of the Cluster
  expect(text(await client.send('RENAME', 'out:a', 'b'))).toBe('OK');
  expect(text(await client.send('MSET', 'c', 1, 'out:c', 1))).toBe('OK');
  expect(text(await client.send('FLUSHDB'))).toBe('OK');
  expect(text(await client.send('SET', 'd', 1))).toBe('OK');
  await voyage.settled();
  await voyage.verify();
  await voyage.goTo('target-first', { force: true });
  expect(text(await client.send('GET', 'd'))).toBe('1');
  expect(text(await client.send('GET', 'c'))).toBe('(nil)');
  expect(text(await inThree.send('GET', 'three'))).toMatch(/^\(error\) /);
  const keys = [];
  for (const port of await target.ports()) {
    keys.push(...withoutOwn(list(await (await harbour.wire(port)).send('KEYS', '*')).map(text)));
  }
  expect(keys).toEqual(['d']);
});
