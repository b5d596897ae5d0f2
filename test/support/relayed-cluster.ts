/**
 * A real Cluster with a relay in front of each of its nodes. The nodes announce the relays' ports, so whoever asks them
 * (CLUSTER SLOTS, MOVED, ASK) is sent to relays again. Between themselves, and with the tests that move their slots, they
 * speak directly. No replicas unless asked for.
 */

import { ownerOf, readView } from '../../src/cli/demo/cluster-view.js';
import { list, text } from '../integration/journey/wire.js';
import { type Cluster, type ClusterNode, type ClusterOptions, startCluster } from './cluster.js';
import { eventually } from './eventually.js';
import { NodeWires } from './node-wires.js';
import { Relay } from './relay.js';

const AGREE_MS = 20_000;

export class RelayedCluster {
  private constructor(
    readonly cluster: Cluster,
    readonly wires: NodeWires,
    private relays: readonly Relay[],
  ) {}

  static async start(options: ClusterOptions = {}): Promise<RelayedCluster> {
    const cluster = await startCluster({ replicasPerMaster: 0, ...options });
    const relayed = new RelayedCluster(cluster, new NodeWires(options.password), []);
    await relayed.renewRelays();
    return relayed;
  }

  /** Other relays, with nothing held and nobody connected. */
  async renewRelays(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.close()));
    const { nodes } = this.cluster;
    this.relays = await Promise.all(nodes.map(({ port }) => Relay.to(port)));
    await Promise.all(
      nodes.map((node, i) => this.ask(node, 'CONFIG', 'SET', 'cluster-announce-port', this.relays[i]!.port)),
    );
    const expected = this.relays.map(({ port }) => port);
    await eventually('the nodes to announce their relays', AGREE_MS, async () => {
      const seen = await Promise.all(nodes.map((node) => this.portsSeenBy(node)));
      return seen.every((ports) => ports.every((port) => expected.includes(port))) ? '' : 'an announcement';
    });
  }

  /** Through the relays. */
  get url(): string {
    return `redis+cluster://${this.relays.map(({ port }) => `127.0.0.1:${port}`).join()}`;
  }

  relayOf(node: ClusterNode): Relay {
    return this.relays[this.cluster.nodes.indexOf(node)]!;
  }

  /** The node that serves the slot, and another master. */
  async ends(slot: number): Promise<{ from: ClusterNode; to: ClusterNode }> {
    const from = await this.cluster.ownerOf(slot);
    const to = (await this.cluster.masters()).map(({ node }) => node).find((node) => node !== from)!;
    return { from, to };
  }

  /** Moves the slot; resolves when all nodes know of it. */
  async move(slot: number, to: ClusterNode): Promise<void> {
    await this.cluster.moveSlot(slot, to);
    await this.agree(slot);
  }

  /**
   * Resolves when all nodes name the same owner. In Redis 7.0.15 a slot that goes back and forth may end as nobody's: its
   * last owner takes an old claim of the other one for a new one, while everybody else names it. So they are told. (It may
   * happen later as well: a test had better move another slot each time.)
   */
  async agree(slot: number): Promise<void> {
    await eventually(`the owner of slot ${slot}`, AGREE_MS, async () => {
      const { nodes } = this.cluster;
      const views = await Promise.all(
        nodes.map(async (node) => readView(text(await this.ask(node, 'CLUSTER', 'NODES')))),
      );
      const named = views.map((view) => ownerOf(view, slot));
      const votes = (id: string): number => named.filter((other) => other === id).length;
      const owner = [...named].sort((a, b) => votes(b) - votes(a))[0]!;
      const dissenting = nodes.filter((_, i) => named[i] !== owner);
      for (const node of dissenting) await this.ask(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', owner);
      return dissenting.length === 0 ? '' : 'an agreement';
    });
  }

  ask(node: ClusterNode, ...args: (string | number | Buffer)[]): ReturnType<NodeWires['ask']> {
    return this.wires.ask(node.port, ...args);
  }

  /** The same of every node. */
  async askAll(...args: (string | number)[]): Promise<void> {
    await Promise.all(this.cluster.nodes.map((node) => this.ask(node, ...args)));
  }

  releaseAll(): void {
    for (const relay of this.relays) relay.releaseAll();
  }

  async stop(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.close()));
    this.wires.close();
    await this.cluster.stop();
  }

  private async portsSeenBy(node: ClusterNode): Promise<number[]> {
    const nodes = text(await this.ask(node, 'CLUSTER', 'NODES'));
    const slots = list(await this.ask(node, 'CLUSTER', 'SLOTS'));
    return [
      ...[...nodes.matchAll(/:(\d+)@/g)].map(([, port]) => Number(port)),
      ...slots.map((range) => Number(text(list(list(range)[2]!)[1]!))),
    ];
  }
}
