/**
 * A TCP fault injector between Ferry and one server. It forwards bytes in order per connection, and can be told to be:
 *
 *   slow        latency: every chunk waits; bandwidth: so many bytes per second in each direction
 *   half-open   bytes vanish in both directions, without FIN or RST. A connection that lost bytes stays dead for ever, as
 *               after a router forgot it; one that was made meanwhile is reset when the fault is over
 *   resetting   a connection is reset after so many more bytes, wherever that is in a frame, requests or replies
 *   reordering  Ferry's ends of all connections are closed, the server's stay open and keep what was on its way; `release`
 *               delivers it, long after Ferry has new connections, unless the server's ends were killed meanwhile
 *   lying       the first byte of the next reply chunk is another one
 *
 * It reads nothing of what passes. `heal` ends every fault that lasts.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../history/random.js';

export interface Weather {
  /** each chunk is on its way for so long, and up to half as much more */
  readonly latencyMs: number;
  /** 0: no limit */
  readonly bytesPerSecond: number;
  readonly vanishes: boolean;
}

export const FAIR: Weather = { latencyMs: 0, bytesPerSecond: 0, vanishes: false };

const PIECES_PER_SECOND = 20;
/** No reply of Redis begins with one of these. */
const NO_TYPES = [0x00, 0x78, 0xff, 0x0a];

export class Injector {
  weather: Weather = FAIR;
  /** Connections whose bytes wait for `release`. */
  private readonly orphans = new Set<Link>();
  private readonly links = new Set<Link>();
  private readonly server: Server;

  private constructor(
    private readonly serverPort: number,
    readonly random: Random,
  ) {
    this.server = createServer({ noDelay: true }, (near) => {
      const link = new Link(this, near, this.serverPort);
      this.links.add(link);
    });
  }

