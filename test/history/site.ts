/**
 * One side of a migration as a track of seeds uses it, one seed after the other: a standalone server, or a Cluster that
 * all of them share, since it takes seconds to start. Every server stands behind a wire of its own (wire.ts); a Cluster's
 * nodes announce their wires' ports, so that MOVED and ASK lead through them as well.
 */
import { type Cluster, startCluster } from '../support/cluster.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { directly } from './compare.js';
import type { Random } from './random.js';
import { Wire, type WireOptions } from './wire.js';

export type SiteKind = 'standalone' | 'cluster' | 'cluster with replicas';

const MASTERS = 3;

export class Site {
  private constructor(
    /** null: a standalone server */
    readonly cluster: Cluster | null,
    private readonly server: RedisServer | null,
    private readonly wires: readonly Wire[],
  ) {}

  static async start(kind: SiteKind): Promise<Site> {
    if (kind === 'standalone') {
      const server = await startRedis();
      const wire = new Wire(server.port);
      await wire.open();
      return new Site(null, server, [wire]);
    }
    const wires: Wire[] = [];
    const announce = async (port: number): Promise<number> => {
      const wire = new Wire(port);
      wires.push(wire);
      await wire.open();
      return wire.port;
    };
    const cluster = await startCluster({
      masters: MASTERS,
      replicasPerMaster: kind === 'cluster' ? 0 : 1,
      announce,
    });
    return new Site(cluster, null, wires);
  }

  /** For Ferry. */
  get url(): string {
    if (this.cluster === null) return `redis://127.0.0.1:${this.wires[0]!.port}`;
    return `redis+cluster://${this.wires.map(({ port }) => `127.0.0.1:${port}`).join()}`;
  }

  /** Of all servers, replicas included. */
  get allPorts(): number[] {
    return this.cluster === null ? [this.server!.port] : this.cluster.nodes.map(({ port }) => port);
  }

  /** Of those that hold the data now. */
  async ports(): Promise<number[]> {
    if (this.cluster === null) return [this.server!.port];
    return (await this.cluster.masters()).map(({ node }) => node.port);
  }

  /** The wires' character for one seed. */
  begin(random: Random, options: WireOptions): void {
    for (const wire of this.wires) wire.becomes(random.fork(), options);
  }

  /** The seed is over: nothing of it goes on. */
  async end(): Promise<void> {
    for (const wire of this.wires) wire.clear();
    await this.cluster?.settled();
  }

  /** Loses a connection to one of the servers, as seen from the other end. */
  cut(random: Random): void {
    random.pick(this.wires).cut();
  }

  /** Loses one as seen by the server. */
  async kill(random: Random): Promise<void> {
    const wire = random.pick(this.wires);
    const address = wire.pickAddress();
    if (address === null) return;
    const server = await directly(wire.serverPort, 0);
    await server.ask([['CLIENT', 'KILL', 'ADDR', address]]);
    server.drop();
  }

  async stop(): Promise<void> {
    await Promise.all([this.cluster?.stop(), this.server?.stop()]);
    await Promise.all(this.wires.map((wire) => wire.close()));
  }
}
