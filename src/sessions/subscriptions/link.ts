/**
 * One connection to one server on which it speaks by itself, under a client's own identity.
 *
 *   server ──► confirmation, message, pong ──► LinkListener
 *
 * What it was subscribed to has to be subscribed to again when it had to be made anew (`connected`).
 * https://redis.io/docs/interact/pubsub
 */
import type { Lane } from '../../lanes/lane.js';
import type { ServerNode } from '../../lanes/server-node.js';
import type { Upstream } from '../../lanes/upstream.js';
import { encodeCommand } from '../../resp/encode.js';
import { isError } from '../../resp/values.js';
import type { Session } from '../session.js';

export const KINDS = ['subscribe', 'psubscribe', 'ssubscribe'] as const;
export type SubscriptionKind = (typeof KINDS)[number];
/** The names that a client is subscribed to (one character per byte). */
export type Names = Readonly<Record<SubscriptionKind, ReadonlySet<string>>>;

const PING = encodeCommand(['PING']);
const BULK_START = 0x24;

export interface LinkListener {
  /** A confirmation, or an error in its place. `kind` is its first word, 'error' for an error. */
  confirmed(link: Link, kind: string, buf: Buffer, start: number, end: number): void;
  message(link: Link, kind: string, buf: Buffer, start: number, end: number): void;
  /** It was made anew: the server knows nothing of it. */
  connected(link: Link): void;
  cut(link: Link): void;
  /** Another server has the place of the one that it is connected to; it hears nothing any more. */
  moved(link: Link): void;
}

export class Link {
  readonly lane: Lane;
  private pongs: (() => void)[] = [];
  /** What was sent may be lost: everything is subscribed to again. */
  private wasCut = false;

  constructor(
    side: Upstream,
    readonly node: ServerNode,
    session: Session,
    private readonly listener: LinkListener,
  ) {
    this.lane = side.listenFor(
      session.identity,
      session.resp,
      {
        onStream: (buf, start, end) => this.received(buf, start, end),
        onUp: () => this.connected(),
        onCut: () => {
          this.wasCut = true;
          this.listener.cut(this);
        },
        onMoved: () => this.listener.moved(this),
      },
      node,
    );
  }

  send(frame: Buffer, start: number, end: number): void {
    this.lane.sendPart(frame, start, end);
  }

  /** Calls back when everything that the server had sent before was received; over a new connection, if need be. */
  settle(done: () => void): void {
    this.pongs.push(done);
    this.send(PING, 0, PING.length);
  }

  /** Subscribes to all these names. */
  subscribe(kinds: readonly SubscriptionKind[], names: Names): void {
    for (const kind of kinds) {
      if (names[kind].size === 0) continue;
      const frame = encodeCommand([kind, ...[...names[kind]].map((name) => Buffer.from(name, 'latin1'))]);
      this.send(frame, 0, frame.length);
    }
  }

  close(): void {
    this.lane.close();
    const { pongs } = this;
    this.pongs = [];
    for (const done of pongs) done();
  }

  private connected(): void {
    if (!this.wasCut) return;
    this.wasCut = false;
    this.listener.connected(this);
    for (const _ of this.pongs) this.send(PING, 0, PING.length);
  }

  private received(buf: Buffer, start: number, end: number): void {
    if (isError(buf, start)) {
      this.listener.confirmed(this, 'error', buf, start, end);
      return;
    }
    const kind = kindOf(buf, start);
    if (kind.endsWith('message')) this.listener.message(this, kind, buf, start, end);
    else if (kind === 'pong') this.pongs.shift()?.();
    else this.listener.confirmed(this, kind, buf, start, end);
  }
}

/** The first word: of `*3 $7 message …`, of the RESP3 push, of `+PONG`. */
function kindOf(buf: Buffer, start: number): string {
  const lineEnd = buf.indexOf('\r\n', start);
  if (buf[lineEnd + 2] !== BULK_START) return buf.toString('latin1', start + 1, lineEnd).toLowerCase();
  return wordAt(buf, start, 0);
}

/** The `index`-th word of a push or array of bulk strings, one character per byte. */
export function wordAt(buf: Buffer, start: number, index: number): string {
  let at = buf.indexOf('\r\n', start) + 2;
  for (let i = 0; ; i++) {
    const wordStart = buf.indexOf('\r\n', at) + 2;
    const bytes = Number(buf.toString('latin1', at + 1, wordStart - 2));
    if (i === index) return buf.toString('latin1', wordStart, wordStart + bytes);
    at = wordStart + bytes + 2;
  }
}
