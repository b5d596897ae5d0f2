/**
 * How running nodes become a Redis Cluster, in seconds, and how to know that it has settled.
 *
 * The steps are introduce → (wait for `strangers` to be '') → replicate → (wait for `unrest` to be ''). Who waits, and
 * how a node is asked, is the caller's. Nodes stand in one order throughout: first the masters, then the replicas.
 */
import { SLOT_COUNT } from '../../topology/crc16.js';
import { doubt, type NodeView, readView, rolesAndSlots, type SlotRange } from './cluster-view.js';

export interface Member {
  readonly port: number;
  readonly nodeId: string;
}

/** A command for the node on that port of 127.0.0.1; an error reply is thrown. */
export type Ask = (port: number, ...command: (string | number)[]) => Promise<string>;

/** Of every node: a replica is filled without waiting for others, a master ends without waiting for replicas. */
export function memberArgs(nodeTimeoutMs: number): string[] {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs)];
  // a replica may take over however long it has been cut off
  args.push('--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0');
  args.push('--repl-ping-replica-period', '1', '--shutdown-timeout', '0');
  return args;
}

/** The first `masters` nodes share the slots, and everybody meets everybody. */
export async function introduce(nodes: readonly Member[], masters: number, ask: Ask): Promise<void> {
  // epochs of their own from the start: else the nodes have to find out, pair by pair, that theirs are the same
  await Promise.all(nodes.map(({ port }, i) => ask(port, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1)));
  await Promise.all(
    nodes.slice(0, masters).map(({ port }, i) => ask(port, 'CLUSTER', 'ADDSLOTSRANGE', ...share(i, masters))),
  );
  // all at once, which is quicker than to wait for gossip
  const meetings = nodes.flatMap((node, i) => nodes.slice(i + 1).map((other) => [node.port, other.port] as const));
  await Promise.all(meetings.map(([port, other]) => ask(port, 'CLUSTER', 'MEET', '127.0.0.1', other)));
}

/** Somebody whom somebody does not know yet; '' once all know all. */
export async function strangers(nodes: readonly Member[], ask: Ask): Promise<string> {
  const views = await Promise.all(nodes.map(({ port }) => viewOf(port, ask)));
  return doubts(views, nodes)[0] ?? '';
}

/** The nodes behind the first `masters` become replicas of these in turn. */
export async function replicate(nodes: readonly Member[], masters: number, ask: Ask): Promise<void> {
  const replicas = nodes.slice(masters);
  await Promise.all(replicas.map(({ port }, i) => ask(port, 'CLUSTER', 'REPLICATE', nodes[i % masters]?.nodeId ?? '')));
}

/** '' when `running` agree on who is what, find the cluster ok, and no replica's link is down; else what is missing. */
export async function unrest(running: readonly Member[], ask: Ask): Promise<string> {
  const views = await Promise.all(running.map(({ port }) => viewOf(port, ask)));
  const [first] = doubts(views, running);
  if (first !== undefined) return first;
  if (new Set(views.map(rolesAndSlots)).size !== 1) return 'agreement';
  const states = await Promise.all(running.map(({ port }) => unready(port, ask)));
  return states.find((state) => state !== '') ?? '';
}

export async function viewOf(port: number, ask: Ask): Promise<NodeView[]> {
  return readView(await ask(port, 'CLUSTER', 'NODES'));
}

function doubts(views: readonly NodeView[][], nodes: readonly Member[]): string[] {
  const ids = nodes.map(({ nodeId }) => nodeId);
  return views.map((view) => doubt(view, ids)).filter((why) => why !== '');
}

async function unready(port: number, ask: Ask): Promise<string> {
  const state = /^cluster_state:(\w+)/m.exec(await ask(port, 'CLUSTER', 'INFO'))?.[1] ?? 'unknown';
  if (state !== 'ok') return `state ok of ${port}, which is ${state}`;
  const isCutOff = (await ask(port, 'INFO', 'replication')).includes('master_link_status:down');
  return isCutOff ? `the link of ${port} to its master` : '';
}

function share(index: number, masters: number): SlotRange {
  const first = (i: number): number => Math.floor((i * SLOT_COUNT) / masters);
  return [first(index), first(index + 1) - 1];
}
