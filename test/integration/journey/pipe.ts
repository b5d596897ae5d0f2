/**
 * A connection that pipelines: a batch of commands in one write, their replies together. Also for bytes that are no
 * commands at all. It never reconnects; it knows whether the other side has closed.
 */
import { connect, type Socket } from 'node:net';
import RedisParser from 'redis-parser';
import type { WireReply } from './wire.js';

type Args = readonly (string | number | Buffer)[];

export class Pipe {
  /** The other side closed the connection, or it failed. */
  isClosed = false;
  private readonly waiting: ((reply: WireReply) => void)[] = [];
  private readonly parser: RedisParser;
  private onClosed: (() => void)[] = [];

  private constructor(readonly socket: Socket) {
    const answer = (reply: unknown): void => this.waiting.shift()?.(reply as WireReply);
    this.parser = new RedisParser({
      returnBuffers: true,
      stringNumbers: true,
      returnReply: answer,
      returnError: answer,
      returnFatalError: (error: Error) => socket.destroy(error),
    });
    socket.on('data', (chunk) => this.parser.execute(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      for (const resolve of this.waiting.splice(0)) resolve(CLOSED);
      for (const resolve of this.onClosed.splice(0)) resolve();
    });
  }

  static async open(port: number): Promise<Pipe> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Pipe(socket);
  }

  /** All replies; CLOSED in place of those that will not come. */
  batch(commands: readonly Args[]): Promise<WireReply[]> {
    return this.raw(encode(commands), commands.length);
  }

  async ask(...args: Args): Promise<WireReply> {
    const [reply] = await this.batch([args]);
    return reply!;
  }

  /** Any bytes, and so many replies. */
  raw(bytes: Buffer, replies: number): Promise<WireReply[]> {
    if (this.isClosed) return Promise.resolve(Array.from({ length: replies }, () => CLOSED));
    const all = Array.from({ length: replies }, () => new Promise<WireReply>((resolve) => this.waiting.push(resolve)));
    this.socket.write(bytes);
    return Promise.all(all);
  }

  /** Resolves when the other side has closed the connection; false if it has not within the time. */
  closed(withinMs = 5000): Promise<boolean> {
    if (this.isClosed) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs);
      this.onClosed.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

/** What takes the place of a reply on a connection that ended before it. */
export const CLOSED: WireReply = new Error('the connection was closed');

export function encode(commands: readonly Args[]): Buffer {
  const parts: Buffer[] = [];
  for (const args of commands) {
    parts.push(Buffer.from(`*${args.length}\r\n`));
    for (const arg of args) {
      const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg), 'latin1');
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
  }
  return Buffer.concat(parts);
}
