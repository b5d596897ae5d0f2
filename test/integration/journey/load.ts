/**
 * Live traffic: clients that pipeline commands of every kind, and that know what each reply must be.
 *
 * Each client owns some keys, so whatever it wrote it must read; all of them share some, so that their lanes and the
 * copies meet. A read of the shared counter may never show less than an increment that was acknowledged before it was
 * sent, to whoever it was acknowledged. What is not as it must be is a complaint; so is a connection that ends, unless
 * `mayClose`: then the client connects again, and of what was unanswered both outcomes are accepted.
 */
import { CLOSED, type Pipe as Connection, Pipe } from './pipe.js';
import { sleep } from './stage.js';
import { list, text, type WireReply } from './wire.js';

export interface LoadOptions {
  readonly clients?: number;
  /** Connections may end (a server is killed). */
  readonly mayClose?: boolean;
  /** Between the batches of one client. */
  readonly pauseMs?: number;
  readonly db?: number;
  /** What its keys begin with; `load`, if there is no other. */
  readonly name?: string;
  /** Of the default user. */
  readonly password?: string;
}

/** Of all clients: some 5,000 writes, of which a fast machine must not make more than can be watched (--detect-bypass). */
const BATCHES_PER_SECOND = 300;

type Args = readonly (string | number)[];
type Check = (reply: WireReply) => boolean;

export class Load {
  batches = 0;
  replies = 0;
  /** How often the other side ended a connection. */
  closes = 0;
  readonly complaints: string[] = [];
  /** The highest acknowledged value of the shared counter. */
  private floor = 0;
  /** When the next batch may go (performance.now()). */
  private nextMs = 0;
  private stopped = false;
  private readonly runs: Promise<void>[] = [];

  constructor(
    private readonly port: number,
    private readonly options: LoadOptions = {},
  ) {
    for (let n = 0; n < (options.clients ?? 6); n++) this.runs.push(this.client(n));
  }

  /** Ends the traffic once every reply has come. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.runs);
  }

  /** Resolves when so many more batches were answered. */
  async more(batches: number): Promise<void> {
    const until = this.batches + batches;
    while (this.batches < until && !this.stopped) await sleep(5);
  }

  private async client(n: number): Promise<void> {
    const own = new OwnKeys(`${this.options.name ?? 'load'}:${n}`);
    let pipe: Connection | null = null;
    while (!this.stopped) {
      if (pipe === null) {
        pipe = await Pipe.open(this.port).catch(() => null);
        if (pipe === null) {
          if (this.options.mayClose !== true) this.complaints.push(`client ${n} cannot connect`);
          await sleep(20);
          continue;
        }
        if (this.options.password !== undefined) await pipe.ask('AUTH', this.options.password);
        if (this.options.db !== undefined) await pipe.ask('SELECT', this.options.db);
      }
      await this.turn();
      if (!(await this.batch(n, pipe, own))) pipe = null;
      if (this.options.pauseMs !== undefined) await sleep(this.options.pauseMs);
    }
    pipe?.close();
  }

  private async turn(): Promise<void> {
    const now = performance.now();
    const mine = Math.max(now, this.nextMs);
    this.nextMs = mine + 1000 / BATCHES_PER_SECOND;
    if (mine > now) await sleep(mine - now);
  }

  /** False: the connection ended. */
  private async batch(n: number, pipe: Connection, own: OwnKeys): Promise<boolean> {
    const { floor } = this;
    const name = this.options.name ?? 'load';
    const lines: [Args, Check][] = [
      [['GET', `${name}:counter`], (r) => Number(text(r)) >= floor || (floor === 0 && r === null)],
      ...own.next(),
      [['INCR', `${name}:counter`], (r) => this.raise(Number(text(r)))],
      [['GET', `${name}:counter`], (r) => Number(text(r)) > floor],
      [['SET', `${name}:once:${n}:${own.round % 500}`, own.round], isOk], // not soon written again: a loss stays
      [['SADD', `${name}:set`, own.round % 50], isNumber],
      [['LPUSH', `${name}:list`, own.round], isNumber],
      [['LTRIM', `${name}:list`, 0, 20], isOk],
      [['EVAL', "return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)", 1, `${name}:hash`, n], isNumber],
      [['ZINCRBY', `${name}:zset`, 1, `member ${n}`], (r) => !(r instanceof Error)],
      [['XADD', `${name}:stream`, 'MAXLEN', '~', 200, '*', 'n', n], (r) => Buffer.isBuffer(r)],
    ];
    const replies = await pipe.batch(lines.map(([args]) => args));
    this.batches++;
    for (const [i, reply] of replies.entries()) {
      const [args, check] = lines[i]!;
      if (reply === CLOSED) {
        this.closes++;
        own.isUncertain = true;
        if (this.options.mayClose !== true) this.complaints.push(`client ${n} was closed before ${args.join(' ')}`);
        return false;
      }
      this.replies++;
      if (!check(reply))
        this.complaints.push(`${args.join(' ')} was answered ${text(reply)} (round ${own.round}, at least ${floor})`);
    }
    own.isUncertain = false;
    return true;
  }

  private raise(to: number): boolean {
    const isHigher = to > 0;
    this.floor = Math.max(this.floor, to);
    return isHigher;
  }
}

/** Keys of one client, of every type, and what they must answer. A round begins by making them anew. */
class OwnKeys {
  round = 0;
  /** What is there is not known: the first round, or the last batch ended before its replies. */
  isUncertain = true;

  constructor(private readonly name: string) {}

  *next(): Generator<[Args, Check]> {
    const { name } = this;
    const round = ++this.round;
    const is =
      (expected: unknown): Check =>
      (reply) =>
        text(reply) === String(expected);
    const before = this.isUncertain ? () => true : is(`value ${round - 1}`);
    yield [['GET', `${name}:string`], before];
    yield [['SET', `${name}:string`, `value ${round}`], isOk];
    yield [['GET', `${name}:string`], is(`value ${round}`)];
    yield [['DEL', `${name}:hash`, `${name}:list`, `${name}:zset`], isNumber];
    yield [['HGET', `${name}:hash`, 'f'], is('(nil)')];
    yield [['HSET', `${name}:hash`, 'f', round, 'g', 'x'], is(2)];
    yield [['HINCRBYFLOAT', `${name}:hash`, 'f', '0.5'], is(round + 0.5)];
    yield [['HGET', `${name}:hash`, 'f'], is(round + 0.5)];
    yield [['RPUSH', `${name}:list`, 'a', 'b', 'c'], is(3)];
    yield [['LPOP', `${name}:list`], is('a')];
    yield [['LRANGE', `${name}:list`, 0, -1], (r) => list(r).map(text).join() === 'b,c'];
    yield [['MULTI'], isOk];
    yield [['ZADD', `${name}:zset`, round, 'm'], is('QUEUED')];
    yield [['EXPIRE', `${name}:zset`, 1000 + (round % 7)], is('QUEUED')];
    yield [['ZSCORE', `${name}:zset`, 'm'], is('QUEUED')];
    yield [['EXEC'], (r) => list(r).map(text).join() === `1,1,${round}`];
    yield [['ZSCORE', `${name}:zset`, 'm'], is(round)];
  }
}

const isOk: Check = (reply) => text(reply) === 'OK';
const isNumber: Check = (reply) => /^-?\d+$/.test(text(reply));
