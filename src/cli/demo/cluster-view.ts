/**
 * What one node believes about its cluster: CLUSTER NODES, read. Nodes learn of each other's roles and slots by
 * gossip, so views of the same moment differ; whoever depends on it waits until they do not.
 *
 *   <id> <ip:port@busport[,hostname]> <flags> <master|-> <ping> <pong> <epoch> <connected|disconnected> <slots>…
 */

/** Both ends belong to it. */
export type SlotRange = readonly [first: number, last: number];

export interface NodeView {
  readonly id: string;
  readonly flags: ReadonlySet<string>;
  /** null for a master */
  readonly masterId: string | null;
  readonly isConnected: boolean;
  readonly slots: readonly SlotRange[];
}

export function readView(clusterNodes: string): NodeView[] {
  return clusterNodes.trim().split('\n').map(readLine);
}

function readLine(line: string): NodeView {
  const [id = '', , flags = '', master, , , , link, ...slots] = line.trim().split(' ');
  return {
    id,
    flags: new Set(flags.split(',')),
    masterId: master === undefined || master === '-' ? null : master,
    isConnected: link === 'connected',
    // "[93->-<id>]" and "[93-<-<id>]" tell of a move that is going on; the slot itself is listed with its owner
    slots: slots.filter((slot) => !slot.startsWith('[')).map(readRange),
  };
}

function readRange(range: string): SlotRange {
  const [first, last = first] = range.split('-').map(Number);
  return [first!, last!];
}

export function holds(view: NodeView, slot: number): boolean {
  return view.slots.some(([first, last]) => first <= slot && slot <= last);
}

/** The node's id; '' for a slot that nobody owns. */
export function ownerOf(views: readonly NodeView[], slot: number): string {
  return views.find((view) => holds(view, slot))?.id ?? '';
}

/** Who is what and owns what, the same text for views that agree. */
export function rolesAndSlots(views: readonly NodeView[]): string {
  return views
    .map(({ id, masterId, slots }) => `${id} ${masterId ?? 'master'} ${slots.map((range) => range.join('-')).join()}`)
    .sort()
    .join('\n');
}

/** Of the nodes that run: one that this view does not take for a reachable part of the cluster; '' if there is none. */
export function doubt(views: readonly NodeView[], runningIds: readonly string[]): string {
  for (const id of runningIds) {
    const view = views.find((candidate) => candidate.id === id);
    if (view === undefined) return `${id} is not known`;
    if (!view.isConnected) return `${id} is not connected`;
    const flag = ['fail', 'fail?', 'handshake', 'noaddr'].find((name) => view.flags.has(name));
    if (flag !== undefined) return `${id} is in state ${flag}`;
  }
  return '';
}
