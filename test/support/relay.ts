/**
 * A TCP relay in front of a real redis-server that a test can hold, count and cut, connection by connection.
 *
 *   Ferry ──requests──► [ stream ] ──► redis-server
 *         ◄──replies─── [ stream ] ◄──
 *
 * Bytes pass unchanged, cut into whole commands and whole replies. A connection's label is the purpose that Ferry
 * names it with (`ferry:<id>:<epoch>:mirror` → `mirror`), followed by the user when it logged in (`client/ann`); it
 * is known from its HELLO or CLIENT SETNAME on, that command included.
 *
 *   hold      from the first matching command (or reply to a matching command) on, nothing passes on the connections
 *             with that label, later connections included, until `pass` or `release`; order is never changed
 *   cut       both ends are closed; what was held is lost
 *   abandon   Ferry's end is closed, the server's stays: the held requests can be delivered much later, as those in
 *             the buffer of a dead connection are
 *
 * It does not interpret what passes, except for those names.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { frameEnd, textsOf } from './resp-frames.js';

export type Direction = 'requests' | 'replies';

/** A command as latin1 texts, its name in upper case. */
export type RelayedCommand = readonly string[];
export type Matcher = (command: RelayedCommand) => boolean;

const PATIENCE_MS = 8_000;

interface Frame {
  readonly bytes: Buffer;
  /** The command itself, or the one that a reply answers. */
  readonly command: RelayedCommand;
}

/** One direction of one connection. */
class Stream {
  readonly queue: Frame[] = [];
  blockedBy: Hold | null = null;
  private partial: Buffer = Buffer.alloc(0);

  constructor(
    readonly connection: RelayConnection,
    readonly direction: Direction,
    private readonly relay: Relay,
    private readonly commandOf: (bytes: Buffer) => RelayedCommand,
    private readonly deliver: (frame: Frame) => void,
  ) {}

  push(chunk: Buffer): void {
    const bytes = this.partial.length === 0 ? chunk : Buffer.concat([this.partial, chunk]);
    let at = 0;
    for (let end = frameEnd(bytes, at); end >= 0; end = frameEnd(bytes, at)) {
      const frame = Buffer.from(bytes.subarray(at, end));
      at = end;
      this.queue.push({ bytes: frame, command: this.commandOf(frame) });
      if (this.blockedBy !== null) this.blockedBy.changed();
      else this.drain();
    }
    this.partial = Buffer.from(bytes.subarray(at));
  }

  /** Everything up to the first frame that somebody holds. */
  drain(): void {
    for (;;) {
      const frame = this.queue[0];
      if (frame === undefined) return;
      const hold = this.relay.holdOn(this, frame.command);
      if (hold !== null) {
        this.blockedBy = hold;
        hold.changed();
        return;
      }
      this.passOne();
    }
  }

  passOne(): void {
    const frame = this.queue.shift();
    if (frame !== undefined) this.deliver(frame);
  }
}

/** See `Relay.hold`. */
export class Hold {
  private readonly waiting: { count: number; resolve: () => void }[] = [];

  constructor(
    private readonly relay: Relay,
    readonly label: string,
    readonly direction: Direction,
    readonly when: Matcher,
  ) {}

  /** Commands or replies that are held now, in order. */
  get commands(): RelayedCommand[] {
    return this.streams.flatMap((stream) => stream.queue.map((frame) => frame.command));
  }

  /** Resolves once so many are held. */
  async reached(count = 1): Promise<void> {
    if (this.commands.length >= count) return;
    await within(
      `${count} held ${this.direction} of ${this.label}`,
      new Promise<void>((resolve) => this.waiting.push({ count, resolve })),
    );
  }

  /** Lets the first `count` go on, and goes on holding. */
  pass(count: number): void {
    for (let i = 0; i < count; i++) this.streams.find((stream) => stream.queue.length > 0)?.passOne();
  }

  /** Lets everything go on, and ends. */
  release(): void {
    const { streams } = this;
    this.relay.forget(this);
    for (const stream of streams) {
      stream.blockedBy = null;
      stream.drain();
    }
  }

