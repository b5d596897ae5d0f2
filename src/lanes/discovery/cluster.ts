/**
 * A Cluster's slot map, asked of its own nodes: at the start, now and then, and whenever something says that it is old.
 *
 * A look asks the masters as known (now and then: some of them), and if none of them answers the addresses of the
 * connection string, whose names are resolved anew. What they say together is judged in topology/cluster-views.ts.
 */
import type { Address } from '../../config/url.js';
import { addressesIn, nodesIn, type Shard, shardsIn, type View } from '../../topology/cluster-views.js';
import type { ServerNode } from '../server-node.js';
import type { DiscoveredSide, Discovery, MovingSlots } from './discovery.js';
import { Looking } from './look.js';
import type { NameResolver } from './resolver.js';

/** Of looks that nobody waits for more views than these would only cost time. */
const VIEWS_MAX = 6;

export class ClusterDiscovery implements Discovery {
  private readonly looking: Looking;
  private turn = 0;
  /** The masters that said, when they were last asked, that slots of theirs are on their way. */
  private readonly movers = new Set<ServerNode>();

  constructor(
    private readonly side: DiscoveredSide,
    private readonly seeds: readonly Address[],
    private readonly resolver: NameResolver,
    everyMs: number,
  ) {
    this.looking = new Looking(async () => void (await this.lookNow(VIEWS_MAX).catch(() => {})), everyMs);
  }

  async connect(): Promise<void> {
    await this.lookNow(VIEWS_MAX);
  }

  look(): Promise<MovingSlots | null> {
    return this.lookNow(Number.POSITIVE_INFINITY).catch(() => null);
  }

  get hasMovingSlots(): boolean {
    return this.movers.size > 0 && this.side.liveNodes().some((node) => this.movers.has(node));
  }

  doubt(): void {
    this.looking.soon();
  }

  close(): void {
    this.looking.close();
  }

  /** Asks `viewsMax` masters at most. */
  private async lookNow(viewsMax: number): Promise<MovingSlots | null> {
    const live = this.side.liveNodes();
    const from = live.length > viewsMax ? this.turn++ % live.length : 0;
    const some = [...live.slice(from), ...live.slice(0, from)].slice(0, viewsMax);
    const known = await this.seenBy(some).catch(() => null);
    // nobody who is known is there, or part of the Cluster, any more
    const { shards, views } = known ?? (await this.seenBy(await this.seedNodes()));
    this.side.apply(shards);
    for (const [node, { nodes }] of views) {
      if (nodes.some(({ moving }) => moving.length > 0)) this.movers.add(node);
      else this.movers.delete(node);
    }
    const isAway = ({ master, ranges }: Shard): boolean =>
      ranges.length > 0 && !views.has(this.side.node(master.host, master.port));
    return shards.some(isAway) ? null : movingIn(views);
  }

  private async seenBy(nodes: readonly ServerNode[]): Promise<{ shards: Shard[]; views: Views }> {
    const { views, problem } = await viewsOf(nodes);
    if (views.size === 0) throw problem;
    const shards = shardsIn([...views.values()]);
    if (shards.every(({ ranges }) => ranges.length === 0)) {
      throw new Error('it serves no slots: the Cluster is not set up');
    }
    return { shards, views };
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

type Views = ReadonlyMap<ServerNode, View>;

async function viewsOf(nodes: readonly ServerNode[]): Promise<{ views: Views; problem: unknown }> {
  let problem: unknown = new Error('no node answers');
  const views = new Map<ServerNode, View>();
  await Promise.all(
    nodes.map(async (node) => {
      try {
        views.set(node, await viewOf(node));
      } catch (error) {
        problem = error;
      }
    }),
  );
  return { views, problem };
}

function movingIn(views: Views): MovingSlots {
  const found = new Map<number, ServerNode[]>();
  for (const [teller, { nodes }] of views) {
    for (const slot of nodes.flatMap(({ moving }) => moving)) found.set(slot, [...(found.get(slot) ?? []), teller]);
  }
  return found;
}

async function viewOf(node: ServerNode): Promise<View> {
  if (node.state !== 'up') await node.connect();
  const [nodes, slots] = await Promise.all([node.call('CLUSTER', 'NODES'), node.call('CLUSTER', 'SLOTS')]);
  return { nodes: nodesIn(String(nodes), node.address), addresses: addressesIn(slots, node.address.host) };
}
