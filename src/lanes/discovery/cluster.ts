/**
 * A Cluster's slot map, asked of its own nodes: at the start, now and then, and whenever something says that it is old.
 *
 * A look asks some of the masters as known, and if none of them answers the addresses of the connection string, whose
 * names are resolved anew. What they say together is judged in topology/cluster-views.ts.
 */
import type { Address } from '../../config/url.js';
import { addressesIn, nodesIn, type Shard, shardsIn, type View } from '../../topology/cluster-views.js';
import type { ServerNode } from '../server-node.js';
import type { DiscoveredSide, Discovery } from './discovery.js';
import { Looking } from './look.js';
import type { NameResolver } from './resolver.js';

/** More views than these would only cost time. */
const VIEWS_MAX = 6;

export class ClusterDiscovery implements Discovery {
  private readonly looking: Looking;
  private turn = 0;

  constructor(
    private readonly side: DiscoveredSide,
    private readonly seeds: readonly Address[],
    private readonly resolver: NameResolver,
    everyMs: number,
  ) {
    this.looking = new Looking(() => this.look(), everyMs);
  }

  async connect(): Promise<void> {
    await this.lookNow();
  }

  look(): Promise<void> {
    return this.lookNow().catch(() => {});
  }

  doubt(): void {
    this.looking.soon();
  }

  close(): void {
    this.looking.close();
  }

  private async lookNow(): Promise<void> {
    const live = this.side.liveNodes();
    const from = live.length > VIEWS_MAX ? this.turn++ % live.length : 0;
    const known = await this.shardsBy([...live.slice(from), ...live.slice(0, from)].slice(0, VIEWS_MAX)).catch(
      () => null,
    );
    // nobody who is known is there, or part of the Cluster, any more
    const shards = known ?? (await this.shardsBy(await this.seedNodes()));
    this.side.apply(shards);
  }

  private async shardsBy(nodes: readonly ServerNode[]): Promise<Shard[]> {
    const { views, problem } = await viewsOf(nodes);
    if (views.length === 0) throw problem;
    const shards = shardsIn(views);
    if (shards.every(({ ranges }) => ranges.length === 0)) {
      throw new Error('it serves no slots: the Cluster is not set up');
    }
    return shards;
  }

  private async seedNodes(): Promise<ServerNode[]> {
    const nodes = new Set<ServerNode>();
    for (const { host, port } of this.seeds) {
      // a configuration endpoint stands for several nodes, and for others when they are replaced
      const hosts = await this.resolver.resolve(host).catch(() => [host]);
      for (const address of hosts) nodes.add(this.side.node(address, port));
    }
    return [...nodes];
  }
}

async function viewsOf(nodes: readonly ServerNode[]): Promise<{ views: View[]; problem: unknown }> {
  let problem: unknown = new Error('no node answers');
  const views = await Promise.all(
    nodes.map(async (node) => {
      try {
        return await viewOf(node);
      } catch (error) {
        problem = error;
        return null;
      }
    }),
  );
  return { views: views.filter((view) => view !== null), problem };
}

async function viewOf(node: ServerNode): Promise<View> {
  if (node.state !== 'up') await node.connect();
  const [nodes, slots] = await Promise.all([node.call('CLUSTER', 'NODES'), node.call('CLUSTER', 'SLOTS')]);
  return { nodes: nodesIn(String(nodes), node.address), addresses: addressesIn(slots, node.address.host) };
}
