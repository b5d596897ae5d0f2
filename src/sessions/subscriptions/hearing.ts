/**
 * What one client hears of one side.
 *
 *   one server   one connection (`main`) for everything
 *   a Cluster    main, to one of its nodes:   ordinary messages, which reach every node, and that node's keyspace events
 *                a NodeLink to other nodes:   their keyspace events, if the client listens to such; and the sharded
 *                                             channels of their slots
 *
 * It follows the Cluster: masters that come or go, slots that move (the node says `sunsubscribe`, which is not told to
 * the client), and another home. While main goes from one node to another both are listened to and one is heard; what is
 * on its way between the two nodes in that moment may be missed, or heard twice. As with any client, what a node tells
 * before the subscription is there is not heard.
 */
import type { ServerNode } from '../../lanes/server-node.js';
import type { Upstream } from '../../lanes/upstream.js';
import { MOVED, redirectedTo, redirectionIn } from '../../topology/redirection.js';
import type { Session } from '../session.js';
import { isKeyspaceChannel, mayMatchKeyspace } from './keyspace.js';
import { KINDS, Link, type LinkListener, type Names, type SubscriptionKind, wordAt } from './link.js';
import { NodeLink, type NodeLinkOwner } from './node-link.js';

export interface HearingListener {
  /** Of what was given to `send`: a confirmation, or an error in its place. */
  confirmed(hearing: Hearing, kind: string, buf: Buffer, start: number, end: number): void;
  message(hearing: Hearing, buf: Buffer, start: number, end: number): void;
  /** The connection for ordinary messages is gone. */
  cut(hearing: Hearing): void;
}

const ORDINARY: readonly SubscriptionKind[] = ['subscribe', 'psubscribe'];
const FIRST_RETRY_MS = 5;
const LONGEST_RETRY_MS = 200;

export class Hearing implements LinkListener, NodeLinkOwner {
  /** The server's refusal, when it does not let this client subscribe there. */
  refusal = '';
  /** Why each of the present command's sharded channels was refused. */
  readonly refusals = new Map<string, string>();
  private main: Link;
  /** Main is on its way to another node. */
  private next: Link | null = null;
  private readonly others = new Map<ServerNode, NodeLink>();
  private readonly mapChanged: () => void;
  private retryTimer: NodeJS.Timeout | null = null;
  private retryMs = FIRST_RETRY_MS;
  private isClosed = false;

  constructor(
    readonly side: Upstream,
    private readonly session: Session,
    /** What the client is to be subscribed to now. */
    private readonly names: () => Names,
    private readonly listener: HearingListener,
  ) {
    this.main = new Link(side, side.home, session, this);
    this.mapChanged = () => {
      this.goHome();
      this.reconcile();
    };
    if (side.hasSlots) side.mapFollowers.add(this.mapChanged);
  }

  /** Sharded channels have nodes of their own. */
  get hasShards(): boolean {
    return this.side.hasSlots;
  }

  // ── what the client is subscribed to

  /** A client's own command, for main. */
  send(frame: Buffer, start: number, end: number): void {
    this.main.send(frame, start, end);
    this.next?.send(frame, start, end);
  }

  /** Everything, from nothing. */
  subscribe(): void {
    this.main.subscribe(this.hasShards ? ORDINARY : KINDS, this.names());
    this.reconcile();
  }

  /** Makes the nodes' own subscriptions what they are to be. */
  reconcile(): void {
    const { side, isClosed } = this;
    if (!side.hasSlots || isClosed) return;
    const names = this.names();
    const channels = [...names.subscribe].filter(isKeyspaceChannel);
    const patterns = [...names.psubscribe].filter(mayMatchKeyspace);
    const shards = new Map<ServerNode, string[]>();
    for (const name of names.ssubscribe) {
      const node = this.nodeOfChannel(name);
      shards.set(node, [...(shards.get(node) ?? []), name]);
    }
    const hasEvents = channels.length + patterns.length > 0;
    for (const node of new Set([...(hasEvents ? side.masters : []), ...shards.keys(), ...this.others.keys()])) {
      // main hears its own node's
      const isWanted = side.masters.includes(node) && (node !== this.main.node || this.next !== null);
      const wanted = {
        subscribe: new Set(isWanted ? channels : []),
        psubscribe: new Set(isWanted ? patterns : []),
        ssubscribe: new Set(shards.get(node) ?? []),
      };
      this.give(node, wanted);
    }
  }

