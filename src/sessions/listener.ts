/**
 * The listening socket: one Session per client connection, up to `maxClients`.
 *
 * https://redis.io/docs/reference/clients (maximum concurrent clients: the error, then the connection is closed)
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Switchboard } from '../routing/switchboard.js';
import { Clients } from './clients.js';
import { Session } from './session.js';

export class Listener {
  readonly clients: Clients;
  private readonly server: Server;

  constructor(private readonly board: Switchboard) {
    this.clients = new Clients(board);
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.accept(socket));
  }

  /** Resolves to the port taken. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port, backlog: 4096 }, () => {
        this.server.off('error', reject);
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Stops accepting; open sessions go on. */
  stopAccepting(): void {
    this.server.close();
  }

  closeAll(): void {
    this.server.close();
    this.clients.stop();
  }

  private accept(socket: Socket): void {
    if (this.clients.byId.size >= this.board.config.limits.maxClients) {
      socket.end('-ERR max number of clients reached\r\n');
      socket.on('error', () => {});
      return;
    }
    new Session(this.board, socket, this.clients);
  }
}
