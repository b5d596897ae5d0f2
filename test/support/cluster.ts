/**
 * A real Redis Cluster for tests, 3 masters and a replica of each unless told otherwise, whose slots can be moved and
 * whose masters can be killed while it runs.
 *
 * `startCluster` resolves when every node says that the cluster is ok, all of them agree on roles and slots, and every
 * replica's link is up (2 to 4 seconds: a master takes no write in its first two). Nodes stand in the order of
 * `nodes`: first the masters, by their slots, then the replicas. Nothing is persisted but nodes.conf, so a master that
 * is started again before it was replaced is empty.
 *
 *   killMaster, failedOver     a crash, and its end: a replica owns the slots
 *   restart                    a killed node comes back, as the replica of the one that replaced it
 *   promoteReplicaOf           the planned way, CLUSTER FAILOVER: no write is lost
 *   moveSlot, reshard          whole moves, live; `beginMove` for a test that wants to stay in the middle (slot-move.ts).
 *                              A master that loses its last slot becomes a replica of the one that got it
 */
import {
  type Ask,
  introduce,
  memberArgs,
  replicate,
  strangers,
  unrest,
  viewOf,
} from '../../src/cli/demo/cluster-formation.js';
import { freeClusterPort } from '../../src/cli/demo/cluster-ports.js';
import { type NodeView, ownerOf, type SlotRange } from '../../src/cli/demo/cluster-view.js';
import { list, text } from '../integration/journey/wire.js';
import { eventually } from './eventually.js';
import { NodeWires } from './node-wires.js';
import { withoutOwn } from './own-keys.js';
import { type RedisServer, startRedis } from './redis.js';
import { type MoveOptions, SlotMove } from './slot-move.js';

export interface ClusterOptions {
  /** default 3 */
  readonly masters?: number;
  /** default 1 */
  readonly replicasPerMaster?: number;
  /** extra arguments of every node, or of the i-th; they win over those below */
  readonly args?: readonly string[] | ((index: number) => readonly string[]);
  /** of the default user, on every node and between them */
  readonly password?: string;
  /** how long a node may be silent before it is suspected; default 1500 */
  readonly clusterNodeTimeoutMs?: number;
  /** of the nodes in order: announced, and named in MOVED, ASK and CLUSTER SLOTS instead of addresses */
  readonly hostnames?: readonly string[];
  /** given a node's port, the one to announce instead: where clients and replicas find it, e.g. behind a slow wire */
  readonly announce?: (port: number) => Promise<number>;
}

export interface ClusterNode extends RedisServer {
  readonly nodeId: string;
}

export interface ClusterMaster {
  readonly node: ClusterNode;
  readonly slots: readonly SlotRange[];
}

