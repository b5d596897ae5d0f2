/**
 * Who makes an admin call: the address of the connection, and the name that the caller gives itself (`X-Ferry-By`).
 *
 * The address is a fact, as far as nothing stands in between; the name is what somebody says. It may be percent-encoded,
 * since a header has no room for other letters; what cannot be printed is left out, and a long one is cut.
 */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../phases/state.js';

export const CALLER_HEADER = 'x-ferry-by';

const NAME_MAX = 64;

export function callerOf({ headers, socket }: Pick<FastifyRequest, 'headers' | 'socket'>): Actor {
  const given = headers[CALLER_HEADER];
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return { name: typeof given === 'string' ? printable(given) : '', address };
}

function printable(given: string): string {
  let text = given;
  try {
    text = decodeURIComponent(given);
  } catch {
    // it has a percent sign of its own
  }
  const letters = [...text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').trim()];
  return letters.slice(0, NAME_MAX).join('').trim();
}
