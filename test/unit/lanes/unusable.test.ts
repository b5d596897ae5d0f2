import { expect, test } from 'vitest';
import { parseEndpoint } from '../../../src/config/url.js';
import { cannotBeUsed } from '../../../src/lanes/unusable.js';

const PLAIN = 'redis://u:hunter2@h:1';
const TLS = 'rediss://u:hunter2@h:1';
const SENTINELS = 'redis+sentinel://a:1,b:2/m';

test.each([
  [PLAIN, 'connect ECONNREFUSED 1.2.3.4:1', /ECONNREFUSED 1\.2\.3\.4:1\. Check that the server runs and that the URL/],
  [PLAIN, 'WRONGPASS invalid username-password pair.', /pair\. Check user and password: .*--source-credentials-file/],
  [PLAIN, "NOPERM this user has no permissions to run the 'time' command", /`ferry preflight` prints the rights/],
  [PLAIN, 'read ECONNRESET', /if it expects TLS, the URL begins with rediss/],
  [TLS, 'self-signed certificate in certificate chain', /: \?ca=FILE/],
  [TLS, 'unable to verify the first certificate', /: \?ca=FILE/],
  [TLS, 'certificate has expired', /Renew/],
  [
    TLS,
    'error:0A00045C:SSL routines:tlsv13 alert certificate required:ssl3.c:1:\n',
    /ssl3\.c:1:\. .*\?cert=FILE&key=FILE/,
  ],
  [TLS, 'h:1 does not answer', /speaks TLS/],
  [SENTINELS, 'no sentinel answers (NOAUTH HELLO must …)', /sentinel-password=/],
  [SENTINELS, "no sentinel knows a master called 'm'", /name behind the slash/],
])('what to do about %s: %s', (url, reason, says) => {
  const { message, exitCode } = cannotBeUsed('source', parseEndpoint(url), new Error(reason));
  expect(exitCode).toBe(3);
  expect(message).toMatch(says);
  expect(message).not.toMatch(/hunter2|\n/);
});
