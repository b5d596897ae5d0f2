import { expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.js';
import { configurationPage } from '../../../src/config/document.js';
import { loadConfig } from '../../../src/config/load.js';
import { OPTIONS } from '../../../src/config/options.js';
import { planReload, RELOADABLE } from '../../../src/config/reload.js';

it('docs/configuration.md says what the options are (vitest -u writes it)', async () => {
  await expect(configurationPage()).toMatchFileSnapshot('../../../docs/configuration.md');
});

it('names every option', () => {
  for (const name of Object.keys(OPTIONS)) expect(configurationPage()).toContain(`\`--${name}\``);
});

/** The same with every value another one. */
function other<T>(value: T): T {
  if (typeof value === 'number') return (value + 1) as T;
  if (typeof value === 'boolean') return !value as T;
  if (typeof value === 'string') return `${value}x` as T;
  if (value === null || value === undefined) return 'x' as T;
  if (Array.isArray(value)) return [...value, 'x'] as T;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, other(inner)])) as T;
}

it('marks as reloadable what a reload changes, and nothing else', () => {
  const config = loadConfig({ source: 'redis://a', target: 'redis://b' }, {});
  const now = { ...config, tls: { cert: 'a', key: 'a', ca: null, clientAuth: 'no', sni: [] } } as unknown as Config;
  const { changed, needsRestart } = planReload(now, other(now));
  expect(new Set(changed)).toEqual(RELOADABLE);
  expect(needsRestart.filter((name) => RELOADABLE.has(name))).toEqual([]);
});