  changed(): void {
    const held = this.commands.length;
    for (const waiter of [...this.waiting]) {
      if (held < waiter.count) continue;
      this.waiting.splice(this.waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  private get streams(): Stream[] {
    return this.relay.connections
      .flatMap((connection) => connection.streams)
      .filter((stream) => stream.blockedBy === this);
  }
}

export class RelayConnection {
  /** See above; empty while it is not known. */
  label = '';
  isOpen = true;
  /** Passed on to the server, in order. */
  readonly delivered: RelayedCommand[] = [];
  repliesPassed = 0;
  readonly streams: readonly [requests: Stream, replies: Stream];
  private readonly unanswered: RelayedCommand[] = [];
  private isAbandoned = false;

  constructor(
    relay: Relay,
    private readonly ferrySide: Socket,
    private readonly serverSide: Socket,
  ) {
    const requests = new Stream(
      this,
      'requests',
      relay,
      (bytes) => this.readRequest(bytes),
      ({ bytes, command }) => {
        this.delivered.push(command);
        this.unanswered.push(command);
        serverSide.write(bytes);
      },
    );
    const replies = new Stream(
      this,
      'replies',
      relay,
      () => this.unanswered.shift() ?? [],
      ({ bytes }) => {
        this.repliesPassed++;
        if (!ferrySide.destroyed) ferrySide.write(bytes);
      },
    );
    this.streams = [requests, replies];
    ferrySide.on('data', (chunk) => requests.push(chunk));
    serverSide.on('data', (chunk) => replies.push(chunk));
    ferrySide.on('close', () => {
      this.isOpen = false;
      if (!this.isAbandoned) serverSide.destroy();
    });
    serverSide.on('close', () => {
      this.isOpen = false;
      ferrySide.end();
    });
    for (const socket of [ferrySide, serverSide]) socket.on('error', () => {});
  }

  cut(): void {
    this.isOpen = false;
    this.ferrySide.destroy();
    this.serverSide.destroy();
  }

  /** Closes Ferry's end alone. Held replies are lost, held requests are the zombie's. */
  abandon(): Zombie {
    this.isOpen = false;
    this.isAbandoned = true;
    const [requests, replies] = this.streams;
    const frames = requests.queue.splice(0).map(({ bytes }) => bytes);
    requests.blockedBy = replies.blockedBy = null;
    replies.queue.length = 0;
    this.ferrySide.destroy();
    return new Zombie(this.serverSide, frames);
  }

  private readRequest(bytes: Buffer): RelayedCommand {
    const [name = '', ...args] = textsOf(bytes);
    const command = [name.toUpperCase(), ...args];
    const named = connectionName(command);
    if (named !== '') {
      const user = command.findIndex((arg) => arg.toUpperCase() === 'AUTH');
      this.label = named.slice(named.lastIndexOf(':') + 1) + (user < 0 ? '' : `/${command[user + 1]}`);
    }
    return command;
  }
}

function connectionName(command: RelayedCommand): string {
  if (command[0] !== 'HELLO' && !(command[0] === 'CLIENT' && command[1]?.toUpperCase() === 'SETNAME')) return '';
  const at = command.findIndex((arg) => arg.toUpperCase() === 'SETNAME');
  return at < 0 ? '' : (command[at + 1] ?? '');
}

/** The server's end of a connection whose other end is gone. */
export class Zombie {
  constructor(
    private readonly socket: Socket,
    private readonly frames: Buffer[],
  ) {}

  get heldRequests(): number {
    return this.frames.length;
  }

  /** Sends the held requests. Resolves to how many the server answered: fewer when it has killed the connection. */
  async deliver(): Promise<number> {
    const { socket, frames } = this;
    if (socket.destroyed || frames.length === 0) return 0;
    let answered = 0;
    let bytes: Buffer = Buffer.alloc(0);
    const over = new Promise<number>((resolve) => {
      socket.on('close', () => resolve(answered));
      socket.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        for (let end = frameEnd(bytes, 0); end >= 0; end = frameEnd(bytes, 0)) {
          bytes = bytes.subarray(end);
          if (++answered === frames.length) resolve(answered);
        }
      });
    });
    socket.write(Buffer.concat(frames));
    const count = await within('the end of the zombie', over);
    socket.destroy();
    return count;
  }
}

export class Relay {
  /** All that ever were, in order. */
  readonly connections: RelayConnection[] = [];
  private readonly holds: Hold[] = [];
  private listener: Server;

  private constructor(private readonly serverPort: number) {
    this.listener = createServer({ noDelay: true }, (ferrySide) => {
      const serverSide = connect({ port: this.serverPort, host: '127.0.0.1', noDelay: true });
      this.connections.push(new RelayConnection(this, ferrySide, serverSide));
    });
  }

  static async to(serverPort: number): Promise<Relay> {
    const relay = new Relay(serverPort);
    relay.listener.listen(0, '127.0.0.1');
    await once(relay.listener, 'listening');
    return relay;
  }

  get port(): number {
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the relay is closed');
    return address.port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** From the first command (or reply to a command) for which `when` holds. */
  hold(label: string, direction: Direction, when: Matcher = () => true): Hold {
    const hold = new Hold(this, label, direction, when);
    this.holds.push(hold);
    return hold;
  }

  /** The newest open connection with that label. */
  connection(label: string): RelayConnection {
    const found = this.find(label);
    if (found === undefined) throw new Error(`there is no connection ${label}`);
    return found;
  }

  isConnected(label: string): boolean {
    return this.find(label) !== undefined;
  }

  private find(label: string): RelayConnection | undefined {
    return this.connections.findLast((connection) => connection.isOpen && connection.label === label);
  }

  /** What was passed on to the server on all connections with that label. */
  delivered(label: string): RelayedCommand[] {
    return this.connections
      .filter((connection) => connection.label === label)
      .flatMap((connection) => connection.delivered);
  }

  releaseAll(): void {
    for (const hold of [...this.holds]) hold.release();
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.cut();
    this.listener.close();
    await once(this.listener, 'close');
  }

  holdOn(stream: Stream, command: RelayedCommand): Hold | null {
    const { direction, connection } = stream;
    const matches = (hold: Hold): boolean =>
      hold.direction === direction && hold.label === connection.label && hold.when(command);
    return this.holds.find(matches) ?? null;
  }

  forget(hold: Hold): void {
    this.holds.splice(this.holds.indexOf(hold), 1);
  }
}

/** A matcher for commands by their first words. */
export function command(...words: string[]): Matcher {
  return (relayed) => words.every((word, i) => relayed[i]?.toUpperCase() === word.toUpperCase());
}

async function within<T>(what: string, event: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([event, late]);
  } finally {
    clearTimeout(timer);
  }
}
