/**
 * One plain connection to a test server: commands out pipelined, replies in order, bytes as bytes, server errors as
 * values.
 */
import { connect, type Socket } from 'node:net';
import type { Caller } from '../../../src/mirror/logical/compare.js';
import type { Args } from '../../../src/mirror/logical/replies.js';
import { encodeCommand } from '../../../src/resp/encode.js';
import { ReplyScanner } from '../../../src/resp/reply.js';
import { decodeReply, type Reply } from '../../../src/resp/values.js';

export class Connection {
  /** Replies of the commands that were sent, in their order. */
  readonly call: Caller = (commands) => this.send(commands);
  /** Every command sent so far by name, for tests that look at how a value was read. */
  readonly sent: Args[] = [];
  private readonly waiting: { replies: Reply[]; wanted: number; resolve: (replies: Reply[]) => void }[] = [];

  private constructor(private readonly socket: Socket) {
    const scanner = new ReplyScanner();
    let parts: Buffer[] = [];
    socket.on('data', (chunk) => {
      for (let from = 0; from < chunk.length; ) {
        const end = scanner.scan(chunk, from, chunk.length);
        parts.push(chunk.subarray(from, end));
        from = end;
        if (!scanner.complete) continue;
        const whole = Buffer.concat(parts);
        parts = [];
        this.arrived(decodeReply(whole, 0, whole.length));
      }
    });
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Connection(socket)));
    });
  }

  /** One command; a server error is thrown. */
  async command(...args: Args): Promise<Reply> {
    const [reply] = await this.send([args]);
    if (reply instanceof Error) throw new Error(`${reply.message} (${String(args[0])} ${String(args[1])})`);
    return reply;
  }

  /** Several commands, pipelined; a server error is thrown. */
  async commands(commands: Args[]): Promise<Reply[]> {
    const replies = await this.send(commands);
    const failed = replies.findIndex((reply) => reply instanceof Error);
    if (failed !== -1)
      throw new Error(`${(replies[failed] as Error).message}: ${commands[failed].map(String).join(' ')}`);
    return replies;
  }

  close(): void {
    this.socket.destroy();
  }

  private send(commands: Args[]): Promise<Reply[]> {
    if (commands.length === 0) return Promise.resolve([]);
    this.sent.push(...commands);
    return new Promise((resolve) => {
      this.waiting.push({ replies: [], wanted: commands.length, resolve });
      this.socket.write(Buffer.concat(commands.map((command) => encodeCommand(command))));
    });
  }

  private arrived(reply: Reply): void {
    const first = this.waiting[0];
    first.replies.push(reply);
    if (first.replies.length < first.wanted) return;
    this.waiting.shift();
    first.resolve(first.replies);
  }
}
