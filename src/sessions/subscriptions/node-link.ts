/**
 * What one client hears of one of a Cluster's nodes alone: its keyspace events, and the sharded channels of its slots.
 *
 *   want(names) ──► SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE … for what is wanted and not asked for yet, the opposite for the rest
 *
 * One name per command, so that each has one reply. A node that gives a slot away says `sunsubscribe` by itself, one that
 * does not have it MOVED: the owner then finds out where the channel is now (`lost`).
 */
import type { ServerNode } from '../../lanes/server-node.js';
import type { Upstream } from '../../lanes/upstream.js';
import { encodeCommand } from '../../resp/encode.js';
import { NO_REDIRECTION, redirectionIn } from '../../topology/redirection.js';
import type { Session } from '../session.js';
import { KINDS, Link, type LinkListener, type Names, type SubscriptionKind, wordAt } from './link.js';

export interface NodeLinkOwner {
  heard(link: NodeLink, kind: string, buf: Buffer, start: number, end: number): void;
  /** The node does not have the channel's slot. `redirection` is what it said; null: it gave the slot away. */
  lost(link: NodeLink, channel: string, redirection: Buffer | null): void;
  /** The node does not let the client subscribe. */
  refused(link: NodeLink, kind: SubscriptionKind, name: string, error: string): void;
}

interface Sent {
  readonly kind: SubscriptionKind;
  readonly name: string;
  readonly isOver: boolean;
}

const NAMES_OF_NOTHING: Names = { subscribe: new Set(), psubscribe: new Set(), ssubscribe: new Set() };

export class NodeLink implements LinkListener {
  readonly link: Link;
  private wanted: Names = NAMES_OF_NOTHING;
  /** Asked for, and not yet given up. */
  private readonly asked: Record<SubscriptionKind, Set<string>> = emptyNames();
  /** Confirmed by the node. */
  private readonly confirmedNames: Record<SubscriptionKind, Set<string>> = emptyNames();
  private sent: Sent[] = [];
  private impatient: (() => void)[] = [];

  constructor(
    readonly node: ServerNode,
    side: Upstream,
    session: Session,
    private readonly owner: NodeLinkOwner,
  ) {
    this.link = new Link(side, node, session, this);
  }

  has(kind: SubscriptionKind, name: string): boolean {
    return this.confirmedNames[kind].has(name);
  }

  want(names: Names): void {
    this.wanted = names;
    for (const kind of KINDS) {
      for (const name of names[kind]) if (!this.asked[kind].has(name)) this.ask({ kind, name, isOver: false });
      for (const name of [...this.asked[kind]]) if (!names[kind].has(name)) this.ask({ kind, name, isOver: true });
    }
  }

  private ask(what: Sent): void {
    const { kind, name, isOver } = what;
    if (isOver) this.asked[kind].delete(name);
    else this.asked[kind].add(name);
    this.sent.push(what);
    const verb = isOver ? kind.replace('sub', 'unsub') : kind;
    const frame = encodeCommand([verb, Buffer.from(name, 'latin1')]);
    this.link.send(frame, 0, frame.length);
  }

  /**
   * Calls back when it is subscribed to what it is to be, as far as the node lets it, and has what the node sent before.
   * Whoever is not patient goes on also when the node is away.
   */
  settle(done: () => void, isPatient: boolean): void {
    const { state } = this.link.lane;
    if (state === 'closed' || (state === 'down' && !isPatient)) {
      done();
      return;
    }
    if (isPatient) {
      this.link.settle(done);
      return;
    }
    let isOver = false;
    const once = (): void => {
      if (!isOver) done();
      isOver = true;
    };
    this.impatient.push(once);
    this.link.settle(() => {
      this.impatient = this.impatient.filter((other) => other !== once);
      once();
    });
  }

  close(): void {
    this.link.close();
  }

  // ── LinkListener

  confirmed(_link: Link, kind: string, buf: Buffer, start: number, end: number): void {
    const name = kind === 'error' ? '' : wordAt(buf, start, 1);
    const front = this.sent[0];
    if (kind === 'sunsubscribe' && !(front?.isOver && front.kind === 'ssubscribe' && front.name === name)) {
      // nobody asked: the slot went elsewhere
      if (!this.confirmedNames.ssubscribe.delete(name)) return;
      this.asked.ssubscribe.delete(name);
      this.owner.lost(this, name, null);
      return;
    }
    this.sent.shift();
    if (front === undefined) return;
    if (kind !== 'error') {
      if (front.isOver) this.confirmedNames[front.kind].delete(front.name);
      else this.confirmedNames[front.kind].add(front.name);
      return;
    }
    if (front.isOver) return;
    this.asked[front.kind].delete(front.name);
    const error = buf.subarray(start, end);
    if (redirectionIn(buf, start, end) !== NO_REDIRECTION) this.owner.lost(this, front.name, Buffer.from(error));
    else this.owner.refused(this, front.kind, front.name, error.toString('latin1', 1, error.length - 2));
  }

  message(_link: Link, kind: string, buf: Buffer, start: number, end: number): void {
    this.owner.heard(this, kind, buf, start, end);
  }

  connected(): void {
    this.want(this.wanted);
  }

  /** Nodes of a Cluster do not change their addresses. */
  moved(): void {}

  cut(): void {
    this.sent = [];
    for (const kind of KINDS) {
      this.asked[kind].clear();
      this.confirmedNames[kind].clear();
    }
    const { impatient } = this;
    this.impatient = [];
    for (const done of impatient) done();
  }
}

function emptyNames(): Record<SubscriptionKind, Set<string>> {
  return { subscribe: new Set(), psubscribe: new Set(), ssubscribe: new Set() };
}
