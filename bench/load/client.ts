/**
 * One connection of the load: batches go out, replies are counted, and each reply's latency runs from the moment at which its
 * batch was handed to the socket. So a proxy that stalls shows in full as long as the load does not wait for it, and a
 * generator that is late itself is not the proxy's fault.
 */
import { connect, type Socket } from 'node:net';
import { ReplyScanner } from '../../src/resp/reply.js';
import type { Latencies } from './latencies.js';

const READ_BYTES = 64 * 1024;
/** Batches on their way; a power of two. More than that is no load any more but a backlog. */
const RING = 8192;
const MINUS = 45;

export interface ClientEvents {
  /** a batch is answered */
  answered(client: LoadClient): void;
  /** an error reply, or the end of the connection */
  failed(what: string): void;
}

export class LoadClient {
  inFlight = 0;
  private readonly socket: Socket;
  private readonly scanner = new ReplyScanner();
  private readonly sentMs = new Float64Array(RING);
  private head = 0;
  private tail = 0;
  private repliesOfHead = 0;

  constructor(
    port: number,
    private readonly pipeline: number,
    private readonly latencies: Latencies,
    private readonly events: ClientEvents,
  ) {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const onread = {
      buffer,
      callback: (length: number): boolean => {
        this.read(buffer, length);
        return true;
      },
    };
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
    this.socket.on('error', (error) => events.failed(error.message));
    this.socket.on('end', () => events.failed('a connection was closed'));
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('error', reject);
    });
  }

  send(batch: Buffer): void {
    if (this.tail - this.head === RING) throw new Error('the replies are too far behind');
    this.sentMs[this.tail++ & (RING - 1)] = performance.now();
    this.inFlight++;
    this.socket.write(batch);
  }

  close(): void {
    this.socket.removeAllListeners('end');
    this.socket.destroy();
  }

  private read(buffer: Buffer, length: number): void {
    const nowMs = performance.now();
    const { scanner } = this;
    for (let from = 0; from < length; ) {
      from = scanner.scan(buffer, from, length);
      if (!scanner.complete) break;
      if (scanner.type === MINUS) this.events.failed(buffer.toString('latin1', 0, Math.min(length, 200)));
      this.latencies.record(nowMs - this.sentMs[this.head & (RING - 1)]!);
      if (++this.repliesOfHead < this.pipeline) continue;
      this.repliesOfHead = 0;
      this.head++;
      this.inFlight--;
      this.events.answered(this);
    }
  }
}
