/** What a reload changes, and what it names as needing another start. */
import { expect, test } from 'vitest';
import { defaultConfig } from '../../../src/config/config.js';
import { loadConfig } from '../../../src/config/load.js';
import { planReload } from '../../../src/config/reload.js';

test('nothing is different: nothing changes', () => {
  expect(planReload(defaultConfig(), defaultConfig())).toMatchObject({ changed: [], needsRestart: [] });
});

test('limits, rates, switches and the log level change', () => {
  const wanted = loadConfig(
    {
      source: 'redis://127.0.0.1:6379',
      target: 'redis://127.0.0.1:6381',
      'max-clients': '7',
      'memory-limit': '64MiB',
      'accept-rate': '9',
      'backfill-rate': '100',
      'max-pause-ms': '5',
      'log-level': 'debug',
      'on-uncertain': 'error',
      'client-idle-seconds': '3',
    },
    {},
  );
  const { config, changed, needsRestart } = planReload(defaultConfig(), wanted);
  expect([...changed].sort()).toEqual(
    'accept-rate backfill-rate client-idle-seconds log-level max-clients max-pause-ms memory-limit on-uncertain'.split(
      ' ',
    ),
  );
  expect(needsRestart).toEqual([]);
  expect(config.limits).toMatchObject({ maxClients: 7, memoryBytes: 64 << 20, acceptRate: 9 });
  expect(Object.isFrozen(config.limits)).toBe(true);
});

test('what cannot change is named and stays, and what can changes all the same', () => {
  const now = defaultConfig({ source: 'redis://:old@127.0.0.1:6379' });
  const wanted = defaultConfig({
    source: 'redis://:new@127.0.0.1:6379',
    listen: { host: '127.0.0.1', port: 1 },
    admin: { token: 'secret' },
    ack: 'both',
    stateDir: '/elsewhere',
    tls: { cert: 'c', key: 'k', ca: null, clientAuth: 'no', sni: {} },
    limits: { knownKeys: 1, dirtyKeys: 2, maxClients: 3 },
    logLevel: 'warn',
  });
  const { config, changed, needsRestart } = planReload(now, wanted);
  expect([...changed].sort()).toEqual(['log-level', 'max-clients']);
  expect([...needsRestart].sort()).toEqual(
    'ack dirty-keys known-keys listen source state-dir tls-cert tls-client-auth tls-key tls-sni token'.split(' '),
  );
  expect(config).toMatchObject({ source: now.source, listen: now.listen, ack: 'authority', tls: null });
  expect(config.limits).toMatchObject({ maxClients: 3, knownKeys: now.limits.knownKeys });
  expect(JSON.stringify([changed, needsRestart])).not.toMatch(/new|secret/);
});

test('certificates may be others; whether clients need one is decided once', () => {
  const tls = { cert: 'a', key: 'b', ca: null, clientAuth: 'no', sni: {} } as const;
  const { config, changed, needsRestart } = planReload(
    defaultConfig({ tls }),
    defaultConfig({ tls: { ...tls, cert: 'c', key: 'd', ca: 'e', clientAuth: 'required' } }),
  );
  expect([...changed].sort()).toEqual(['tls-ca', 'tls-cert', 'tls-key']);
  expect(needsRestart).toEqual(['tls-client-auth']);
  expect(config.tls).toMatchObject({ cert: 'c', key: 'd', clientAuth: 'no' });
});
