/** Why a side cannot be used, for people, with what to do about it: the first thing that somebody sees who sets Ferry up. */
import { StartError } from '../config/errors.js';
import type { Endpoint } from '../config/url.js';
import type { Side } from '../phases/phase.js';

export function cannotBeUsed(side: Side, endpoint: Endpoint, error: unknown): StartError {
  const reason = reasonOf(error);
  return new StartError(
    3,
    `The ${side} ${endpoint.url} cannot be used: ${reason}. ${adviceOn(reason, side, endpoint)}`,
  );
}

/** One line, without a full stop. */
export function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  const [line = ''] = (message || code || String(error)).trim().split('\n');
  return line.replace(/\.$/, '');
}

function adviceOn(reason: string, side: Side, { tls, kind }: Endpoint): string {
  const isOfSentinels = reason.startsWith('no sentinel answers');
  const isTls = tls !== undefined;
  if (/NOAUTH|WRONGPASS|invalid password/.test(reason)) {
    return isOfSentinels
      ? 'Sentinels have a login of their own: ?sentinel-username= and ?sentinel-password= in the URL.'
      : `Check user and password: in the URL, or of --${side}-credentials-file and its like.`;
  }
  if (/^NOPERM/.test(reason)) return `\`ferry preflight\` prints the rights that Ferry's account needs on the ${side}.`;
  if (/self[- ]signed certificate|unable to (verify|get)/.test(reason)) {
    return `Name the file with the authority that signed its certificate: ?${isOfSentinels ? 'sentinel-' : ''}ca=FILE in the URL.`;
  }
  if (/certificate has expired|not yet valid/.test(reason))
    return 'Renew the certificate there, and look at the clocks.';
  if (isTls && /certificate required|unknown ca|alert|ECONNRESET|EPIPE|closed/i.test(reason)) {
    return 'It may want a certificate that it knows: ?cert=FILE&key=FILE in the URL.';
  }
  if (isTls && /does not answer|wrong version number|packet length/.test(reason)) {
    return 'Check that the server runs and speaks TLS there; if it does not, the URL begins with redis.';
  }
  if (/ECONNRESET|EPIPE|closed/.test(reason))
    return 'Check that the server runs; if it expects TLS, the URL begins with rediss.';
  if (kind === 'sentinel' && reason.startsWith('no sentinel knows'))
    return 'Check the name behind the slash of the URL.';
  return 'Check that the server runs and that the URL is right.';
}
