/** Many clients that said hello once and then do nothing. */
import { connect, type Socket } from 'node:net';

/** Connecting at once; a listener's queue is finite. */
const AT_ONCE = 100;
const PING = '*1\r\n$4\r\nPING\r\n';

export async function gather(port: number, clients: number): Promise<Crowd> {
  const crowd = new Crowd(port);
  await crowd.grow(clients);
  return crowd;
}

export class Crowd {
  private readonly sockets: Socket[] = [];
  private failure = '';

  constructor(private readonly port: number) {}

  async grow(clients: number): Promise<void> {
    let begun = 0;
    const one = async (): Promise<void> => {
      while (begun++ < clients && this.failure === '') await this.connect();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    if (this.failure !== '') throw new Error(`after ${this.sockets.length} clients: ${this.failure}`);
  }

  go(): void {}

  async halt(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
  }

  /** How many are connected still. */
  window(): number {
    return this.sockets.filter(({ destroyed }) => !destroyed).length;
  }

  /** Resolves when its PING is answered. */
  private connect(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('error', (error) => {
        this.failure ||= error.message;
        resolve();
      });
      socket.once('connect', () => socket.write(PING));
      socket.once('data', (chunk) => {
        if (!chunk.toString('latin1').startsWith('+PONG')) this.failure ||= chunk.toString('latin1').trim();
        this.sockets.push(socket);
        resolve();
      });
      socket.on('data', () => {});
      socket.on('close', () => resolve());
    });
  }
}