const PORT_ATTEMPTS = 5;
const SETTLE_MS = 20_000;
const FAILOVER_MS = 30_000;

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const masters = options.masters ?? 3;
  const size = masters * (1 + (options.replicasPerMaster ?? 1));
  const wires = new NodeWires(options.password);
  const started = await Promise.allSettled(
    Array.from({ length: size }, (_, index) => startNode(argsOf(index, options), options, wires)),
  );
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const cluster = new Cluster(nodes, wires, options.password);
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    await cluster.form(masters);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function startNode(
  args: readonly string[],
  { announce }: ClusterOptions,
  wires: NodeWires,
): Promise<ClusterNode> {
  for (let attempt = 1; ; attempt++) {
    try {
      const port = await freeClusterPort();
      const announced = announce === undefined ? [] : ['--cluster-announce-port', String(await announce(port))];
      const server = await startRedis({ port, args: [...args, ...announced] });
      return Object.assign(server, { nodeId: await wires.askText(server.port, 'CLUSTER', 'MYID') });
    } catch (error) {
      if (attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

function argsOf(index: number, options: ClusterOptions): string[] {
  const args = memberArgs(options.clusterNodeTimeoutMs ?? 1500);
  if (options.password !== undefined) args.push('--requirepass', options.password, '--masterauth', options.password);
  const hostname = options.hostnames?.[index];
  if (hostname !== undefined) {
    args.push('--cluster-announce-hostname', hostname, '--cluster-preferred-endpoint-type', 'hostname');
  }
  return [...args, ...(typeof options.args === 'function' ? options.args(index) : (options.args ?? []))];
}

export class Cluster {
  /** One slot of each master that `killMaster` killed: it tells who replaced the node. */
  private readonly slotOfKilled = new Map<string, number>();
  private readonly askNode: Ask = (port, ...command) => this.wires.askText(port, ...command);

  constructor(
    /** all that were started, whatever became of them */
    readonly nodes: readonly ClusterNode[],
    private readonly wires: NodeWires,
    private readonly password: string | undefined,
  ) {}

  /** redis+cluster://, with all nodes, and with the password if there is one */
  get url(): string {
    const login = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`;
    return `redis+cluster://${login}${this.nodes.map(({ port }) => `127.0.0.1:${port}`).join()}`;
  }

  // ── who is what

  /** Current ones that run, in the order of `nodes`, even those without slots. */
  async masters(): Promise<ClusterMaster[]> {
    const views = await this.view();
    return this.running().flatMap((node) => {
      const view = views.find(({ id }) => id === node.nodeId);
      return view?.flags.has('master') ? [{ node, slots: view.slots }] : [];
    });
  }

  /** That run, in the order of `nodes`. */
  async replicasOf(master: ClusterNode): Promise<ClusterNode[]> {
    const ids = (await this.view()).filter(({ masterId }) => masterId === master.nodeId).map(({ id }) => id);
    return this.running().filter(({ nodeId }) => ids.includes(nodeId));
  }

  async ownerOf(slot: number): Promise<ClusterNode> {
    return this.node(ownerOf(await this.view(), slot));
  }

  // ── slots on the move

  /** The slot is migrating when it resolves, and no key has been moved. */
  async beginMove(slot: number, to: ClusterNode): Promise<SlotMove> {
    const from = await this.ownerOf(slot);
    const others = async (): Promise<ClusterNode[]> =>
      (await this.masters()).map(({ node }) => node).filter((node) => node !== from && node !== to);
    const move = new SlotMove(slot, from, to, this.wires, this.password, others);
    await move.begin();
    return move;
  }

  /** How many keys it moved. */
  async moveSlot(slot: number, to: ClusterNode, options: MoveOptions = {}): Promise<number> {
    return (await this.beginMove(slot, to)).finish(options);
  }

  /** One slot after the other. */
  async reshard(slots: readonly number[], to: ClusterNode, options: MoveOptions = {}): Promise<number> {
    let moved = 0;
    for (const slot of slots) moved += await this.moveSlot(slot, to, options);
    return moved;
  }

  // ── failures

  /** SIGKILL for the index-th of `masters()`; resolves when it is dead, which the others do not know yet. */
  async killMaster(index: number): Promise<ClusterNode> {
    const master = (await this.masters())[index];
    if (master === undefined) throw new RangeError(`there is no master ${index}`);
    const { node, slots } = master;
    if (slots[0] !== undefined) this.slotOfKilled.set(node.nodeId, slots[0][0]);
    node.kill();
    await eventually(`the death of ${node.port}`, SETTLE_MS, async () => (isRunning(node) ? 'its end' : ''));
    return node;
  }

  /** Resolves to the replica that replaced a killed master, when the cluster has settled again. */
  async failedOver(node: ClusterNode): Promise<ClusterNode> {
    const slot = this.slotOfKilled.get(node.nodeId);
    if (slot === undefined) throw new Error(`${node.port} was not killed by killMaster, or owned no slots`);
    await eventually(`the failover of ${node.port}`, FAILOVER_MS, async () =>
      ownerOf(await this.view(), slot) === node.nodeId ? 'another owner' : '',
    );
    await this.settled();
    return this.ownerOf(slot);
  }

  /** A planned failover; the replica that is a master now. */
  async promoteReplicaOf(master: ClusterNode): Promise<ClusterNode> {
    const [replica] = await this.replicasOf(master);
    if (replica === undefined) throw new Error(`${master.port} has no replica`);
    await this.wires.ask(replica.port, 'CLUSTER', 'FAILOVER');
    await eventually(`the promotion of ${replica.port}`, FAILOVER_MS, async () =>
      (await this.masters()).some(({ node }) => node === replica) ? '' : 'its mastership',
    );
    await this.settled();
    return replica;
  }

  /** Starts a killed node again; resolves when the cluster has settled. */
  async restart(node: ClusterNode): Promise<void> {
    this.wires.forget(node.port);
    await node.restart();
    await this.settled();
  }

  /** Resolves when the nodes that run agree on who is what, find the cluster ok, and no replica's link is down. */
  async settled(): Promise<void> {
    await eventually('a settled cluster', SETTLE_MS, () => unrest(this.running(), this.askNode));
  }

  // ── data

  /** Of all masters, as latin1, sorted, without Ferry's own. A key that two masters hold is listed twice. */
  async keys(): Promise<string[]> {
    const pages = (await this.masters()).map(async ({ node }) => list(await this.wires.ask(node.port, 'KEYS', '*')));
    return withoutOwn((await Promise.all(pages)).flat().map(text)).sort();
  }

  /** Of all masters together. */
  async dbsize(): Promise<number> {
    return (await this.keys()).length;
  }

  async stop(): Promise<void> {
    this.wires.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  // ── its beginning

  /** Once, by startCluster: the first `masters` nodes share the slots, the others become their replicas in turn. */
  async form(masters: number): Promise<void> {
    const { nodes, askNode } = this;
    await introduce(nodes, masters, askNode);
    await eventually('the meeting of the nodes', SETTLE_MS, () => strangers(nodes, askNode));
    await replicate(nodes, masters, askNode);
    await this.settled();
  }

  private async view(of: ClusterNode | undefined = this.running()[0]): Promise<NodeView[]> {
    if (of === undefined) throw new Error('no node of the cluster runs');
    return viewOf(of.port, this.askNode);
  }

  private running(): ClusterNode[] {
    return this.nodes.filter(isRunning);
  }

  private node(nodeId: string): ClusterNode {
    const found = this.nodes.find((node) => node.nodeId === nodeId);
    if (found === undefined) throw new Error(`no node of the cluster has the id '${nodeId}'`);
    return found;
  }
}

function isRunning(node: RedisServer): boolean {
  try {
    return process.kill(node.pid, 0);
  } catch {
    return false;
  }
}
