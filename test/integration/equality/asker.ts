/** A bare connection that sends commands in one pipeline and gives back each reply's bytes, one character per byte. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeCommand } from '../../../src/resp/encode.js';
import { ReplyScanner } from '../../../src/resp/reply.js';

const PATIENCE_MS = 8000;
const PUSH = 0x3e;

export class Asker {
  private pending: Buffer = Buffer.alloc(0);
  private replies: string[] = [];
  private wake: (() => void) | null = null;
  private isClosed = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.pending = Buffer.concat([this.pending, chunk]);
      this.split();
      this.wake?.();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.wake?.();
    });
    socket.on('error', () => {});
  }

  static open(port: number): Promise<Asker> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Asker(socket)));
    });
  }

  /** One reply for each command; pushes are joined to the reply they stand before. Fewer when the connection ends. */
  async ask(commands: readonly (readonly (string | Buffer)[])[]): Promise<string[]> {
    this.replies = [];
    this.socket.write(Buffer.concat(commands.map((args) => encodeCommand(args))));
    const deadline = Date.now() + PATIENCE_MS;
    while (this.replies.length < commands.length && !this.isClosed) {
      if (Date.now() > deadline) {
        const next = commands[this.replies.length]!.map(String).join(' ');
        throw new Error(`no reply to '${next.slice(0, 200)}' (${this.replies.length} of ${commands.length})`);
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, 100);
      });
    }
    return this.replies;
  }

  /** Everything that comes back until `END` is echoed, or the connection ends, as one text. */
  async transcript(lines: readonly string[]): Promise<string> {
    let text = '';
    this.socket.removeAllListeners('data').on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    this.socket.write([...lines, 'ECHO END'].map((line) => `${line}\r\n`).join(''));
    const deadline = Date.now() + PATIENCE_MS;
    while (!text.includes('END\r\n') && !this.isClosed) {
      if (Date.now() > deadline) throw new Error(`${lines.join(', ')} came to no end: ${text}`);
      await sleep(5);
    }
    return text;
  }

  private split(): void {
    let from = 0;
    for (;;) {
      const scanner = new ReplyScanner();
      let at = from;
      do {
        at = scanner.scan(this.pending, at, this.pending.length);
      } while (scanner.complete && scanner.type === PUSH && at < this.pending.length);
      if (!scanner.complete) break;
      this.replies.push(this.pending.toString('latin1', from, at));
      from = at;
      if (from === this.pending.length) break;
    }
    this.pending = Buffer.from(this.pending.subarray(from));
  }

  close(): void {
    this.socket.destroy();
  }
}
