/** What an error means to a command that was woken, by the server's version. */
import { expect, test } from 'vitest';
import { isAboutKey, meaningOf, runsWhole } from '../../../../src/sessions/blocking/woken.js';

const WRONGTYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
const NOGROUP = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option\r\n";
const STREAM_GONE = '-UNBLOCKED the stream key no longer exists\r\n';
const GROUP_GONE = '-NOGROUP the consumer group this client was blocked on no longer exists\r\n';

const GROUP = { kind: 'group g', type: 'stream' } as const;
const LIST = { kind: 'list', type: 'list' } as const;

test.each([
  [WRONGTYPE, LIST, 'string', '7.0.15', 'wait'],
  [WRONGTYPE, LIST, 'none', '7.0.15', 'wait'],
  [WRONGTYPE, LIST, 'list', '7.0.15', 'again'],
  [WRONGTYPE, LIST, 'list', '8.0.2', 'again'],
  [NOGROUP, GROUP, 'none', '7.0.15', STREAM_GONE],
  [WRONGTYPE, GROUP, 'string', '7.0.15', STREAM_GONE],
  [WRONGTYPE, GROUP, 'stream', '7.0.15', STREAM_GONE],
  [NOGROUP, GROUP, 'stream', '7.0.15', GROUP_GONE],
  [NOGROUP, GROUP, 'none', '6.2.14', 'wait'],
  [WRONGTYPE, GROUP, 'string', '6.2.14', 'wait'],
  [NOGROUP, GROUP, 'stream', '6.2.14', GROUP_GONE],
] as const)('%s for %o, whose key is a %s, of %s', (error, command, type, version, meaning) => {
  expect(String(meaningOf(error, command, type, version))).toBe(meaning);
});

test('only errors about the key are asked about, and of a group none since 7.2', () => {
  expect(isAboutKey('-WRONGTYPE', 'list', '8.0.2')).toBe(true);
  expect(isAboutKey('-NOPERM No', 'list', '7.0.15')).toBe(false);
  expect(isAboutKey('-NOGROUP N', 'group g', '7.0.15')).toBe(true);
  expect(isAboutKey('-NOGROUP N', 'group g', '7.2.0')).toBe(false);
});

test('since 7.2 the whole command runs again', () => {
  expect(['6.2.14', '7.0.15', '7.2.0', '8.0.2', '10.0.0'].map(runsWhole)).toEqual([false, false, true, true, true]);
});
