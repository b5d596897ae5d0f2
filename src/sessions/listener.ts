/**
 * The listening socket: one Session per client connection that the door (door.ts) lets in.
 *
 * https://redis.io/docs/reference/clients (maximum concurrent clients: the error, then the connection is closed)
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Config } from '../config/config.js';
import type { Switchboard } from '../routing/switchboard.js';
import type { Certificates } from './certificates.js';
import { Clients } from './clients.js';
import { Door } from './door.js';
import { Session } from './session.js';

export class Listener {
  readonly clients: Clients;
  readonly door: Door;

  constructor(
    private readonly board: Switchboard,
    private readonly certificates: Certificates | null,
  ) {
    this.clients = new Clients(board);
    this.door = new Door(
      () => board.config.limits,
      () => this.clients.byId.size,
      () => board.memory.pressure === 'refusing',
      (socket) => this.serve(socket),
      this.certificates?.server ?? null,
    );
  }

  /** Resolves to the port taken; 0 for a unix socket. */
  async listen({ host, port, path }: Config['listen']): Promise<number> {
    if (path !== undefined) await removeStaleSocket(path);
    const { server } = this.door;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(path === undefined ? { host, port, backlog: 4096 } : { path, backlog: 4096 }, () => {
        server.off('error', reject);
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Reads the certificates; what it returns makes them count. @throws when they are no good, and nothing has changed then */
  prepare(tls: Config['tls']): () => void {
    return this.certificates === null || tls === null ? () => {} : this.certificates.prepare(tls);
  }

  /** Stops accepting; open sessions go on. */
  stopAccepting(): void {
    this.door.close();
  }

  closeAll(): void {
    this.door.close();
    this.clients.stop();
  }

  private serve(socket: Socket): void {
    if (this.certificates?.isRefused(socket as TLSSocket) === true) socket.destroy();
    else new Session(this.board, socket, this.clients).start();
  }
}

/** The socket of a process that is gone is in the way; anything else there is an error. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error('there is a file of that name that is no socket');
  const why = await new Promise<string>((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve('another process listens there');
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED' ? '' : String(code)));
  });
  if (why !== '') throw new Error(why);
  unlinkSync(path);
}
