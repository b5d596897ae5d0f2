/**
 * What the nodes of a Cluster say of it, and what follows: which node serves which slot. Pure.
 *
 * Each node has a view of its own (CLUSTER NODES), and while a change spreads views differ. As in the Cluster itself, of
 * two masters that claim a slot the one with the greater config epoch has it. Where a node is to be reached is what
 * CLUSTER SLOTS says (it knows of `cluster-preferred-endpoint-type`), else its address in CLUSTER NODES.
 * https://redis.io/commands/cluster-nodes https://redis.io/docs/reference/cluster-spec
 */
import { SLOT_COUNT } from './crc16.js';

export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** A master, its replicas, and the slots that it serves, both ends included. */
export interface Shard {
  readonly master: NodeAddress;
  readonly replicas: readonly NodeAddress[];
  readonly ranges: readonly (readonly [from: number, to: number])[];
  /** Of a Cluster: another one whenever the master has taken over a slot and was not the newest to do so. */
  readonly configEpoch?: number;
}

export interface SeenNode extends NodeAddress {
  readonly id: string;
  /** It said this itself. */
  readonly isMyself: boolean;
  readonly isMaster: boolean;
  /** Nobody could connect to it for a while, or it is not yet part of the Cluster. */
  readonly isUsable: boolean;
  readonly masterId: string;
  readonly configEpoch: number;
  readonly ranges: readonly (readonly [from: number, to: number])[];
  /** Slots that are on their way from or to the node that was asked; only of that node itself. */
  readonly moving: readonly number[];
}

/** CLUSTER NODES, as the node at `asked` answered it. */
export function nodesIn(text: string, asked: NodeAddress): SeenNode[] {
  const nodes: SeenNode[] = [];
  for (const line of text.split('\n')) {
    const [id, place, flags, masterId, , , configEpoch, , ...slots] = line.trim().split(' ');
    if (id === undefined || place === undefined || flags === undefined || masterId === undefined) continue;
    const words = flags.split(',');
    const at = /^(.*):(\d+)(?:@\d+)?(?:,.*)?$/.exec(place);
    if (at === null) continue;
    const isMyself = words.includes('myself');
    nodes.push({
      id,
      host: at[1] === '' || isMyself ? asked.host : at[1]!,
      port: isMyself && asked.port !== 0 ? asked.port : Number(at[2]),
      isMyself,
      isMaster: words.includes('master'),
      isUsable: !words.some((word) => word === 'handshake' || word === 'noaddr' || word === 'fail'),
      masterId,
      configEpoch: Number(configEpoch) || 0,
      ranges: slots.filter((slot) => /^\d/.test(slot)).map(rangeOf),
      moving: slots.flatMap((slot) => /^\[(\d+)-[<>]-/.exec(slot)?.[1] ?? []).map(Number),
    });
  }
  return nodes;
}

function rangeOf(text: string): readonly [number, number] {
  const [from, to = from] = text.split('-');
  return [Number(from), Number(to)];
}

/** CLUSTER SLOTS: where each node is to be reached, by its id. `askedHost` stands for a host that is not given. */
export function addressesIn(reply: unknown, askedHost: string): Map<string, NodeAddress> {
  const found = new Map<string, NodeAddress>();
  for (const [, , ...nodes] of reply as [number, number, ...[Buffer | null, number, Buffer?][]][]) {
    for (const [host, port, id] of nodes) {
      const text = host === null ? '' : String(host);
      if (id !== undefined)
        found.set(String(id), { host: text === '' || text === '?' ? askedHost : text, port: Number(port) });
    }
  }
  return found;
}

export interface View {
  readonly nodes: readonly SeenNode[];
  readonly addresses: ReadonlyMap<string, NodeAddress>;
}

/** Who serves what, by all the views together. */
export function shardsIn(views: readonly View[]): Shard[] {
  const bestEpoch = new Float64Array(SLOT_COUNT).fill(-1);
  const owner: (string | undefined)[] = new Array<string | undefined>(SLOT_COUNT).fill(undefined);
  const newest = new Map<string, SeenNode>();
  const places = new Map<string, NodeAddress>();
  for (const { nodes, addresses } of views) {
    for (const node of nodes) {
      const known = newest.get(node.id);
      if (known === undefined || node.configEpoch > known.configEpoch) newest.set(node.id, node);
      if (!places.has(node.id)) places.set(node.id, addresses.get(node.id) ?? node);
      if (!node.isMaster) continue;
      for (const [from, to] of node.ranges) {
        for (let slot = from; slot <= to && slot < SLOT_COUNT; slot++) {
          if (node.configEpoch <= bestEpoch[slot]!) continue;
          bestEpoch[slot] = node.configEpoch;
          owner[slot] = node.id;
        }
      }
    }
  }
  const ranges = new Map<string, [number, number][]>();
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const id = owner[slot];
    if (id === undefined) continue;
    const own = ranges.get(id) ?? [];
    const last = own.at(-1);
    if (last !== undefined && last[1] === slot - 1) last[1] = slot;
    else own.push([slot, slot]);
    ranges.set(id, own);
  }
  // a master without slots may be given some at any time: scripts go there as well. But one that was removed from the
  // Cluster only knows itself: nodes that serve slots must know it
  const members = new Set(
    views
      .filter(({ nodes }) => nodes.some((node) => node.isMyself && ranges.has(node.id)))
      .flatMap(({ nodes }) => nodes.map(({ id }) => id)),
  );
  const isMember = ({ id }: SeenNode): boolean => members.size === 0 || members.has(id);
  const masters = [...newest.values()].filter(
    (node) => ranges.has(node.id) || (node.isMaster && node.isUsable && isMember(node)),
  );
  return masters.map((node) => ({
    master: places.get(node.id)!,
    replicas: [...newest.values()]
      .filter((other) => !other.isMaster && other.isUsable && other.masterId === node.id)
      .map((other) => places.get(other.id)!),
    ranges: ranges.get(node.id) ?? [],
    configEpoch: node.configEpoch,
  }));
}
