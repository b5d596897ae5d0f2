/**
 * A connection on which one server reports every key that changes there: CLIENT TRACKING ON BCAST, RESP3, Ferry's own
 * account. https://redis.io/commands/client-tracking
 *
 *   onKey        a key of any database was changed by anybody, Ferry included; once per turn of the server's loop
 *   onFlush      FLUSHALL or FLUSHDB
 *   onUp         from now on nothing is missed
 *   onDown       something may be missed from now on
 *
 * Expiry and eviction are changes. A PING now and then finds a connection that is silently gone; `roundTrip` resolves when
 * everything that was reported before it was asked has been heard.
 *
 * Why one connection and no NOLOOP: measured on 7.0 (SET of 64 bytes, pipelined), one such connection costs a busy server
 * 60 % of its throughput, unpipelined 16 %, whoever writes and however many lanes there are. NOLOOP with REDIRECT on each
 * lane costs about the same with one lane, but each further one hears of every other lane's writes again (16 lanes: 400
 * bytes for a write of 64), needs the right of each client's user, must be renewed on every lane when the listener
 * reconnects, and its messages do not say which lane they are for. Which changes are Ferry's own is known to Ferry anyway
 * (ledger/own-writes.ts).
 */
import { encodeCommand } from '../resp/encode.js';
import { ReplyFault } from '../resp/values.js';
import { handshakeSteps } from './handshake.js';
import { type HandshakeStep, type Lane, LaneRefused } from './lane.js';
import type { ServerNode } from './server-node.js';

const PING_EVERY_MS = 2000;
const SILENT_MS = 6000;
const PUSH = 0x3e;
const ARRAY = 0x2a;
const PLUS = 0x2b;
const PING = encodeCommand(['PING']);

export interface TrackerEvents {
  /** The key is buf[start, end) as the server calls it, and is overwritten by the next read. */
  onKey(buf: Buffer, start: number, end: number): void;
  onFlush(): void;
  onUp(): void;
  onDown(reason: string): void;
}

export class Tracker {
  private readonly lane: Lane;
  private readonly timer: NodeJS.Timeout;
  private heardMs = performance.now();
  private pongs: (() => void)[] = [];

  constructor(
    readonly node: ServerNode,
    private readonly events: TrackerEvents,
    own: { reread(): { readonly username: string | null; readonly password: string | null } },
    nameFor: (purpose: string) => string,
  ) {
    this.lane = node.open(
      {
        name: 'tracker',
        giveUpOnRefusal: true,
        resp: 3,
        handshake: (lane) => [
          ...handshakeSteps(lane, {
            credentials: own.reread(),
            resp: 3,
            connectionName: nameFor('tracker'),
            dbs: [],
            onRunId: (runId) => node.sawRunId(runId),
          }),
          TRACKING,
        ],
        onStream: (buf, start, end) => this.heard(buf, start, end),
        onUp: () => {
          this.heardMs = performance.now();
          events.onUp();
        },
        onDown: (_lane, reason) => {
          this.pongs = [];
          events.onDown(reason);
        },
      },
      true,
    );
    this.timer = setInterval(() => this.ping(), PING_EVERY_MS);
    this.timer.unref();
  }

  get isUp(): boolean {
    return this.lane.state === 'up';
  }

  /** The server refused it; it is not tried again. '' while it may still come. */
  get refusal(): string {
    return this.lane.state === 'closed' ? this.lane.lastError : '';
  }

  /** False when the connection went, or it takes longer. */
  roundTrip(limitMs: number): Promise<boolean> {
    if (!this.isUp) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      this.pongs.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
      this.lane.sendPart(PING, 0, PING.length);
    });
  }

  close(): void {
    clearInterval(this.timer);
    this.lane.close();
  }

  private ping(): void {
    if (!this.isUp) return;
    if (performance.now() - this.heardMs > SILENT_MS) {
      this.lane.drop('the tracking connection is silent');
      return;
    }
    this.pongs.push(() => {});
    this.lane.sendPart(PING, 0, PING.length);
  }

  private heard(buf: Buffer, start: number, end: number): void {
    this.heardMs = performance.now();
    if (buf[start] === PLUS) {
      this.pongs.shift()?.();
      return;
    }
    if (buf[start] !== PUSH) return;
    // >2 $10 invalidate, then the keys or nil
    let at = lineEnd(buf, lineEnd(buf, start));
    if (buf.toString('latin1', at, at + 10) !== 'invalidate') return;
    at += 12;
    if (buf[at] !== ARRAY) {
      this.events.onFlush();
      return;
    }
    at = lineEnd(buf, at);
    while (at < end) {
      const from = lineEnd(buf, at);
      const to = from + Number(buf.toString('latin1', at + 1, from - 2));
      this.events.onKey(buf, from, to);
      at = to + 2;
    }
  }
}

const TRACKING: HandshakeStep = {
  command: encodeCommand(['CLIENT', 'TRACKING', 'ON', 'BCAST']),
  accept(reply) {
    if (reply instanceof ReplyFault) throw new LaneRefused(reply.message);
    return undefined;
  },
};

/** The place behind the next line break. */
function lineEnd(buf: Buffer, at: number): number {
  return buf.indexOf(10, at) + 1;
}
