/**
 * A bare Redis connection for these tests: commands out, replies in the order they were asked. It never retries,
 * reconnects or interprets, and an error reply is a value, so that it can be compared like any other.
 *
 * `homeDb` is what is called database 0 here (and 0 is called by that number instead), for a side of a migration that
 * has its data elsewhere.
 */
import { connect, type Socket } from 'node:net';
import RedisParser from 'redis-parser';

/** Bulk strings are buffers, integers are decimal strings (64 bits stay exact), errors are Error objects. */
export type WireReply = Buffer | string | null | Error | WireReply[];

export class Wire {
  private readonly waiting: { resolve: (reply: WireReply) => void; reject: (error: Error) => void }[] = [];
  private fault: Error | null = null;

  private constructor(
    private readonly socket: Socket,
    private readonly homeDb: number,
  ) {
    const parser = new RedisParser({
      returnBuffers: true,
      stringNumbers: true,
      returnReply: (reply: unknown) => this.waiting.shift()?.resolve(reply as WireReply),
      returnError: (error: Error) => this.waiting.shift()?.resolve(error),
      returnFatalError: (error: Error) => this.fail(error),
    });
    socket.on('data', (chunk) => parser.execute(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the connection was closed')));
  }

  static async open(port: number, homeDb = 0, host = '127.0.0.1'): Promise<Wire> {
    const socket = connect({ port, host, noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const wire = new Wire(socket, homeDb);
    if (homeDb !== 0) await wire.send('SELECT', 0);
    return wire;
  }

  /** Rejects only when the connection fails. */
  send(...args: (string | number | Buffer)[]): Promise<WireReply> {
    if (this.fault !== null) return Promise.reject(this.fault);
    const sent = this.homeDb !== 0 && String(args[0]) === 'SELECT' ? ['SELECT', this.otherName(Number(args[1]))] : args;
    const parts: Buffer[] = [Buffer.from(`*${sent.length}\r\n`)];
    for (const arg of sent) {
      const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg), 'latin1');
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
    this.socket.write(Buffer.concat(parts));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  /** Of a database: the server's number of it for ours, and ours for the server's. */
  otherName(db: number): number {
    if (db === 0) return this.homeDb;
    return db === this.homeDb ? 0 : db;
  }

  close(): void {
    this.socket.destroy();
  }

  private fail(error: Error): void {
    this.fault ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.fault);
  }
}
