/**
 * The listening socket: one Session per client connection, up to `maxClients`.
 *
 * https://redis.io/docs/reference/clients (maximum concurrent clients: the error, then the connection is closed)
 */
import { lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import type { Config } from '../config/config.js';
import type { Switchboard } from '../routing/switchboard.js';
import { Clients } from './clients.js';
import { Session } from './session.js';

const HANDSHAKE_TIMEOUT_MS = 10_000;

export class Listener {
  readonly clients: Clients;
  private readonly server: Server;

  constructor(private readonly board: Switchboard) {
    this.clients = new Clients(board);
    this.server = makeServer(board.config.tls, (socket) => this.accept(socket));
  }

  /** Resolves to the port taken; 0 for a unix socket. */
  async listen({ host, port, path }: Config['listen']): Promise<number> {
    if (path !== undefined) await removeStaleSocket(path);
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(path === undefined ? { host, port, backlog: 4096 } : { path, backlog: 4096 }, () => {
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

function makeServer(tls: Config['tls'], accept: (socket: Socket) => void): Server {
  if (tls === null) return createServer({ noDelay: true, allowHalfOpen: true }, accept);
  const ca = tls.ca === null ? {} : { ca: readFileSync(tls.ca) };
  const contexts = new Map(
    Object.entries(tls.sni).map(([name, { cert, key }]) => [
      name.toLowerCase(),
      createSecureContext({ cert: readFileSync(cert), key: readFileSync(key), ...ca, minVersion: 'TLSv1.2' }),
    ]),
  );
  const server = createTlsServer(
    {
      cert: readFileSync(tls.cert),
      key: readFileSync(tls.key),
      ...ca,
      requestCert: tls.clientAuth !== 'no',
      rejectUnauthorized: tls.clientAuth === 'required',
      minVersion: 'TLSv1.2',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      allowHalfOpen: true,
      // a name without a certificate of its own gets the default one
      SNICallback: (name, done) => done(null, contexts.get(name.toLowerCase())),
    },
    (socket) => {
      // who need not show a certificate must not show a wrong one
      const isShown = Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
      if (tls.clientAuth === 'optional' && isShown && !socket.authorized) socket.destroy();
      else accept(socket);
    },
  );
  return server;
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