  static async to(serverPort: number, random: Random): Promise<Injector> {
    const injector = new Injector(serverPort, random);
    injector.server.listen(0, '127.0.0.1');
    await once(injector.server, 'listening');
    return injector;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Connections that Ferry has now. */
  get connections(): number {
    return this.links.size;
  }

  /** Each connection is reset within its next `bytes` bytes. */
  resetWithin(bytes: number): void {
    for (const link of this.links) link.resetAfter(1 + this.random.below(bytes));
  }

  /** Ferry's ends are closed; what is and was on its way to the server waits. */
  orphan(): void {
    for (const link of this.links) {
      this.orphans.add(link);
      link.abandon();
    }
    this.links.clear();
  }

  /** What waits is delivered. Resolves to the number of bytes that still found a server's end. */
  release(): number {
    let bytes = 0;
    for (const link of this.orphans) bytes += link.deliverLate();
    this.orphans.clear();
    return bytes;
  }

  /** The next reply chunk of each connection begins with another byte. */
  corrupt(): void {
    for (const link of this.links) link.corrupts = true;
  }

  heal(): void {
    this.weather = FAIR;
    this.release();
    for (const link of this.links) link.heal();
  }

  forget(link: Link): void {
    this.links.delete(link);
  }

  noType(): number {
    return this.random.pick(NO_TYPES);
  }

  async close(): Promise<void> {
    this.release();
    for (const link of this.links) link.end();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** One connection: `near` is Ferry's end, `far` the server's. */
class Link {
  /** of the next reply chunk */
  corrupts = false;
  private readonly far: Socket;
  private readonly requests: Direction;
  private readonly replies: Direction;
  private readonly bornInVoid: boolean;
  private abandoned = false;
  private bytesLeft = Number.POSITIVE_INFINITY;

  constructor(
    private readonly injector: Injector,
    private readonly near: Socket,
    serverPort: number,
  ) {
    this.bornInVoid = injector.weather.vanishes;
    this.far = connect({ port: serverPort, host: '127.0.0.1', noDelay: true });
    this.requests = new Direction(injector, this.far);
    this.replies = new Direction(injector, near);
    near.on('data', (chunk) => this.pass(this.requests, chunk));
    this.far.on('data', (chunk) => {
      if (this.corrupts) {
        this.corrupts = false;
        chunk[0] = injector.noType();
      }
      this.pass(this.replies, chunk);
    });
    near.on('error', () => {});
    this.far.on('error', () => {});
    near.on('close', () => {
      if (this.abandoned) return;
      injector.forget(this);
      if (this.requests.isDead) this.far.destroy();
      else this.requests.whenEmpty(() => this.far.end());
    });
    this.far.on('close', () => {
      if (this.abandoned) return;
      // a peer whose packets vanish cannot say good-bye either
      if (this.replies.isDead || injector.weather.vanishes) return;
      injector.forget(this);
      this.replies.whenEmpty(() => near.end());
    });
  }

  private pass(direction: Direction, chunk: Buffer): void {
    if (chunk.length < this.bytesLeft) {
      this.bytesLeft -= chunk.length;
      direction.push(chunk);
      return;
    }
    direction.push(chunk.subarray(0, this.bytesLeft));
    direction.whenEmpty(() => this.end());
  }

  resetAfter(bytes: number): void {
    this.bytesLeft = bytes;
  }

  abandon(): void {
    this.abandoned = true;
    this.replies.kill();
    this.requests.hold();
    // what Ferry's kernel has sent and nobody read yet is on its way too
    this.near.end();
    this.near.on('end', () => this.near.destroy());
    setTimeout(() => this.near.destroy(), 50).unref();
  }

  deliverLate(): number {
    const bytes = this.far.destroyed ? 0 : this.requests.letGo();
    this.far.end();
    setTimeout(() => this.far.destroy(), 200).unref();
    return bytes;
  }

  heal(): void {
    this.bytesLeft = Number.POSITIVE_INFINITY;
    this.corrupts = false;
    if (this.bornInVoid) this.end();
    else {
      this.requests.hurry();
      this.replies.hurry();
    }
  }

  end(): void {
    this.injector.forget(this);
    this.requests.kill();
    this.replies.kill();
    this.near.resetAndDestroy();
    this.far.destroy();
  }
}

/** Chunks on their way to `to`, in order, each with a time before which it does not arrive. */
class Direction {
  /** It lost bytes: nothing arrives any more. */
  isDead = false;
  private readonly queue: { readonly chunk: Buffer; readonly atMs: number }[] = [];
  private timer: NodeJS.Timeout | null = null;
  private lastAtMs = 0;
  private held = false;
  private whenDone: (() => void) | null = null;

  constructor(
    private readonly injector: Injector,
    private readonly to: Socket,
  ) {}

  push(chunk: Buffer): void {
    const { bytesPerSecond, vanishes } = this.injector.weather;
    if (vanishes) this.kill();
    // a narrow line delivers bit by bit
    const most = bytesPerSecond === 0 ? chunk.length : Math.ceil(bytesPerSecond / PIECES_PER_SECOND);
    for (let at = 0; at < chunk.length && !this.isDead; at += most) this.pushPiece(chunk.subarray(at, at + most));
  }

  private pushPiece(chunk: Buffer): void {
    const { latencyMs, bytesPerSecond } = this.injector.weather;
    const nowMs = performance.now();
    const tripMs = latencyMs === 0 ? 0 : latencyMs + this.injector.random.below(latencyMs / 2 + 1);
    const transferMs = bytesPerSecond === 0 ? 0 : (chunk.length / bytesPerSecond) * 1000;
    this.lastAtMs = Math.max(this.lastAtMs + transferMs, nowMs + tripMs + transferMs);
    if (this.queue.length === 0 && !this.held && this.lastAtMs <= nowMs) {
      this.to.write(chunk);
      return;
    }
    this.queue.push({ chunk: Buffer.from(chunk), atMs: this.lastAtMs });
    this.schedule();
  }

  hold(): void {
    this.held = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** Everything that was held, at once. */
  letGo(): number {
    let bytes = 0;
    for (const { chunk } of this.queue.splice(0)) {
      bytes += chunk.length;
      this.to.write(chunk);
    }
    return bytes;
  }

  /** The weather is fair again. */
  hurry(): void {
    if (this.held || this.isDead) return;
    this.lastAtMs = 0;
    this.letGo();
    this.emptied();
  }

  whenEmpty(then: () => void): void {
    this.whenDone = then;
    if (this.queue.length === 0) this.emptied();
  }

  kill(): void {
    this.isDead = true;
    this.queue.length = 0;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private emptied(): void {
    const { whenDone } = this;
    this.whenDone = null;
    whenDone?.();
  }

  private schedule(): void {
    const first = this.queue[0];
    if (first === undefined || this.timer !== null || this.held) return;
    this.timer = setTimeout(() => this.deliver(), Math.max(0, first.atMs - performance.now()));
  }

  private deliver(): void {
    this.timer = null;
    const nowMs = performance.now();
    while (this.queue.length > 0 && this.queue[0]!.atMs <= nowMs + 0.5) this.to.write(this.queue.shift()!.chunk);
    if (this.queue.length === 0) this.emptied();
    else this.schedule();
  }
}
