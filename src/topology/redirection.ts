/**
 * The errors by which a server says that another one has to be asked, or the same one later. Pure.
 *
 *   MOVED slot host:port   that node serves the slot now
 *   ASK slot host:port     that node has this key, while the slot is on its way; ASKING goes before the command
 *   TRYAGAIN               some of the command's keys are here and some there
 *   CLUSTERDOWN            nobody serves the slot now
 *   READONLY               the node is a replica now
 *
 * None of them executed anything. https://redis.io/docs/reference/cluster-spec
 */
export const NO_REDIRECTION = 0;
export const MOVED = 1;
export const ASK = 2;
export const TRYAGAIN = 3;
export const CLUSTERDOWN = 4;
export const READONLY = 5;
export type Redirection = 0 | 1 | 2 | 3 | 4 | 5;

const MINUS = 0x2d;
const FIRST: Readonly<Record<number, readonly [text: Buffer, kind: Redirection]>> = {
  77: [Buffer.from('-MOVED '), MOVED],
  65: [Buffer.from('-ASK '), ASK],
  84: [Buffer.from('-TRYAGAIN '), TRYAGAIN],
  67: [Buffer.from('-CLUSTERDOWN '), CLUSTERDOWN],
  82: [Buffer.from('-READONLY '), READONLY],
};

export function redirectionIn(buf: Buffer, start: number, end: number): Redirection {
  if (buf[start] !== MINUS) return NO_REDIRECTION;
  const candidate = FIRST[buf[start + 1]!];
  if (candidate === undefined) return NO_REDIRECTION;
  const [text, kind] = candidate;
  if (end - start < text.length) return NO_REDIRECTION;
  for (let i = 2; i < text.length; i++) if (buf[start + i] !== text[i]) return NO_REDIRECTION;
  return kind;
}

export interface RedirectedTo {
  readonly slot: number;
  /** '' means the host that said it. */
  readonly host: string;
  readonly port: number;
}

/** Of a MOVED or ASK; null when it is not in their form (a script may say anything). */
export function redirectedTo(buf: Buffer, start: number, end: number): RedirectedTo | null {
  const match = /^-(?:MOVED|ASK) (\d{1,5}) (.*):(\d{1,5})\r\n$/.exec(buf.toString('latin1', start, end));
  if (match === null) return null;
  const host = match[2]!.replace(/^\[(.*)\]$/, '$1');
  return { slot: Number(match[1]), host: host === '?' ? '' : host, port: Number(match[3]) };
}
