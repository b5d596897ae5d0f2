/** Prefixes and sums of a sample, and how keys are shown. */
import { expect, test } from 'vitest';
import { bytes } from '../../../src/observe/figures.js';
import type { SampledKey } from '../../../src/preflight/facts.js';
import { NO_PREFIX, prefixOf, profileOf } from '../../../src/preflight/profile.js';
import { keyText, percent, some } from '../../../src/preflight/wording.js';

test.each([
  ['user:17:name', 'user:', ':'],
  ['a.b:c', 'a.b:', ':'],
  ['a.b-c', 'a.', '.'],
  ['img/1', 'img/', '/'],
  ['snake_case', 'snake_', '_'],
  ['plain', NO_PREFIX, ''],
  [':leading', NO_PREFIX, ''],
  ['', NO_PREFIX, ''],
])('%s', (name, prefix, separator) => {
  expect(prefixOf(Buffer.from(name))).toEqual({ prefix, separator });
});

test('sums by type, prefix, size and time to live', () => {
  const key = (name: string, more: Partial<SampledKey> = {}): SampledKey => ({
    key: Buffer.from(name),
    db: 0,
    type: 'string',
    ttlMs: -1,
    bytes: 100,
    length: 1,
    frequency: null,
    ...more,
  });
  const keys = [
    key('a:1'),
    key('a:2', { ttlMs: 1000 }),
    key('b:1', { type: 'hash', bytes: 5000 }),
    key('b:2', { type: 'hash', bytes: null, ttlMs: 1e12 }),
  ];
  const profile = profileOf({ keys, total: 4, isComplete: true, seconds: 0, why: '' });
  expect(profile).toMatchObject({ keys: 4, bytes: 5200, withoutTtl: 2, hasSizes: true });
  expect([...profile.byType]).toEqual([
    ['string', { keys: 2, bytes: 200, withoutTtl: 1 }],
    ['hash', { keys: 2, bytes: 5000, withoutTtl: 1 }],
  ]);
  expect(profile.byTtl.map(({ keys: count }) => count)).toEqual([2, 1, 0, 0, 0, 1]);
  expect(profile.bySize.map(({ keys: count }) => count)).toEqual([3, 0, 1, 0, 0, 0, 0]);
});

test('wording', () => {
  expect(keyText(Buffer.from('schlüssel'))).toBe('schlüssel');
  expect(keyText(Buffer.from([0x61, 0x00, 0xff]))).toBe('a\\x00\\xff');
  expect(keyText(Buffer.from('x'.repeat(200)))).toHaveLength(78);
  expect([bytes(1023), bytes(1536), bytes(3 * 2 ** 30)]).toEqual(['1023 B', '1.5 KiB', '3.0 GiB']);
  expect([percent(0, 0), percent(1, 1000), percent(1, 2)]).toEqual(['0 %', '<1 %', '50 %']);
  expect(some(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
});
