/**
 * A real Cluster whose nodes have one port and a loopback address each, so that one DNS name can stand for all of them, as
 * a configuration endpoint does. Masters only; `replaceAll` puts others in their place while it runs.
 */

import { freeClusterPort } from '../../src/cli/demo/cluster-ports.js';
import { text, Wire } from '../integration/journey/wire.js';
import { eventually } from './eventually.js';
import { infoField } from './node-wires.js';
import { type RedisServer, startRedis } from './redis.js';

const SLOT_COUNT = 16384;
const SETTLE_MS = 30_000;

interface Node {
  readonly server: RedisServer;
  readonly wire: Wire;
  readonly id: string;
}

export interface HostedOptions {
  /** files: between the nodes, and for clients at `tlsPort`; they answer plain questions too */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  /** default: one that is free */
  readonly port?: number;
}

export class HostedCluster {
  private constructor(
    private nodes: Node[],
    /** without TLS */
    readonly port: number,
    private readonly tls: HostedOptions['tls'],
    /** the one by which the nodes know each other, where they use TLS */
    readonly tlsPort: number,
  ) {}

  static async open(hosts: readonly string[], options: HostedOptions = {}): Promise<HostedCluster> {
    const port = options.port ?? (await freeClusterPort());
    const cluster = new HostedCluster([], port, options.tls, await freeClusterPort());
    try {
      for (const host of hosts) cluster.nodes.push(await cluster.start(host));
      const share = (i: number): number => Math.floor((i * SLOT_COUNT) / hosts.length);
      for (const [i, node] of cluster.nodes.entries()) {
        await ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
        await ask(node, 'CLUSTER', 'ADDSLOTSRANGE', share(i), share(i + 1) - 1);
      }
      await cluster.meet(cluster.nodes);
      await cluster.isOk();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get hosts(): string[] {
    return this.nodes.map(({ server }) => server.host);
  }

  /** To each master, opened for the caller. */
  wires(): Promise<Wire[]> {
    return Promise.all(this.nodes.map(({ server }) => Wire.open(server.port, 0, server.host)));
  }

  /**
   * As many new nodes join as replicas, take over without a lost write, and the old ones are removed: they run on, outside
   * of the Cluster and empty, until `end` is called.
   */
  async replaceAll(hosts: readonly string[]): Promise<{ end(): Promise<void> }> {
    const old = this.nodes;
    const fresh: Node[] = [];
    for (const host of hosts) fresh.push(await this.start(host));
    this.nodes = [...old, ...fresh];
    await this.meet(this.nodes);
    for (const [i, node] of fresh.entries()) await ask(node, 'CLUSTER', 'REPLICATE', old[i]!.id);
    for (const node of fresh) {
      await eventually(`the replication to ${node.server.host}`, SETTLE_MS, async () =>
        infoField(await ask(node, 'INFO', 'replication'), 'master_link_status') === 'up' ? '' : 'the link',
      );
    }
    for (const node of fresh) {
      await eventually(`the promotion of ${node.server.host}`, SETTLE_MS, async () => {
        if (infoField(await ask(node, 'INFO', 'replication'), 'role') === 'master') return '';
        await ask(node, 'CLUSTER', 'FAILOVER');
        await new Promise((resolve) => setTimeout(resolve, 300));
        return 'its mastership';
      });
    }
    this.nodes = fresh;
    await this.isOk();
    for (const node of fresh) for (const { id } of old) await ask(node, 'CLUSTER', 'FORGET', id);
    for (const node of old) await ask(node, 'CLUSTER', 'RESET', 'HARD');
    return { end: () => stopAll(old) };
  }

  async stop(): Promise<void> {
    await stopAll(this.nodes);
  }

  private async start(host: string): Promise<Node> {
    const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-announce-ip', host];
    args.push('--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', '--shutdown-timeout', '0');
    if (this.tls !== undefined) {
      const { cert, key, ca } = this.tls;
      args.push('--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca);
      args.push('--tls-port', String(this.tlsPort), '--tls-cluster', 'yes', '--tls-replication', 'yes');
    }
    const server = await startRedis({ host, port: this.port, args });
    const wire = await Wire.open(server.port, 0, host);
    return { server, wire, id: text(await wire.send('CLUSTER', 'MYID')) };
  }

  private async meet(nodes: readonly Node[]): Promise<void> {
    const { length } = nodes;
    await eventually('the meeting of the nodes', SETTLE_MS, async () => {
      for (const node of nodes) {
        const lines = (await ask(node, 'CLUSTER', 'NODES')).trim().split('\n');
        if (lines.length === length && !lines.some((line) => /handshake|noaddr/.test(line))) continue;
        for (const other of nodes) {
          if (other !== node)
            await ask(node, 'CLUSTER', 'MEET', other.server.host, this.tls === undefined ? this.port : this.tlsPort);
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
        return `the others, at ${node.server.host}`;
      }
      return '';
    });
  }

  private async isOk(): Promise<void> {
    await eventually('a cluster that is ok', SETTLE_MS, async () => {
      for (const node of this.nodes) {
        const info = await ask(node, 'CLUSTER', 'INFO');
        if (infoField(info, 'cluster_state') !== 'ok') return `ok of ${node.server.host}`;
        const views = await Promise.all(this.nodes.map((one) => ask(one, 'CLUSTER', 'SLOTS')));
        if (new Set(views.map((view) => [...view.matchAll(/\d+,\d+,/g)].sort().join())).size !== 1) return 'agreement';
      }
      return '';
    });
  }
}

async function ask(node: Node, ...args: (string | number)[]): Promise<string> {
  const reply = await node.wire.send(...args);
  if (reply instanceof Error) throw new Error(`${args.join(' ')} on ${node.server.host}: ${reply.message}`);
  return Array.isArray(reply) ? JSON.stringify(reply.map(String)) : text(reply);
}

async function stopAll(nodes: readonly Node[]): Promise<void> {
  for (const { wire } of nodes) wire.close();
  await Promise.all(nodes.map(({ server }) => server.stop()));
}
