/**
 * A relay in front of a server: passes bytes on both ways, and on demand holds replies back, cuts connections or puts
 * bytes of its own into a reply stream. It tells Ferry's connections apart by the purpose in the name that each gives
 * itself (CLIENT SETNAME): client, mirror, control, copy, verify …
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  purpose: string;
}

export class Relay {
  readonly port: number;
  private readonly links = new Set<Link>();
  private readonly held = new Set<string>();
  /** How many connections with each purpose were seen. */
  readonly seen: Record<string, number> = {};
  /** How many there were in all, with a name or without. */
  connections = 0;

  private constructor(
    private readonly server: Server,
    serverPort: number,
  ) {
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    server.on('connection', (near) => this.link(near, connect({ port: serverPort, host: '127.0.0.1', noDelay: true })));
  }

  static open(serverPort: number): Promise<Relay> {
    const server = createServer({ noDelay: true });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(new Relay(server, serverPort))));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** How many connections of that purpose there are. */
  count(purpose: string): number {
    return this.of(purpose).length;
  }

  /** Replies on connections of that purpose wait, until `release`. */
  hold(purpose: string): void {
    this.held.add(purpose);
    for (const link of this.of(purpose)) link.far.pause();
  }

  release(purpose: string): void {
    this.held.delete(purpose);
    for (const link of this.of(purpose)) link.far.resume();
  }

  /** Ends the connections of that purpose, without a word. */
  cut(purpose: string): number {
    const links = this.of(purpose);
    for (const link of links) link.near.destroy();
    return links.length;
  }

  /** Puts bytes into the reply stream of every connection of that purpose. */
  inject(purpose: string, bytes: string): number {
    const links = this.of(purpose);
    for (const link of links) link.near.write(bytes, 'latin1');
    return links.length;
  }

  async close(): Promise<void> {
    for (const link of this.links) link.near.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private of(purpose: string): Link[] {
    return [...this.links].filter((link) => link.purpose === purpose);
  }

  private link(near: Socket, far: Socket): void {
    const link: Link = { near, far, purpose: '' };
    this.connections++;
    this.links.add(link);
    near.on('data', (chunk) => {
      if (link.purpose === '') this.recognise(link, chunk.toString('latin1'));
      far.write(chunk);
    });
    far.on('data', (chunk) => near.write(chunk));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => {});
      one.on('close', () => {
        this.links.delete(link);
        other.destroy();
      });
    }
  }

  private recognise(link: Link, bytes: string): void {
    const purpose = /ferry:\w+:\d+:[\w.]+:(\w+)/.exec(bytes)?.[1];
    if (purpose === undefined) return;
    link.purpose = purpose;
    this.seen[purpose] = (this.seen[purpose] ?? 0) + 1;
    if (this.held.has(purpose)) link.far.pause();
  }
}
