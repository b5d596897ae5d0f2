/**
 * A TCP forwarder whose replies lie about their kind: now and then the byte where a reply (or one of its elements) begins
 * is another one, one that is no type at all or the type of something else.
 *
 * It never adds or takes away a whole reply, nor makes a number the count of an array that would take the next replies along:
 * RESP does not say whose reply one is, so nobody could tell whose the later ones are.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../../history/random.js';

const SCALARS = Buffer.from('+-:$_#,(!=\0x\r', 'latin1');
const TYPES = Buffer.concat([SCALARS, Buffer.from('*%~>|', 'latin1')]);
const LF = 10;
const STAR = 42;
const COLON = 58;

export class Liar {
  lies = 0;
  /** one chunk of replies in so many has a lie; 0: none */
  oneIn = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor(
    serverPort: number,
    private readonly random: Random,
  ) {
    this.server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port: serverPort, host: '127.0.0.1', noDelay: true });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => {
          this.sockets.delete(from);
          to.destroy();
        });
      }
      near.on('data', (chunk) => far.write(chunk));
      far.on('data', (chunk) => near.write(this.told(chunk)));
    });
  }

  static async to(serverPort: number, random: Random): Promise<Liar> {
    const liar = new Liar(serverPort, random);
    liar.server.listen(0, '127.0.0.1');
    await once(liar.server, 'listening');
    return liar;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private told(chunk: Buffer): Buffer {
    const { random } = this;
    if (this.oneIn === 0 || !random.oneIn(this.oneIn)) return chunk;
    const lineEnd = chunk.indexOf(LF, random.below(chunk.length));
    const at = lineEnd < 0 || lineEnd === chunk.length - 1 ? 0 : lineEnd + 1;
    if (chunk[at] === STAR) return chunk;
    const types = chunk[at] === COLON ? SCALARS : TYPES;
    chunk[at] = types[random.below(types.length)]!;
    this.lies++;
    return chunk;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