  private give(node: ServerNode, wanted: Names): void {
    let link = this.others.get(node);
    const isNothing = KINDS.every((kind) => wanted[kind].size === 0);
    if (isNothing && (link === undefined || !this.side.masters.includes(node))) {
      this.others.delete(node);
      link?.close();
      return;
    }
    if (link === undefined) {
      link = new NodeLink(node, this.side, this.session, this);
      this.others.set(node, link);
    }
    link.want(wanted);
  }

  private nodeOfChannel(name: string): ServerNode {
    const bytes = Buffer.from(name, 'latin1');
    return this.side.nodeOf(this.side.slotOf(0, bytes, 0, bytes.length));
  }

  /** Is the sharded channel subscribed to where it is now? */
  hasShard(name: string): boolean {
    return this.others.get(this.nodeOfChannel(name))?.has('ssubscribe', name) === true;
  }

  /** Calls back when the nodes' own subscriptions are what they are to be, but for nodes that are away. */
  whenReconciled(done: () => void): void {
    let left = this.others.size;
    if (left === 0) done();
    for (const link of [...this.others.values()]) {
      link.settle(() => {
        if (--left === 0) done();
      }, false);
    }
  }

  /** Calls back when everything that was said before was heard, and it is subscribed to everything. */
  settle(done: () => void): void {
    const links = [...this.others.values()];
    let left = 1 + links.length;
    const settled = (): void => {
      if (--left === 0) done();
    };
    this.main.settle(settled);
    for (const link of links) link.settle(settled, true);
  }

  close(): void {
    this.isClosed = true;
    this.side.mapFollowers.delete(this.mapChanged);
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.main.close();
    this.next?.close();
    for (const link of this.others.values()) link.close();
    this.others.clear();
  }

  // ── main, and its way home

  private goHome(): void {
    const { side } = this;
    if (this.isClosed || side.home === (this.next ?? this.main).node) return;
    this.next?.close();
    const next = new Link(side, side.home, this.session, this);
    this.next = next;
    next.subscribe(ORDINARY, this.names());
    next.settle(() => {
      if (this.next !== next || next.lane.state !== 'up') return;
      const before = this.main;
      this.main = next;
      this.next = null;
      before.close();
      this.reconcile();
    });
  }

  confirmed(link: Link, kind: string, buf: Buffer, start: number, end: number): void {
    if (link === this.main) this.listener.confirmed(this, kind, buf, start, end);
  }

  message(link: Link, kind: string, buf: Buffer, start: number, end: number): void {
    if (link !== this.main) return;
    // a replica has its master's events as well
    const isEvent = this.hasShards && !this.side.masters.includes(link.node) && isEventIn(kind, buf, start);
    if (!isEvent) this.listener.message(this, buf, start, end);
  }

  connected(link: Link): void {
    link.subscribe(this.hasShards ? ORDINARY : KINDS, this.names());
  }

  cut(link: Link): void {
    if (link === this.main && !this.isClosed) this.listener.cut(this);
  }

  /** The side is one server, and that is another one now. */
  moved(link: Link): void {
    if (link !== this.main || this.isClosed) return;
    this.main = new Link(this.side, this.side.home, this.session, this);
    this.main.subscribe(KINDS, this.names());
  }

  // ── the nodes' own

  heard(link: NodeLink, kind: string, buf: Buffer, start: number, end: number): void {
    if (kind !== 'smessage') {
      const isOurs = link.node !== this.main.node && this.side.masters.includes(link.node);
      if (!isOurs || !isEventIn(kind, buf, start)) return;
    }
    this.listener.message(this, buf, start, end);
  }

  lost(link: NodeLink, _channel: string, redirection: Buffer | null): void {
    if (this.isClosed) return;
    const { side } = this;
    const to =
      redirection !== null && redirectionIn(redirection, 0, redirection.length) === MOVED
        ? redirectedTo(redirection, 0, redirection.length)
        : null;
    if (to !== null) side.moved(to.slot, side.nodeAt(to.host, to.port, link.node.index));
    else side.doubt();
    // nodes do not hear of a move at the same moment
    this.retryTimer ??= setTimeout(() => {
      this.retryTimer = null;
      this.reconcile();
    }, this.retryMs);
    this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
  }

  refused(_link: NodeLink, kind: SubscriptionKind, name: string, error: string): void {
    this.refusal = error;
    if (kind === 'ssubscribe') this.refusals.set(name, error);
  }

  /** A command begins: nothing was refused, nothing was tried. */
  begin(): void {
    this.refusals.clear();
    this.retryMs = FIRST_RETRY_MS;
  }
}

function isEventIn(kind: string, buf: Buffer, start: number): boolean {
  return isKeyspaceChannel(wordAt(buf, start, kind === 'pmessage' ? 2 : 1));
}
