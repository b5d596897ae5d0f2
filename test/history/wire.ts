/**
 * A slow and breakable network between Ferry and one server: a TCP forwarder that keeps order within a connection and
 * delays every connection on its own, so that what Ferry sent on two lanes arrives, and is answered, in any order.
 *
 * `cut` loses a connection as seen by Ferry only: requests that were on their way still reach the server, a little
 * later, unless the server's end was killed meanwhile (CLIENT KILL). That is what fencing is for.
 *
 * A wire keeps its port for as long as it is open, so that a Cluster's node can announce it; each seed gives it another
 * character (`becomes`) and ends what is left of its connections (`clear`).
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Random } from './random.js';

export interface WireOptions {
  /** one chunk in `delayOneIn` waits */
  readonly delayOneIn: number;
  readonly maxDelayMs: number;
  /** how long requests of a cut connection may stay on their way */
  readonly zombieMs: number;
}

const CALM: WireOptions = { delayOneIn: 1_000_000, maxDelayMs: 1, zombieMs: 0 };

export class Wire {
  private server: Server | null = null;
  private readonly links = new Set<Link>();
  private random = new Random(0);
  private options = CALM;

  constructor(readonly serverPort: number) {}

  /** From now on; connections that there are keep what they have. */
  becomes(random: Random, options: WireOptions): void {
    this.random = random;
    this.options = options;
  }

  get port(): number {
    return (this.server!.address() as AddressInfo).port;
  }

  async open(): Promise<void> {
    const server = createServer({ noDelay: true }, (near) => {
      const link = new Link(near, this.serverPort, this.random.fork(), this.options, () => this.links.delete(link));
      this.links.add(link);
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  /** Loses one connection at random; false if there is none. */
  cut(): boolean {
    const all = [...this.links];
    if (all.length === 0) return false;
    this.random.pick(all).cut();
    return true;
  }

  /** The server's view of one connection at random: its client address, for CLIENT KILL ADDR. */
  pickAddress(): string | null {
    const ports = [...this.links].map((link) => link.farPort).filter((port) => port > 0);
    return ports.length === 0 ? null : `127.0.0.1:${this.random.pick(ports)}`;
  }

  /** Ends every connection, from both ends. */
  clear(): void {
    for (const link of this.links) link.end();
    this.becomes(new Random(0), CALM);
  }

  async close(): Promise<void> {
    this.clear();
    await new Promise<void>((resolve) => this.server!.close(() => resolve()));
  }
}

/** One connection: `near` is Ferry's end, `far` the server's. */
class Link {
  private readonly far: Socket;
  private readonly requests: Direction;
  private readonly replies: Direction;

  constructor(
    private readonly near: Socket,
    serverPort: number,
    random: Random,
    private readonly options: WireOptions,
    gone: () => void,
  ) {
    this.far = connect({ port: serverPort, host: '127.0.0.1', noDelay: true });
    this.requests = new Direction(this.far, random.fork(), options);
    this.replies = new Direction(near, random.fork(), options);
    near.on('data', (chunk) => this.requests.push(chunk));
    this.far.on('data', (chunk) => this.replies.push(chunk));
    near.on('error', () => {});
    this.far.on('error', () => {});
    // Ferry closed its end: what it sent before still arrives
    near.on('close', () => this.requests.endAfterLast(() => this.far.end()));
    this.far.on('close', () => {
      gone();
      // the server closed: what it answered before still arrives, or is lost with the connection
      if (random.oneIn(2)) near.destroy();
      else this.replies.endAfterLast(() => near.end());
    });
  }

  get farPort(): number {
    return this.far.localPort ?? 0;
  }

  cut(): void {
    this.replies.stop();
    this.near.destroy();
    this.requests.hold(this.options.zombieMs);
  }

  end(): void {
    this.requests.stop();
    this.replies.stop();
    this.near.destroy();
    this.far.destroy();
  }
}

/** Chunks on their way to `to`, in order, each with a time before which it does not arrive. */
class Direction {
  private readonly queue: { readonly chunk: Buffer; readonly atMs: number }[] = [];
  private timer: NodeJS.Timeout | null = null;
  private lastAtMs = 0;
  private afterLast: (() => void) | null = null;
  private stopped = false;

  constructor(
    private readonly to: Socket,
    private readonly random: Random,
    private readonly options: WireOptions,
  ) {}

  push(chunk: Buffer): void {
    if (this.stopped) return;
    const { delayOneIn, maxDelayMs } = this.options;
    const delayMs = this.random.oneIn(delayOneIn) ? this.random.between(1, maxDelayMs) : 0;
    this.lastAtMs = Math.max(this.lastAtMs, performance.now() + delayMs);
    if (delayMs === 0 && this.queue.length === 0) {
      this.to.write(chunk);
      return;
    }
    this.queue.push({ chunk, atMs: this.lastAtMs });
    this.schedule();
  }

  /** What is on its way arrives at some moment of the next `ms`, all at once. */
  hold(ms: number): void {
    this.lastAtMs = performance.now() + this.random.below(ms + 1);
    const held = this.queue.splice(0).map(({ chunk }) => ({ chunk, atMs: this.lastAtMs }));
    this.queue.push(...held);
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.schedule();
  }

  endAfterLast(then: () => void): void {
    this.afterLast = then;
    if (this.queue.length === 0) then();
  }

  stop(): void {
    this.stopped = true;
    this.queue.length = 0;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private schedule(): void {
    const first = this.queue[0];
    if (first === undefined || this.timer !== null) return;
    this.timer = setTimeout(() => this.deliver(), Math.max(0, first.atMs - performance.now()));
  }

  private deliver(): void {
    this.timer = null;
    const nowMs = performance.now();
    while (this.queue.length > 0 && this.queue[0]!.atMs <= nowMs + 0.5) this.to.write(this.queue.shift()!.chunk);
    this.schedule();
    if (this.queue.length === 0) this.afterLast?.();
  }
}
