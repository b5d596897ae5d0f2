/** One client that reads a big value again and again, and throws away what it gets as fast as it comes. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ReplyScanner } from '../../src/resp/reply.js';
import type { ReaderWindow } from './main.js';

const READ_BYTES = 1 << 20;

export async function openBigReader(port: number, key: string): Promise<BigReader> {
  const reader = new BigReader(port, key);
  await reader.connected();
  return reader;
}

export class BigReader {
  private readonly socket: Socket;
  private readonly request: string;
  private readonly scanner = new ReplyScanner();
  private isRunning = false;
  private isWaiting = false;
  private bytes = 0;
  private windowMs = performance.now();

  constructor(port: number, key: string) {
    this.request = `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const onread = {
      buffer,
      callback: (length: number): boolean => {
        this.read(buffer, length);
        return true;
      },
    };
    this.socket = connect({ port, host: '127.0.0.1', onread });
  }

  async connected(): Promise<void> {
    await once(this.socket, 'connect');
  }

  go(): void {
    this.isRunning = true;
    this.ask();
  }

  /** Resolves when the value that is being read is over. */
  async halt(): Promise<void> {
    this.isRunning = false;
    while (this.isWaiting && !this.socket.destroyed) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  window(): ReaderWindow {
    const nowMs = performance.now();
    const window = { seconds: (nowMs - this.windowMs) / 1000, bytes: this.bytes };
    this.windowMs = nowMs;
    this.bytes = 0;
    return window;
  }

  private ask(): void {
    this.isWaiting = true;
    this.socket.write(this.request);
  }

  private read(buffer: Buffer, length: number): void {
    this.bytes += length;
    this.scanner.scan(buffer, 0, length);
    if (!this.scanner.complete) return;
    this.isWaiting = false;
    if (this.isRunning) this.ask();
  }
}
