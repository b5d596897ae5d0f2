/**
 * Flags over environment over file; every wrong value named with where it came from.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { DEFAULTS, defaultConfig } from '../../../src/config/config.js';
import { ConfigError } from '../../../src/config/errors.js';
import { loadConfig } from '../../../src/config/load.js';
import { envName, isOptionName, OPTIONS } from '../../../src/config/options.js';

const dir = mkdtempSync(join(tmpdir(), 'ferry-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

const SIDES = { source: 'redis://a', target: 'redis://b' };

function file(text: string): string {
  const path = join(dir, `${Math.random()}.yaml`);
  writeFileSync(path, text);
  return path;
}

describe('loadConfig', () => {
  test('with two URLs everything else is the default', () => {
    const config = loadConfig(SIDES, {});
    expect(config).toMatchObject(DEFAULTS);
    expect(config.source.host).toBe('a');
    expect(config).toEqual(defaultConfig(SIDES));
  });

  test('flags win over environment over file', () => {
    const config = file('source: redis://file\ntarget: redis://b\nack: both\nlisten: 1001\nadmin: 127.0.0.1:1002\n');
    const env = { FERRY_CONFIG: config, FERRY_LISTEN: ':2001', FERRY_SOURCE: 'redis://env', FERRY_ACK: '' };
    const loaded = loadConfig({ source: 'redis://flag' }, env);
    expect(loaded.source.host).toBe('flag');
    expect(loaded.listen).toEqual({ host: '127.0.0.1', port: 2001 });
    expect(loaded.admin).toEqual({ host: '127.0.0.1', port: 1002, token: null });
    expect(loaded.ack).toBe('both');
  });

  test('every option can be given in all three ways', () => {
    const examples: Record<string, string> = {
      source: 'redis://a',
      target: 'redis://b',
      listen: '127.0.0.1:7000',
      admin: 'http://127.0.0.1:7001',
      token: 'secret',
      'state-dir': '/tmp/x',
      phase: 'dual-write',
      ack: 'both',
      'on-uncertain': 'error',
      'rename-source': 'FLUSHALL=gone,KEYS=',
      'rename-target': 'config=c',
      'memory-limit': '32MiB',
      'client-output-bytes': '3MiB',
      'mirror-backlog-bytes': '3mb',
      'copy-budget-bytes': '1g',
      'big-key-bytes': '16MiB',
      'tls-client-auth': 'optional',
      'tls-sni': 'a.example=a.crt:a.key',
      'map-users': 'app=app2:secret',
      scripts: 'replay',
      'db-prefix': '1=db1:,12=db12:',
      announce: 'ferry.example:7002',
      'detect-bypass': 'on',
      'direct-clients': 'block',
      eviction: 'allow',
      'lost-data': 'hold',
      'dns-servers': '10.0.0.2,[fd00::2]:5353',
      'log-level': 'debug',
    };
    const byFlag: Record<string, string> = {};
    const byEnv: Record<string, string> = {};
    for (const name of Object.keys(OPTIONS).filter(isOptionName)) {
      const example = examples[name] ?? ('boolean' in OPTIONS[name] ? String(name !== 'read-repair') : '7');
      byFlag[name] = example;
      byEnv[envName(name)] = example;
    }
    const loaded = loadConfig(byFlag, {});
    expect(loadConfig({}, byEnv)).toEqual(loaded);
    const lines = Object.entries(byFlag).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    expect(loadConfig({ config: file(lines.join('\n')) }, {})).toEqual(loaded);
    for (const [key, value] of Object.entries(DEFAULTS)) {
      expect(loaded[key as keyof typeof DEFAULTS], `${key} is still the default`).not.toEqual(value);
    }
    expect(loaded.rename.source).toEqual({ flushall: 'gone', keys: '' });
    expect(loaded.limits.copyBudgetBytes).toBe(2 ** 30);
    expect(loaded.dbPrefix).toEqual({ 1: 'db1:', 12: 'db12:' });
    expect(loaded.announce).toEqual({ host: 'ferry.example', port: 7002 });
    expect(loaded.topology).toEqual({
      refreshMs: 7,
      redirectWaitMs: 7,
      dnsServers: ['10.0.0.2:53', '[fd00::2]:5353'],
      dnsRefreshMs: 7,
    });
    expect(envName('token')).toBe('FERRY_ADMIN_TOKEN');
  });

  test('maps and numbers of a YAML file', () => {
    const path = file(
      'source: redis://a\ntarget: redis://b\nrename-source: {FLUSHALL: Gone}\nread-repair: no\nmax-clients: 5\n',
    );
    const loaded = loadConfig({ config: path }, {});
    expect(loaded.rename.source).toEqual({ flushall: 'gone' });
    expect(loaded.readRepair).toBe(false);
    expect(loaded.limits.maxClients).toBe(5);
  });

  test('prefixes and name servers of a YAML file', () => {
    const path = file(
      'source: redis://a\ntarget: redis+cluster://b:1,c:1\ndb-prefix: {1: "a,b:", 2: 7}\ndns-servers: [10.0.0.2, "10.0.0.3:5353"]\n',
    );
    const loaded = loadConfig({ config: path }, {});
    expect(loaded.target.kind).toBe('cluster');
    expect(loaded.dbPrefix).toEqual({ 1: 'a,b:', 2: '7' });
    expect(loaded.topology.dnsServers).toEqual(['10.0.0.2:53', '10.0.0.3:5353']);
  });

  test('two masters of the same sentinels are two sides', () => {
    const sides = { source: 'redis+sentinel://s:1,t:1/old', target: 'redis+sentinel://t:1,s:1/new' };
    expect(loadConfig(sides, {}).target.master).toBe('new');
  });

  test('the result is frozen, all the way down', () => {
    const loaded = loadConfig(SIDES, {});
    expect(() => Object.assign(loaded.limits, { maxClients: 1 })).toThrow(TypeError);
    expect(() => Object.assign(loaded.source, { host: 'x' })).toThrow(TypeError);
  });

  test.each([
    [{ target: 'redis://b' }, {}, 'No source is given: use --source URL, FERRY_SOURCE'],
    [{ source: 'redis://a' }, {}, 'No target is given'],
    [
      { ...SIDES, listen: 'nowhere' },
      {},
      "--listen: expected an address such as 127.0.0.1:6380, or unix:///path, not 'nowhere'.",
    ],
    [{ ...SIDES, listen: '1:99999' }, {}, '--listen: expected an address'],
    [SIDES, { FERRY_ACK: 'none' }, "FERRY_ACK: expected one of authority, both, not 'none'."],
    [{ ...SIDES, phase: 'dual' }, {}, '--phase: expected one of source-only, dual-write'],
    [{ ...SIDES, 'max-clients': '-1' }, {}, '--max-clients: expected a whole number from 1'],
    [{ ...SIDES, 'max-clients': ['1', '2'] }, {}, '--max-clients: expected a whole number'],
    [{ ...SIDES, 'big-key-bytes': '8 parsecs' }, {}, '--big-key-bytes: expected a size such as'],
    [{ ...SIDES, 'big-key-bytes': '1g' }, {}, '--copy-budget-bytes must be at least --big-key-bytes'],
    [{ ...SIDES, 'read-repair': 'perhaps' }, {}, '--read-repair: expected true or false'],
    [
      { ...SIDES, 'tls-cert': 'a', 'tls-client-auth': 'maybe' },
      {},
      '--tls-client-auth: expected one of no, optional, required',
    ],
    [{ ...SIDES, 'map-users': 'app=app2' }, {}, '--map-users: expected users of the source'],
    [{ ...SIDES, scripts: 'often' }, {}, '--scripts: expected copy, replay'],
    [{ source: 'redis://localhost:7', target: 'redis://127.0.0.1:7/1' }, {}, 'the same server'],
    [{ source: 'redis://a:7', target: 'redis+cluster://b:7,A:7' }, {}, 'the same server'],
    [{ source: 'redis+sentinel://s:1,t:1/m', target: 'redis+sentinel://t:1,u:1/m/1' }, {}, 'the same server'],
    [{ ...SIDES, source: 'redis+cluster://a,localhost:6380' }, {}, "its own source's address"],
    [{ ...SIDES, target: ['redis://u:p q@h', 'b'] }, {}, '--target: expected a connection string such as [^ ]+\\.$'],
    [{ ...SIDES, include: '' }, {}, '--include: expected patterns of key names'],
    [{ ...SIDES, exclude: ' , ' }, {}, '--exclude: expected patterns of key names'],
    [{ ...SIDES, 'exclude-dbs': 'x' }, {}, '--exclude-dbs: expected database numbers'],
    [{ ...SIDES, 'db-prefix': '0=db0:' }, {}, '--db-prefix: expected prefixes by database such as 1=db1:,2=db2:'],
    [{ ...SIDES, 'db-prefix': '01=db1:' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'db-prefix': '1=' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'db-prefix': '1={a}' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'db-prefix': '1=a}' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'db-prefix': '1=a,1=b' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'db-prefix': '1=a,2=a' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'db-prefix': '1=__fe' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'db-prefix': '1=ab,2=a' }, {}, '--db-prefix: expected'],
    [{ ...SIDES, 'replica-reads': 'some' }, {}, '--replica-reads: expected true or false'],
    [{ ...SIDES, announce: '6380' }, {}, '--announce: expected an address with its port'],
    [{ ...SIDES, announce: 'h' }, {}, '--announce: expected'],
    [{ ...SIDES, announce: 'h:0' }, {}, '--announce: expected'],
    [{ ...SIDES, 'topology-refresh': '0' }, {}, '--topology-refresh: expected a whole number from 1'],
    [{ ...SIDES, 'redirect-wait': 'long' }, {}, '--redirect-wait: expected a whole number from 0'],
    [{ ...SIDES, 'dns-servers': 'ns.example:53' }, {}, '--dns-servers: expected IP addresses'],
    [{ ...SIDES, 'dns-servers': '10.0.0.2,' }, {}, '--dns-servers: expected IP addresses'],
    [{ ...SIDES, source: 'redis://localhost:6380' }, {}, "its own source's address"],
    [{ ...SIDES, admin: ':6380' }, {}, 'the same address'],
    [{ ...SIDES, admin: '0.0.0.0:6390' }, {}, 'would be open to others on 0.0.0.0:6390: give --token'],
    [{ config: '/nowhere.yaml' }, {}, "The config file '/nowhere.yaml' cannot be read: ENOENT"],
  ])('%j %j', (flags, env, message) => {
    expect(() => loadConfig(flags, env)).toThrow(ConfigError);
    expect(() => loadConfig(flags, env)).toThrow(new RegExp(message));
  });

  test.each([
    ['source: [', 'cannot be read'],
    ['- a\n- b', "must hold 'name: value' lines"],
    ['stateDir: x', "unknown key 'stateDir' \\(did you mean 'state-dir'\\?\\)"],
    [
      'source: redis://:hunter2@h/x\ntarget: redis://b',
      "'source' in .*yaml: 'redis://:\\*\\*\\*@h/x' has the database 'x'",
    ],
  ])('the file %j', (text, message) => {
    expect(() => loadConfig({ config: file(text) }, {})).toThrow(new RegExp(message));
    expect(() => loadConfig({ config: file(text) }, {})).not.toThrow(/hunter2/);
  });

  test('an admin API for others is allowed with a token', () => {
    expect(loadConfig({ ...SIDES, admin: '0.0.0.0:6390', token: 't' }, {}).admin.token).toBe('t');
  });
});

test('defaultConfig takes any part', () => {
  const config = defaultConfig({
    source: 'redis://x:1',
    limits: { knownKeys: 5 },
    admin: { port: 0 },
    ack: 'both',
    topology: { refreshMs: 5 },
  });
  expect(config.source.port).toBe(1);
  expect(config.limits).toEqual({ ...DEFAULTS.limits, knownKeys: 5 });
  expect(config.topology).toEqual({ ...DEFAULTS.topology, refreshMs: 5 });
  expect(config.admin).toEqual({ ...DEFAULTS.admin, port: 0 });
  expect(config.ack).toBe('both');
});
