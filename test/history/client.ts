/**
 * One client of the history test: a raw socket that sends bursts of commands in one write and records when each was
 * sent and answered, by a counter that the whole process shares.
 *
 * A connection that ends leaves its unanswered commands with an unknown outcome; `connect` again is a new session.
 */
import { connect, type Socket } from 'node:net';
import type { Random } from './random.js';
import { Decoder, ErrorReply, encode, type Reply, show } from './resp.js';

/** One point in time per event, in the order in which this process saw them. */
export class Clock {
  private now = 0;

  tick(): number {
    return ++this.now;
  }
}

export interface Identity {
  readonly user: string;
  readonly password: string;
}

export interface Exchange {
  readonly args: readonly string[];
  readonly sentAt: number;
  /** performance.now(), for who asks how long a client waited */
  readonly sentMs: number;
  /** Infinity while unanswered */
  answeredAt: number;
  reply: Reply | undefined;
}

/** A reply that no client of a healthy proxy may get, or silence for too long. */
export class ClientComplaint extends Error {}

const ANSWER_TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** Errors of Ferry's own, and those by which a Cluster's node sends a client elsewhere. */
const FOR_NOBODY = new Set(['FERRY', 'UNCERTAIN', 'MOVED', 'ASK', 'CLUSTERDOWN', 'READONLY']);

/** Also inside an EXEC's reply. */
function isForNobody(reply: Reply, isExcused: (error: ErrorReply) => boolean): boolean {
  if (reply instanceof ErrorReply) return FOR_NOBODY.has(reply.word) && !isExcused(reply);
  return Array.isArray(reply) && reply.some((element) => isForNobody(element, isExcused));
}

export class RawClient {
  private socket: Socket | null = null;
  private decoder = new Decoder();
  private unanswered: Exchange[] = [];
  private wake: (() => void) | null = null;
  /** what was cut off the last write and waits for its timer, with all that came after it */
  private held = '';
  /** replies that Redis itself would not have given */
  readonly complaints: string[] = [];
  /** how often the other side ended the connection */
  closes = 0;
  /** so much longer than usual it waits for answers and connections: a server may be away for long */
  extraPatienceMs = 0;

  constructor(
    /** null: the default user, who needs no password */
    readonly identity: Identity | null,
    private readonly clock: Clock,
    private readonly random: Random,
    /** the protocol version it speaks */
    readonly resp: 2 | 3 = 2,
    /** Error replies that are the server's right now, whatever they say. */
    private readonly excuses: (exchange: Exchange, error: ErrorReply) => boolean = () => false,
  ) {}

  /** What was asked and has no reply yet, oldest first. */
  get waiting(): readonly Exchange[] {
    return this.unanswered;
  }

  get connected(): boolean {
    return this.socket !== null;
  }

  /** Connects, logs in and selects `db`; tries again until it works or `CONNECT_TIMEOUT_MS` are over. */
  async connect(port: number, db: number): Promise<void> {
    const deadline = Date.now() + CONNECT_TIMEOUT_MS + this.extraPatienceMs;
    for (;;) {
      const why = await this.tryConnect(port, db);
      if (why === '') return;
      this.drop();
      if (Date.now() > deadline) throw new ClientComplaint(`cannot connect: ${why}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Sends all commands at once. The exchanges fill themselves as replies come; `settled` tells when. */
  send(commands: readonly (readonly string[])[]): Exchange[] {
    const sentAt = this.clock.tick();
    const sentMs = performance.now();
    const burst = commands.map((args) => ({ args, sentAt, sentMs, answeredAt: Infinity, reply: undefined }));
    if (this.socket === null) return burst;
    for (const exchange of burst) this.unanswered.push(exchange); // there may be very many
    this.write(burst.map((exchange) => encode(exchange.args)).join(''));
    return burst;
  }

  /** Resolves when at most `outstanding` commands are unanswered or the connection ended. */
  async settled(outstanding = 0): Promise<void> {
    const limitMs = ANSWER_TIMEOUT_MS + this.extraPatienceMs;
    const deadline = Date.now() + limitMs;
    while (this.socket !== null && this.unanswered.length > outstanding) {
      const oldest = this.unanswered[0]!;
      if (Date.now() > deadline) {
        throw new ClientComplaint(`no reply within ${limitMs} ms to ${oldest.args.slice(0, 6).join(' ')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Replies to all commands, in order; for whoever looks at a server directly, where nothing may go wrong. */
  async ask(commands: readonly (readonly string[])[]): Promise<Reply[]> {
    const exchanges = this.send(commands);
    await this.settled();
    return exchanges.map((exchange) => {
      if (exchange.reply === undefined) throw new Error(`no reply to ${exchange.args.join(' ').slice(0, 80)}`);
      return exchange.reply;
    });
  }

  /** Ends the connection from this side, whatever is unanswered. */
  drop(): void {
    this.socket?.destroy();
    this.forget();
  }

  private async tryConnect(port: number, db: number): Promise<string> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.decoder = new Decoder();
    const refused = await new Promise<string>((resolve) => {
      socket.once('connect', () => resolve(''));
      socket.once('error', (error) => resolve(error.message));
    });
    if (refused !== '') return refused;
    this.socket = socket;
    socket.on('data', (chunk) => this.receive(socket, chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.socket !== socket) return;
      this.closes++;
      this.forget();
    });
    const login = this.identity === null ? [] : [['AUTH', this.identity.user, this.identity.password]];
    const hello = this.resp === 3 ? [['HELLO', '3']] : [];
    const exchanges = this.send([...login, ...hello, ['SELECT', String(db)]]);
    await this.settled();
    const bad = exchanges.find(({ args, reply }) => (args[0] === 'HELLO' ? !Array.isArray(reply) : reply !== 'OK'));
    return bad === undefined ? '' : `${bad.args[0]} was answered ${show(bad.reply)}`;
  }

  /** In one piece mostly, else cut anywhere, as a network does. */
  private write(bytes: string): void {
    if (this.held !== '') {
      this.held += bytes;
      return;
    }
    if (bytes.length < 2 || !this.random.oneIn(8)) {
      this.socket!.write(bytes, 'latin1');
      return;
    }
    const socket = this.socket!;
    const cut = this.random.between(1, bytes.length - 1);
    socket.write(bytes.slice(0, cut), 'latin1');
    this.held = bytes.slice(cut);
    setTimeout(() => {
      if (socket !== this.socket) return;
      socket.write(this.held, 'latin1');
      this.held = '';
    }, this.random.below(3));
  }

  private receive(socket: Socket, chunk: Buffer): void {
    if (socket !== this.socket) return;
    this.decoder.push(chunk.toString('latin1'));
    for (let reply = this.decode(); reply !== undefined; reply = this.decode()) {
      const exchange = this.unanswered.shift();
      if (exchange === undefined) {
        this.complaints.push(`a reply to nothing: ${show(reply)}`);
        this.drop();
        return;
      }
      exchange.reply = reply;
      exchange.answeredAt = this.clock.tick();
      if (isForNobody(reply, (error) => this.excuses(exchange, error))) {
        this.complaints.push(`${exchange.args.slice(0, 8).join(' ')} was answered ${show(reply)}`);
      }
    }
    this.wake?.();
  }

  private decode(): Reply | undefined {
    try {
      return this.decoder.next();
    } catch (error) {
      this.complaints.push((error as Error).message);
      this.drop();
      return undefined;
    }
  }

  private forget(): void {
    this.socket = null;
    this.unanswered = [];
    this.held = '';
    this.wake?.();
  }
}
