/**
 * Connection strings: what they mean, what is refused and with which words, and that no password is shown.
 */
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/config/errors.js';
import { parseEndpoint, redactUrl } from '../../../src/config/url.js';

const ANYBODY = { username: null, password: null };

describe('parseEndpoint', () => {
  test.each([
    ['redis://h', { host: 'h', port: 6379, db: 0, username: null, password: null }],
    ['redis://10.0.0.1:7000/3', { host: '10.0.0.1', port: 7000, db: 3 }],
    ['redis://[::1]:7000', { host: '::1', port: 7000 }],
    ['redis://:secret@h', { username: null, password: 'secret' }],
    ['redis://app:p%40ss%3Aword@h/', { username: 'app', password: 'p@ss:word', db: 0 }],
    ['REDIS://h:1', { host: 'h', port: 1 }],
    ['unix:///tmp/redis.sock', { path: '/tmp/redis.sock', db: 0 }],
    ['unix:///tmp/a%20b.sock?db=2', { path: '/tmp/a b.sock', db: 2 }],
  ])('%s', (text, expected) => {
    expect(parseEndpoint(text)).toMatchObject({ kind: 'standalone', ...expected });
  });

  test('a standalone server has one address, its own', () => {
    expect(parseEndpoint('redis://h:7/2').addresses).toEqual([{ host: 'h', port: 7 }]);
    expect(parseEndpoint('unix:///s').addresses).toHaveLength(1);
  });

  test.each([
    ['redis+cluster://a', [{ host: 'a', port: 6379 }]],
    [
      'redis+cluster://a:7000,b:7001,c',
      [
        { host: 'a', port: 7000 },
        { host: 'b', port: 7001 },
        { host: 'c', port: 6379 },
      ],
    ],
    [
      'redis+cluster://[::1]:7000,[0:0:0:0:0:0:0:2],10.0.0.1:7000/0',
      [
        { host: '::1', port: 7000 },
        { host: '::2', port: 6379 },
        { host: '10.0.0.1', port: 7000 },
      ],
    ],
    [
      'redis+cluster://a:7000,a:7001/',
      [
        { host: 'a', port: 7000 },
        { host: 'a', port: 7001 },
      ],
    ],
  ])('%s', (text, addresses) => {
    const endpoint = parseEndpoint(text);
    expect(endpoint).toEqual({ kind: 'cluster', ...addresses[0], addresses, ...ANYBODY, db: 0, url: text });
  });

  test('a Cluster with a login, over TLS', () => {
    expect(parseEndpoint('rediss+cluster://app:p%2Cw@a:1,b:2?ca=/ca&cert=/c&key=/k&servername=n')).toMatchObject({
      kind: 'cluster',
      username: 'app',
      password: 'p,w',
      addresses: [{ port: 1 }, { port: 2 }],
      tls: { ca: '/ca', cert: '/c', key: '/k', servername: 'n' },
    });
    expect(parseEndpoint('rediss+cluster://a').tls).toEqual({});
    expect(parseEndpoint('redis+cluster://a')).not.toHaveProperty('tls');
  });

  test.each([
    ['redis+sentinel://a/mymaster', { host: 'a', port: 26379, master: 'mymaster', db: 0 }],
    ['redis+sentinel://a:1,[::1],c/m/3', { addresses: [{ port: 1 }, { host: '::1' }, { port: 26379 }], db: 3 }],
    ['redis+sentinel://a/my%20master/', { master: 'my master', db: 0 }],
    ['redis+sentinel://app:pw@a/m', { username: 'app', password: 'pw', sentinel: ANYBODY }],
    [
      'redis+sentinel://a/m?sentinel-username=s&sentinel-password=p%26q+r',
      { ...ANYBODY, sentinel: { username: 's', password: 'p&q+r' } },
    ],
    ['redis+sentinel://a/m?sentinel-password=p', { sentinel: { username: null, password: 'p' } }],
  ])('%s', (text, expected) => {
    expect(parseEndpoint(text)).toMatchObject({ kind: 'sentinel', ...expected });
  });

  const FILES = 'ca=/ca&cert=/c&key=/k&servername=n';
  test.each([
    ['redis+sentinel://a/m', undefined, undefined],
    ['redis+sentinel://a/m?sentinel-tls=no', undefined, undefined],
    ['redis+sentinel://a/m?sentinel-tls=yes', undefined, {}],
    [
      'redis+sentinel://a/m?sentinel-tls=yes&sentinel-ca=/sca&sentinel-cert=/sc&sentinel-key=/sk&sentinel-servername=sn',
      undefined,
      { ca: '/sca', cert: '/sc', key: '/sk', servername: 'sn' },
    ],
    ['rediss+sentinel://a/m', {}, {}],
    [
      `rediss+sentinel://a/m?${FILES}`,
      { ca: '/ca', cert: '/c', key: '/k', servername: 'n' },
      { ca: '/ca', cert: '/c', key: '/k', servername: 'n' },
    ],
    [
      `rediss+sentinel://a/m?${FILES}&sentinel-cert=/sc&sentinel-key=/sk`,
      { ca: '/ca', cert: '/c', key: '/k', servername: 'n' },
      { ca: '/ca', cert: '/sc', key: '/sk', servername: 'n' },
    ],
    ['rediss+sentinel://a/m?ca=/ca&sentinel-tls=no', { ca: '/ca' }, undefined],
  ])('TLS of %s', (text, data, sentinels) => {
    const endpoint = parseEndpoint(text);
    expect(endpoint.tls).toEqual(data);
    expect(endpoint.sentinel?.tls).toEqual(sentinels);
  });

  test.each([
    ['localhost:6379', 'is not a connection string: expected redis://'],
    ['', "'' is not a connection string"],
    ['http://h', "unknown scheme 'http://'"],
    ['redis://', 'names no host'],
    ['redis://h:99999', 'has port 99999, which is over 65535'],
    ['redis://h:0', 'port 0'],
    ['redis://h:x', "the host 'h:x'"],
    ['redis://h/abc', "the database 'abc': expected a number"],
    ['redis://h/1/2', "the database '1/2'"],
    ['redis://h?x=1', "options after '\\?'"],
    ['redis://h#1', "has a '#'"],
    ['redis://a:1,b:2', 'names 2 hosts: expected one, or redis\\+cluster://'],
    ['redis://:%zz@h', 'password in .* is not valid percent-encoding'],
    ['unix://tmp/redis.sock', 'three slashes'],
    ['unix:///s?x=1', "unknown option 'x'"],
    ['rediss://h?cert=a.crt', 'only one of cert and key'],
    ['rediss://h?foo=1', "unknown option 'foo': ca, cert, key, servername are known to rediss://"],
    ['rediss://h?ca', "option 'ca' without a value"],
    ['rediss://h?ca=', "option 'ca' without a value"],
    ['rediss://h?ca=a&ca=b', "option 'ca' twice"],
    ['rediss://h?ca=%zz', "option 'ca' in .* is not valid percent-encoding"],
    ['redis+cluster://', 'names no host'],
    ['redis+cluster://a:1,b:2/1', 'has the database 1: a Cluster has only database 0'],
    ['redis+cluster://a:1, b:2', 'has a space among its hosts'],
    ['redis+cluster://a:1,,b:2', 'has an empty element'],
    ['redis+cluster://a:1,', 'has an empty element'],
    ['redis+cluster://a:1,b:2,A:1', 'names A:1 twice'],
    ['redis+cluster://a,a:6379', 'names a:6379 twice'],
    ['redis+cluster://[::1]:1,[0::1]:1', 'names \\[::1\\]:1 twice'],
    ['redis+cluster://a:1,b:0', 'port 0'],
    ['redis+cluster://a:1,b:65536', 'has port 65536, which is over 65535'],
    ['redis+cluster://a:1,::1', "the host '::1': expected .* IPv6 address in brackets"],
    ['redis+cluster://[1.2.3.4]:1', "the host '\\[1.2.3.4\\]:1'"],
    ['redis+cluster://a:1?ca=x', 'redis\\+cluster:// takes none'],
    ['rediss+cluster://a:1?sentinel-tls=no', "unknown option 'sentinel-tls'"],
    ['redis+sentinel://a:1', 'names no master: expected redis\\+sentinel://host:port,host:port/master-name'],
    ['redis+sentinel://a:1/', 'names no master'],
    ['redis+sentinel://a:1//2', 'names no master'],
    ['redis+sentinel://a:1/m/x', "the database 'x'"],
    ['redis+sentinel://a:1/m/1/2', "the database '1/2'"],
    ['redis+sentinel://a:1/%zz', "master's name in .* is not valid percent-encoding"],
    ['redis+sentinel://a:1/m?ca=x', "unknown option 'ca': sentinel-username"],
    ['redis+sentinel://a:1/m?sentinel-tls=maybe', 'sentinel-tls=maybe: expected yes or no'],
    ['redis+sentinel://a:1/m?sentinel-username=u', 'sentinel-username without sentinel-password'],
    ['redis+sentinel://a:1/m?sentinel-ca=x', 'has sentinel-ca, but reaches the sentinels without TLS'],
    ['rediss+sentinel://a:1/m?sentinel-tls=no&sentinel-servername=x', 'has sentinel-servername, but'],
    ['redis+sentinel://a:1/m?sentinel-tls=yes&sentinel-key=x', 'only one of sentinel-cert and sentinel-key'],
  ])('refuses %s', (text, message) => {
    expect(() => parseEndpoint(text)).toThrow(ConfigError);
    expect(() => parseEndpoint(text)).toThrow(new RegExp(message));
  });

  test.each([
    ['redis://app:hunter2@h:1/2', 'redis://app:***@h:1/2'],
    ['redis://app:hun"ter2 hunter2@h', 'redis://app:***@h'],
    ['redis://me@corp:hunter2@h', 'redis://me@corp:***@h'],
    ['redis+cluster://app:hunter2@a:1,b:2', 'redis+cluster://app:***@a:1,b:2'],
    ['redis+sentinel://:hunter2@a/m?sentinel-password=hunter2', 'redis+sentinel://:***@a/m?sentinel-password=***'],
    [
      "redis+sentinel://a:1/m?sentinel-password=hunter2'hunter2&sentinel-username=u",
      'redis+sentinel://a:1/m?sentinel-password=***&sentinel-username=u',
    ],
  ])('the url of %s has no password', (text, url) => {
    expect(parseEndpoint(text).url).toBe(url);
  });

  test.each([
    'redis://u:hunter2@h/abc',
    'http://u:hunter2@h',
    'redis://u:hunter2@h:99999',
    'rediss://:hunter2@h?foo=1',
    'u:hunter2@h:6379',
    'redis:/u:hunter2@h',
    'redis://u:12/hunter2@h',
    'redis://u:12?hunter2@h',
    'redis://u:12#hunter2@h',
    'rediss://u:12?hunter2=1@h',
    'redis://u/v:hunter2@h',
    'redis+cluster://u:12,x/hunter2@a:1,b:2',
    'redis+cluster://u:hunter2@a:1,,b:2',
    'redis+cluster://u:hunter2@a:1, b:2',
    'redis+sentinel://u:hunter2@a',
    'redis+sentinel://a:1?sentinel-password=hunter2',
    'redis+sentinel://a:1/m?sentinel-password=x@hunter2',
    'redis+sentinel://a:1/m?sentinel-password=x#hunter2',
    'redis+sentinel://a:1/m?sentinel-password=%zzhunter2',
    'redis+sentinel://a:1/m?sentinel%2Dpassword=hunter2',
  ])('the refusal of %s shows no password', (text) => {
    expect(() => parseEndpoint(text)).toThrow(ConfigError);
    expect(() => parseEndpoint(text)).toThrow(/\*\*\*/);
    expect(() => parseEndpoint(text)).not.toThrow(/hunter2/);
  });
});

test.each([
  ['redis://h:6379/0', 'redis://h:6379/0'],
  ['redis://:p@h', 'redis://:***@h'],
  ['redis://u:p:with@signs/@h:1', 'redis://u:***@h:1'],
  ['cannot reach redis://u:p@a and "redis://v:q@b"', 'cannot reach redis://u:***@a and "redis://v:***@b"'],
  ['unix://u:p@/tmp/s', 'unix://u:***@/tmp/s'],
  ['rediss://h?key=/etc/k&ca=/etc/ca', 'rediss://h?key=***&ca=/etc/ca'],
  [
    'redis+sentinel://u:p@a:1,b:2/m?sentinel-password=q&x=1',
    'redis+sentinel://u:***@a:1,b:2/m?sentinel-password=***&x=1',
  ],
  ['redis+sentinel://a:1/m?sentinel-password=p@q', 'redis+sentinel://a:***@***'],
  ['redis://u:p?key=q@h', 'redis://u:***@***'],
  ['redis+cluster://a:1,b:2', 'redis+cluster://a:1,b:2'],
  ['nothing here', 'nothing here'],
])('redactUrl(%s)', (text, expected) => {
  expect(redactUrl(text)).toBe(expected);
});
