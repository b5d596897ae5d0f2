/**
 * Connection strings: what they mean, what is refused and with which words, and that no password is shown.
 */
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/config/errors.js';
import { parseEndpoint, redactUrl } from '../../../src/config/url.js';

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

  test.each([
    ['localhost:6379', 'is not a connection string: expected redis://'],
    ['', "'' is not a connection string"],
    ['http://h', "unknown scheme 'http://'"],
    ['redis://', 'names no host|is not a URL'],
    ['redis://h:99999', 'has port 99999, which is over 65535'],
    ['redis://h:0', 'port 0'],
    ['redis://h/abc', "the database 'abc': expected a number"],
    ['redis://h/1/2', "the database '1/2'"],
    ['redis://h?x=1', "options after '\\?'"],
    ['redis://:%zz@h', 'password in .* is not valid percent-encoding'],
    ['unix://tmp/redis.sock', 'three slashes'],
    ['unix:///s?x=1', "unknown option 'x'"],
    ['rediss://h?cert=a.crt', 'only one of cert and key'],
    ['rediss://h?foo=1', "unknown option 'foo'"],
    ['redis+cluster://a:1,b:2', 'Cluster .* is not supported yet'],
    ['redis+sentinel://a:1/mymaster', 'Sentinel .* is not supported yet'],
  ])('refuses %s', (text, message) => {
    expect(() => parseEndpoint(text)).toThrow(ConfigError);
    expect(() => parseEndpoint(text)).toThrow(new RegExp(message));
  });

  test('never shows a password, valid URL or not', () => {
    expect(parseEndpoint('redis://app:hunter2@h:1/2').url).toBe('redis://app:***@h:1/2');
    for (const text of [
      'redis://u:hunter2@h/abc',
      'http://u:hunter2@h',
      'redis://u:hunter2@h:99999',
      'rediss://:hunter2@h?foo=1',
    ]) {
      expect(() => parseEndpoint(text)).toThrow(/\*\*\*@h/);
      expect(() => parseEndpoint(text)).not.toThrow(/hunter2/);
    }
  });
});

test.each([
  ['redis://h:6379/0', 'redis://h:6379/0'],
  ['redis://:p@h', 'redis://:***@h'],
  ['redis://u:p:with@signs/@h:1', 'redis://u:***@h:1'],
  ['cannot reach redis://u:p@a and "redis://v:q@b"', 'cannot reach redis://u:***@a and "redis://v:***@b"'],
  ['unix://u:p@/tmp/s', 'unix://u:***@/tmp/s'],
  ['rediss://h?key=/etc/k&ca=/etc/ca', 'rediss://h?key=***&ca=/etc/ca'],
  ['nothing here', 'nothing here'],
])('redactUrl(%s)', (text, expected) => {
  expect(redactUrl(text)).toBe(expected);
});
