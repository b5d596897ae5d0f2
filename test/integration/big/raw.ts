/** A socket that sends what it is told and counts what comes back: replies here are too big to be kept. */
import { connect, type Socket } from 'node:net';

export class Raw {
  /** Bytes received since the last `expect`. */
  received = 0;
  isClosed = false;
  /** The first bytes of them. */
  private head = '';
  private waiting: (() => void) | null = null;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      if (this.head.length < 200) this.head += chunk.toString('latin1', 0, 200 - this.head.length);
      this.waiting?.();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.waiting?.();
    });
    socket.on('error', () => {});
  }

  static open(port: number): Promise<Raw> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Raw(socket)));
    });
  }

  /** Resolves when the kernel took it. */
  async send(bytes: string | Buffer): Promise<void> {
    if (!this.socket.write(bytes)) await new Promise((resolve) => this.socket.once('drain', resolve));
  }

  /** `$size`, and so many bytes of `letter`. */
  async sendBulk(size: number, letter: string): Promise<void> {
    await this.send(`$${size}\r\n`);
    const piece = Buffer.alloc(1024 * 1024, letter);
    for (let left = size; left > 0; left -= piece.length)
      await this.send(piece.subarray(0, Math.min(left, piece.length)));
    await this.send('\r\n');
  }

  /** Waits for so many bytes more, and returns the first of them. */
  async expect(bytes: number): Promise<string> {
    while (this.received < bytes) {
      if (this.isClosed) throw new Error(`closed after ${this.received} bytes: ${this.head}`);
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
      });
    }
    this.waiting = null;
    const { head } = this;
    this.received -= bytes;
    this.head = '';
    return head;
  }

  close(): void {
    this.socket.destroy();
  }
}
