/** One connection to a server that hands out each reply as its bytes and decoded: the tests judge both. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import RedisParser from 'redis-parser';
import { type Reply, ReplyFault } from '../../../src/resp/values.js';
import { frameOf } from './frames.js';

export interface RawReply {
  readonly bytes: Buffer;
  readonly value: Reply;
}

export class RawRedis {
  readonly #socket: Socket;
  #bytes: Buffer[] = [];
  #waiting: ((reply: RawReply) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const answer = (value: Reply): void => {
      const bytes = Buffer.concat(this.#bytes);
      this.#bytes = [];
      this.#waiting?.({ bytes, value });
    };
    const parser = new RedisParser({
      returnBuffers: true,
      returnReply: answer,
      returnError: (error) => answer(new ReplyFault(error.message)),
    });
    socket.on('data', (chunk) => {
      this.#bytes.push(Buffer.from(chunk));
      parser.execute(chunk);
    });
  }

  static async open(port: number): Promise<RawRedis> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawRedis(socket);
  }

  /** One at a time. */
  send(args: readonly (string | Buffer)[]): Promise<RawReply> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#socket.write(frameOf(args).frame);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Strings out of a decoded reply; anything else as String() has it. */
export function strings(value: Reply): string[] {
  return Array.isArray(value)
    ? value.map((item) => (Buffer.isBuffer(item) ? item.toString('latin1') : String(item)))
    : [];
}
