/**
 * Who comes in: every new connection waits here until there is room and time for it, whatever others do.
 *
 *   accepted ──► more than `maxClients` (here, or served): refused as by Redis
 *            ├─► plain ─────────────────────────► waiting, oldest first ──► so many per second ──► served
 *            └─► TLS: its first bytes come ─────► waiting, oldest first ──► so many per second ──► handshake ──► served
 *
 * A connection that waits is not read from, and costs its socket only. Nobody is made to wait by a client that is served,
 * and those who are served are not held up by a crowd that wants in: what a new connection costs (a session, a TLS
 * handshake) is spread over time. Of TLS connections that are not through their handshake there are so many and no more:
 * the oldest makes room, so that silent ones keep nobody out.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { HANDSHAKE_TIMEOUT_MS } from './certificates.js';

/** TLS connections that are not through their handshake, at once. */
const HANDSHAKES = 1024;
/** A handshake is about a millisecond of computing, during which nobody else is served. */
const HANDSHAKES_PER_SECOND = 1000;
const NO_ROOM = '-ERR max number of clients reached\r\n';
const NO_MEMORY = '-FERRY the buffers are over the memory limit: try again later\r\n';
const TICK_MS = 10;
/** What comes in one go after a quiet while. */
const BURST_SECONDS = 0.02;

export interface DoorLimits {
  /** Connections in all. */
  readonly maxClients: number;
  /** New connections that are served per second; 0: any number. */
  readonly acceptRate: number;
}

export class Door {
  readonly server: Server;
  /** TLS: from their arrival to the end of their handshake, oldest first. */
  private readonly strangers = new Set<Socket>();
  /** Those that may come in when it is their turn. */
  private readonly waiting: Socket[] = [];
  private head = 0;
  private tokens = 1;
  private refilledMs = performance.now();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly limits: () => DoorLimits,
    /** How many are served. */
    private readonly served: () => number,
    /** Nobody can be served now who is not already. */
    private readonly isFull: () => boolean,
    private readonly serve: (socket: Socket) => void,
    /** Null: plain connections. */
    private readonly tls: TlsServer | null,
  ) {
    this.server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.knock(socket),
    );
    tls?.on('secureConnection', (socket: TLSSocket) => {
      this.isThrough(socket);
      // a client may write everything, close its side and read; during the handshake who hangs up is gone
      socket.allowHalfOpen = true;
      this.serve(socket);
    });
    tls?.on('tlsClientError', (_error: Error, socket: TLSSocket) => {
      this.isThrough(socket);
      socket.destroy();
    });
  }

  /** Accepted, and not served. */
  get outside(): number {
    return this.tls === null ? this.waiting.length - this.head : this.strangers.size;
  }

  /** Nobody comes in any more; those who wait are turned away. */
  close(): void {
    this.server.close();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (const socket of [...this.waiting.splice(0), ...this.strangers]) socket.destroy();
    this.head = 0;
  }

  private knock(socket: Socket): void {
    socket.on('error', () => {});
    const hasRoom = this.served() + this.outside < this.limits().maxClients;
    if (!hasRoom || this.isFull()) {
      // as in Redis a TLS client learns it by the closed connection: there is no way to tell it yet
      if (this.tls === null) socket.end(hasRoom ? NO_MEMORY : NO_ROOM);
      socket.destroySoon();
    } else if (this.tls === null) this.queue(socket);
    else this.awaitHello(socket);
  }

  private awaitHello(socket: Socket): void {
    if (this.strangers.size >= HANDSHAKES) {
      for (const oldest of this.strangers) {
        oldest.destroy();
        this.strangers.delete(oldest);
        break;
      }
    }
    this.strangers.add(socket);
    socket.once('close', () => this.strangers.delete(socket));
    socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => socket.destroy());
    socket.once('end', () => socket.destroy());
    // the bytes stay in the socket, where the handshake takes them from
    socket.once('readable', () => {
      if (socket.readableLength === 0) return; // its end
      socket.setTimeout(0);
      this.queue(socket);
    });
  }

  /** Of two without a name of their own (unix sockets) it does not matter which one is meant. */
  private isThrough({ remoteAddress, remotePort }: TLSSocket): void {
    for (const socket of this.strangers) {
      if (socket.remotePort !== remotePort || socket.remoteAddress !== remoteAddress) continue;
      this.strangers.delete(socket);
      return;
    }
  }

  private queue(socket: Socket): void {
    this.waiting.push(socket);
    if (this.timer === null) this.letIn();
  }

  private letIn(): void {
    this.refill();
    while (this.head < this.waiting.length && this.tokens >= 1) {
      const socket = this.waiting[this.head++]!;
      if (socket.destroyed) continue;
      this.tokens--;
      if (this.tls === null) this.serve(socket);
      else this.tls.emit('connection', socket);
    }
    if (this.head === this.waiting.length || this.head > 1024) {
      this.waiting.splice(0, this.head);
      this.head = 0;
    }
    if (this.waiting.length === 0) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.letIn();
    }, TICK_MS);
  }

  private refill(): void {
    const perSecond = this.perSecond();
    const nowMs = performance.now();
    const most = Math.max(1, perSecond * BURST_SECONDS);
    this.tokens = Math.min(most, this.tokens + ((nowMs - this.refilledMs) / 1000) * perSecond);
    this.refilledMs = nowMs;
  }

  private perSecond(): number {
    const { acceptRate } = this.limits();
    const asked = acceptRate === 0 ? 1e9 : acceptRate;
    return this.tls === null ? asked : Math.min(asked, HANDSHAKES_PER_SECOND);
  }
}
