/** A socket and everything that came back, as text. */
import { connect, type Socket } from 'node:net';
import { sleep } from '../journey/stage.js';

const PATIENCE_MS = 10_000;

export class Talk {
  received = '';
  isClosed = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('error', () => {});
  }

  static open(port: number): Promise<Talk> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Talk(socket)));
    });
  }

  say(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** Resolves when `text` has come. */
  async hears(text: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!this.received.includes(text)) {
      if (Date.now() > deadline)
        throw new Error(`not heard: ${JSON.stringify(text)} in ${JSON.stringify(this.received)}`);
      await sleep(2);
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
