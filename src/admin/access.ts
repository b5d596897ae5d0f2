/**
 * Who may call the admin API.
 *
 * With a token: whoever sends `Authorization: Bearer TOKEN`. Open are only /healthz and /readyz, for load balancers, and the
 * files of the dashboard, for a browser: it cannot send a token before the page that asks for it is there. They are the same in
 * every Ferry and say nothing of this one; a program that asks for `/` is told about the token as everywhere.
 * Without one: whoever can reach a loopback address, under a loopback name. The name is checked because a web page can
 * point a host name of its own at 127.0.0.1 and then count as the same origin.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isLoopback } from '../config/loopback.js';

const OPEN_PATHS = new Set(['/healthz', '/readyz']);

/** `pages`: the paths of the dashboard's files. */
export function accessGuard(token: string | null, pages: ReadonlySet<string>) {
  const expected = token === null ? null : digest(`Bearer ${token}`);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const path = request.url.split('?')[0] ?? '';
    if (OPEN_PATHS.has(path)) return undefined;
    if (isForeign(request)) return reply.code(403).send({ error: 'A page of another origin may not call this.' });
    if (expected === null) {
      if (isLoopback(hostName(request.headers.host ?? ''))) return undefined;
      return reply.code(403).send({ error: 'Without a token the admin API answers only to a loopback host name.' });
    }
    if (isPage(request, path, pages)) return undefined;
    // the scheme's case does not matter (RFC 9110, 11.1)
    const given = (request.headers.authorization ?? '').replace(/^bearer /i, 'Bearer ');
    if (timingSafeEqual(digest(given), expected)) return undefined;
    reply.header('www-authenticate', 'Bearer');
    return reply.code(401).send({ error: 'The admin token is missing or wrong.' });
  };
}

/** A browser that is to show something says that it takes HTML. */
function isPage({ method, headers }: FastifyRequest, path: string, pages: ReadonlySet<string>): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || !pages.has(path)) return false;
  return path !== '/' || headers.accept?.includes('text/html') === true;
}

/** A browser says so where a request comes from; programs name no origin. */
function isForeign({ method, headers }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  const { origin, host } = headers;
  if (headers['sec-fetch-site'] === 'cross-site') return true;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase();
}

/** Equal lengths, as timingSafeEqual needs them. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function hostName(header: string): string {
  return header
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}
