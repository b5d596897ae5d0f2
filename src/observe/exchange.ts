/**
 * One question to an HTTP server and its answer, whole. By node:http, since loading what is behind fetch takes longer than
 * most questions; https is loaded only for an address that asks for it, and not by `import()`, which the bundle that the
 * command runs from has no loader for (bin/bundle.js).
 */
import { type ClientRequest, type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http';

const CONNECT_LIMIT_MS = 10_000;

export interface Answer {
  readonly code: number;
  readonly text: string;
}

/** Rejects when there is no whole answer; `code` of the error says why. `limitMs`: how long it may be silent. */
export async function exchange(
  address: string,
  method: 'GET' | 'POST',
  headers: Record<string, string>,
  body: string | undefined,
  limitMs: number,
): Promise<Answer> {
  const url = new URL(address);
  const send = url.protocol === 'https:' ? process.getBuiltinModule('node:https').request : plainRequest;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { method, headers: { ...headers, ...length } };
    const request: ClientRequest = send(url, options, (response) => {
      whole(response).then((text) => resolve({ code: response.statusCode ?? 0, text }), reject);
    });
    const giveUp = (what: string): unknown => request.destroy(Object.assign(new Error(what), { code: 'ETIMEDOUT' }));
    request.on('socket', (socket) => {
      if (!socket.connecting) return;
      const timer = setTimeout(giveUp, Math.min(CONNECT_LIMIT_MS, limitMs), 'no connection');
      socket.once('connect', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
    });
    request.setTimeout(limitMs, () => giveUp('no answer'));
    request.on('error', reject);
    request.end(body);
  });
}

async function whole(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
