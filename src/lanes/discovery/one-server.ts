/**
 * One server behind a DNS name: whoever the name stands for now. It is resolved again now and then and whenever
 * something hints at a move (a lost connection, READONLY). Then
 *
 *   the server that is used is among the answers, and a master      it stays
 *   an answer is a master                                           that one
 *   none is, or nothing is answered                                 what is used stays, and is looked at again soon: a
 *                                                                   name may move before the roles do, and a master that
 *                                                                   is left for its own replica would only be missed
 *
 * At the first contact a replica will do, if there is nothing else.
 */
import type { Address } from '../../config/url.js';
import type { ServerNode } from '../server-node.js';
import { type DiscoveredSide, type Discovery, type MovingSlots, NOTHING_MOVES } from './discovery.js';
import { Looking } from './look.js';
import type { NameResolver } from './resolver.js';

/** Between looks while nobody is right. */
const UNSETTLED_MS = 50;

export class NamedServer implements Discovery {
  readonly hasMovingSlots = false;
  private readonly looking: Looking;
  private current: ServerNode | null = null;

  constructor(
    private readonly side: DiscoveredSide,
    private readonly address: Address,
    private readonly resolver: NameResolver,
    everyMs: number,
  ) {
    this.looking = new Looking(async () => void (await this.look()), everyMs);
  }

  async connect(): Promise<void> {
    await this.lookNow();
  }

  look(): Promise<MovingSlots | null> {
    return this.lookNow().then(
      () => NOTHING_MOVES,
      () => null,
    );
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
    const nodes = hosts.map((host) => this.side.node(host, this.address.port));
    const asked = nodes.map((node) => new Asked(node));
    const own = asked.find(({ node }) => node === current);
    if (own !== undefined && (await own.isMaster)) {
      this.side.apply([shardOf(own.node)]);
      return;
    }
    const master = await firstMaster(asked);
    const next = master ?? current ?? (await firstReachable(asked, this.address.host));
    if (master === null) this.looking.soon(UNSETTLED_MS);
    this.current = next;
    this.side.apply([shardOf(next)]);
  }
}

/** A server that is being asked what it is. */
class Asked {
  /** Null: it did not answer. */
  readonly role: Promise<string | null>;
  readonly isMaster: Promise<boolean>;
  problem: unknown = null;

  constructor(readonly node: ServerNode) {
    this.role = roleOf(node).catch((error: unknown) => {
      this.problem = error;
      return null;
    });
    this.isMaster = this.role.then((role) => role !== null && role !== 'slave');
  }
}

/** The first that says so: one that is away must not hold up the others. */
function firstMaster(asked: readonly Asked[]): Promise<ServerNode | null> {
  return Promise.any(
    asked.map(async ({ node, isMaster }) => {
      if (await isMaster) return node;
      throw new Error('it is no master');
    }),
  ).catch(() => null);
}

async function firstReachable(asked: readonly Asked[], name: string): Promise<ServerNode> {
  for (const { node, role } of asked) if ((await role) !== null) return node;
  throw asked[0]?.problem ?? new Error(`${name} has no address`);
}

function shardOf(node: ServerNode): Parameters<DiscoveredSide['apply']>[0][number] {
  return { master: node.address, replicas: [], ranges: [] };
}

async function roleOf(node: ServerNode): Promise<string> {
  if (node.state !== 'up') await node.connect();
  await node.refreshReplication();
  return node.role;
}
