import { expect, test } from 'vitest';
import { isKeyspaceChannel, mayMatchKeyspace } from '../../../../src/sessions/subscriptions/keyspace.js';

test('channels', () => {
  expect(isKeyspaceChannel('__keyspace@0__:k')).toBe(true);
  expect(isKeyspaceChannel('__keyevent@0__:set')).toBe(true);
  for (const other of ['__keyspace@1__:k', '__keyevent@0_', 'news', '', 'x__keyspace@0__:k']) {
    expect(isKeyspaceChannel(other)).toBe(false);
  }
});

test.each([
  ...['*', '_*', '__key*', '__keyspace@0__:*', '__keyevent@0__:set', '__keyspace@?__:k', '__keyevent@[0-9]__:*'],
  ...['\\_\\_keyspace@0__:k', '*news', '?*', '__keyspace@0__:', '[^a]_keyevent@0__:expired'],
])('%s may match one', (pattern) => {
  expect(mayMatchKeyspace(pattern)).toBe(true);
});

test.each(['', 'news*', '__keyspace@1__:*', '__keyevent', '_', '?', '__keyspace@0_', '\\*'])(
  '%s matches none',
  (pattern) => {
    expect(mayMatchKeyspace(pattern)).toBe(false);
  },
);
