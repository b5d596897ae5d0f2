/**
 * One server behind a DNS name: whoever the name stands for now. It is resolved again now and then and whenever
 * something hints at a move (a lost connection, READONLY); the server is another one when its address is no longer among
 * the answers, or when it has become a replica and another answer has not.
 */
import type { Address } from '../../config/url.js';
import type { ServerNode } from '../server-node.js';
import type { DiscoveredSide, Discovery } from './discovery.js';
import { Looking } from './look.js';
import type { NameResolver } from './resolver.js';

export class NamedServer implements Discovery {
  private readonly looking: Looking;
  private current: ServerNode | null = null;

  constructor(
    private readonly side: DiscoveredSide,
    private readonly address: Address,
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
    const hosts = await this.resolver.resolve(this.address.host);
    const { current } = this;
    if (current !== null && hosts.includes(current.address.host)) {
      const role = await roleOf(current).catch(() => 'unknown');
      if (role !== 'slave' && (role !== 'unknown' || hosts.length === 1)) return;
    }
    let candidate: ServerNode | null = null;
    let problem: unknown = new Error(`${this.address.host} has no address`);
    for (const host of hosts) {
      const node = this.side.node(host, this.address.port);
      try {
        const role = await roleOf(node);
        candidate ??= node;
        if (role === 'slave') continue;
        candidate = node;
        break;
      } catch (error) {
        problem = error;
      }
    }
    if (candidate === null) throw problem;
    if (candidate === current) return;
    this.current = candidate;
    this.side.apply([{ master: candidate.address, replicas: [], ranges: [] }]);
  }
}

async function roleOf(node: ServerNode): Promise<string> {
  if (node.state !== 'up') await node.connect();
  await node.refreshReplication();
  return node.role;
}
