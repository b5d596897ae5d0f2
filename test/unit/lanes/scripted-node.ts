/**
 * A server of a few lines for the tests of lanes: it listens on a real loopback port, reads RESP and answers what its
 * script says, so that a test decides in which state two nodes of a Cluster find each other.
 *
 *   answer     the reply to a command, as RESP; '' for none at all
 *   hold       replies are kept back, in their order, until `pass` or `release`; commands are executed nevertheless
 *
 * `received` is every command that came, in order; its name and arguments with a space between.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { frameEnd, textsOf } from '../../support/resp-frames.js';

export type Script = (command: string, connection: NodeConnection) => string;

/** What a script may remember of one connection. */
export interface NodeConnection {
  /** The command before was ASKING (or MULTI, for which that lasts until EXEC). */
  asking: boolean;
  inMulti: boolean;
  queued: string[];
  isSpoilt: boolean;
}

export class ScriptedNode {
  readonly received: string[] = [];
  script: Script = () => '+OK\r\n';
  connections = 0;
  private readonly sockets = new Set<Socket>();
  private readonly held: (() => void)[] = [];
  private isHolding = false;

  private constructor(private readonly listener: Server) {
    listener.on('connection', (socket) => this.serve(socket));
  }

  static async start(): Promise<ScriptedNode> {
    const listener = createServer({ noDelay: true });
    const node = new ScriptedNode(listener);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return node;
  }

  get port(): number {
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the node is stopped');
    return address.port;
  }

  /** Without ASKING, MULTI and EXEC. */
  get commands(): string[] {
    return this.received.filter((command) => !/^(ASKING|MULTI|EXEC)$/.test(command));
  }

  get open(): number {
    return this.sockets.size;
  }

  hold(): void {
    this.isHolding = true;
  }

  /** The next reply that is kept back goes out. */
  pass(): void {
    const next = this.held.shift();
    if (next === undefined) throw new Error('no reply is held');
    next();
  }

  release(): void {
    this.isHolding = false;
    while (this.held.length > 0) this.pass();
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    if (!this.listener.listening) return;
    this.listener.close();
    await once(this.listener, 'close');
  }

  private serve(socket: Socket): void {
    this.connections++;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    const connection: NodeConnection = { asking: false, inMulti: false, queued: [], isSpoilt: false };
    let bytes: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let end = frameEnd(bytes, 0); end >= 0; end = frameEnd(bytes, 0)) {
        const command = textsOf(bytes.subarray(0, end)).join(' ');
        bytes = bytes.subarray(end);
        this.received.push(command);
        const reply = this.script(command, connection);
        if (this.isHolding) this.held.push(() => socket.write(reply));
        else if (reply !== '') socket.write(reply);
      }
    });
  }
}

/**
 * As a node of a Cluster reads its input: ASKING counts for the next command, MULTI opens a transaction, what is refused
 * while queueing spoils it. `run` answers one command; its errors are those of a queued command too.
 */
export function clusterNode(run: (command: string, asked: boolean) => string): Script {
  return (command, c) => {
    const asked = c.asking;
    if (command === 'ASKING') {
      c.asking = true;
      return '+OK\r\n';
    }
    if (command === 'MULTI') {
      Object.assign(c, { inMulti: true, queued: [], isSpoilt: false });
      return '+OK\r\n';
    }
    if (command === 'EXEC') {
      const { queued, isSpoilt } = c;
      Object.assign(c, { inMulti: false, asking: false });
      if (isSpoilt) return '-EXECABORT Transaction discarded because of previous errors.\r\n';
      return `*${queued.length}\r\n${queued.map((one) => run(one, asked)).join('')}`;
    }
    if (!c.inMulti) {
      c.asking = false;
      return run(command, asked);
    }
    const reply = run(`queue ${command}`, asked);
    if (reply.startsWith('-')) c.isSpoilt = true;
    else c.queued.push(command);
    return reply.startsWith('-') ? reply : '+QUEUED\r\n';
  };
}
