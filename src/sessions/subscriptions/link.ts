/**
 * One connection of a subscribed client to one side, under the client's own identity.
 *
 *   server ──► confirmation, message, pong ──► LinkListener
 *
 * It subscribes again by itself when it had to be made anew. Whether what it hears reaches the client is decided by its
 * owner: only the authority's messages do. https://redis.io/docs/interact/pubsub
 */
import type { Lane } from '../../lanes/lane.js';
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
  /** A confirmation, or an error in its place. */
  confirmed(link: Link, buf: Buffer, start: number, end: number): void;
  message(link: Link, buf: Buffer, start: number, end: number): void;
  cut(link: Link): void;
  /** Another server has the place of the one that it is connected to; it hears nothing any more. */
  moved(link: Link): void;
}

export class Link {
  readonly lane: Lane;
  /** The server's refusal, when it does not let this client subscribe there. */
  refusal = '';
  private pongs: (() => void)[] = [];
  /** What was sent may be lost: everything is subscribed to again. */
  private wasCut = false;

  constructor(
    readonly side: Upstream,
    session: Session,
    private readonly names: Names,
    private readonly listener: LinkListener,
  ) {
    this.lane = side.listenFor(session.identity, session.resp, {
      onStream: (buf, start, end) => this.received(buf, start, end),
      onUp: () => this.connected(),
      onCut: () => {
        this.pongs = [];
        this.wasCut = true;
        this.listener.cut(this);
      },
      onMoved: () => this.listener.moved(this),
    });
  }

  send(frame: Buffer, start: number, end: number): void {
    this.lane.sendPart(frame, start, end);
  }

  /** Calls back when everything that the server had sent before was received. */
  settle(done: () => void): void {
    this.pongs.push(done);
    this.send(PING, 0, PING.length);
  }

  /** Subscribes to everything that the client is subscribed to. */
  subscribe(): void {
    for (const kind of KINDS) {
      const names = this.names[kind];
      if (names.size === 0) continue;
      const frame = encodeCommand([kind, ...[...names].map((name) => Buffer.from(name, 'latin1'))]);
      this.send(frame, 0, frame.length);
    }
  }

  close(): void {
    this.lane.close();
  }

  private connected(): void {
    if (this.wasCut) this.subscribe();
    this.wasCut = false;
  }

  private received(buf: Buffer, start: number, end: number): void {
    if (isError(buf, start)) {
      this.refusal = buf.toString('latin1', start + 1, end - 2);
      this.listener.confirmed(this, buf, start, end);
      return;
    }
    const kind = kindOf(buf, start);
    if (kind.endsWith('message')) this.listener.message(this, buf, start, end);
    else if (kind === 'pong') this.pongs.shift()?.();
    else this.listener.confirmed(this, buf, start, end);
  }
}

/** The first word: of `*3 $7 message …`, of the RESP3 push, of `+PONG`. */
function kindOf(buf: Buffer, start: number): string {
  const lineEnd = buf.indexOf('\r\n', start);
  if (buf[lineEnd + 2] !== BULK_START) return buf.toString('latin1', start + 1, lineEnd).toLowerCase();
  const wordStart = buf.indexOf('\r\n', lineEnd + 2) + 2;
  const bytes = Number(buf.toString('latin1', lineEnd + 3, wordStart - 2));
  return buf.toString('latin1', wordStart, wordStart + bytes);
}
