/**
 * What one client is subscribed to, on both sides.
 *
 *   client ──SUBSCRIBE──► authority's link ──confirmations, messages──► client
 *                    └──► follower's link  ──all dropped
 *
 * Each subscribed client has a connection of its own to the authority, and one to the follower while there is one. So
 * the numbers of receivers, PUBSUB and the ACL's channel rules are the server's own. Messages are delivered from the
 * authority alone: keyspace events are made on both sides, and so is what a replayed script publishes (divergence 27).
 * At a change of authority nothing is on its way any more: PUBLISH is drained with everything else, then both links are
 * settled, then they change places. A lost connection to the authority takes the client along, as a dying server does.
 */
import type { Command } from '../../commands/table.js';
import { bulkReply, integerReplyBytes, nullReply } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request.js';
import { isError } from '../../resp/values.js';
import type { Session } from '../session.js';
import { KINDS, Link, type LinkListener, type SubscriptionKind } from './link.js';

export class Subscriptions implements LinkListener {
  readonly names: Record<SubscriptionKind, Set<string>> = {
    subscribe: new Set(),
    psubscribe: new Set(),
    ssubscribe: new Set(),
  };
  private authority: Link;
  private follower: Link | null = null;
  /** Confirmations of the present command that have not come yet; the session waits for them. */
  private awaited = 0;
  private isClosed = false;

  constructor(private readonly session: Session) {
    this.authority = this.linkTo(session.board.authority);
    this.follow();
  }

  get count(): number {
    return KINDS.reduce((sum, kind) => sum + this.names[kind].size, 0);
  }

  /** Why the follower does not take this client's subscriptions, '' when it does. */
  get refusal(): string {
    return this.follower?.refusal ?? '';
  }

  private linkTo(side: Link['side']): Link {
    return new Link(side, this.session, this.names, this);
  }

  /** One of the six commands. The session admits nothing until it is confirmed. */
  run(command: Command, scanner: RequestScanner): void {
    const isOver = command.name.includes('unsub');
    const kind = command.name.replace('un', '') as SubscriptionKind;
    const names = this.names[kind];
    const given = Array.from({ length: scanner.argc - 1 }, (_, i) => scanner.text(i + 1));
    this.awaited = given.length > 0 ? given.length : Math.max(1, names.size);
    this.changing = { kind, isOver, given: given.length > 0 ? given : [...names] };
    this.session.wait();
    for (const link of [this.authority, this.follower]) link?.send(scanner.frame, scanner.frameStart, scanner.frameEnd);
  }

  private changing: { kind: SubscriptionKind; isOver: boolean; given: string[] } | null = null;

  confirmed(link: Link, buf: Buffer, start: number, end: number): void {
    if (link !== this.authority || this.awaited === 0) return;
    this.session.pushOut(buf, start, end);
    const failed = isError(buf, start);
    if (failed) link.refusal = ''; // the client has been told
    this.awaited = failed ? 0 : this.awaited - 1;
    const { changing } = this;
    const name = changing?.given.shift();
    if (!failed && changing !== null && name !== undefined) {
      if (changing.isOver) this.names[changing.kind].delete(name);
      else this.names[changing.kind].add(name);
    }
    if (this.awaited > 0) return;
    this.changing = null;
    if (this.count === 0) this.session.endSubscriptions();
    this.session.goOnAfterWait();
  }

  message(link: Link, buf: Buffer, start: number, end: number): void {
    if (link === this.authority) this.session.pushOut(buf, start, end);
  }

  cut(link: Link): void {
    if (link === this.authority && !this.isClosed) this.session.close('the server of its subscriptions went away');
  }

  moved(link: Link): void {
    if (link !== this.follower || this.isClosed) return;
    this.follower = this.linkTo(link.side);
    this.follower.subscribe();
  }

  // ── changes of phase

  /** There is a follower now, or there is none any more. */
  follow(): void {
    const { board } = this.session;
    const side = board.rules.mirrored ? board.follower : null;
    if (this.follower?.side === side) return;
    this.follower?.close();
    this.follower = side === null ? null : this.linkTo(side);
    this.follower?.subscribe();
  }

  /** Calls back when neither side has anything for it on its way. */
  settle(done: () => void): void {
    let links = this.follower === null ? 1 : 2;
    const settled = (): void => {
      if (--links === 0) done();
    };
    this.authority.settle(settled);
    this.follower?.settle(settled);
  }

  /** Nothing is on its way: the side with the authority is the one that is listened to. */
  authorityChanged(): void {
    const { board } = this.session;
    if (this.authority.side !== board.authority && this.follower?.side === board.authority) {
      const before = this.authority;
      this.authority = this.follower;
      this.follower = before;
    }
    this.follow();
  }

  close(): void {
    this.isClosed = true;
    this.authority.close();
    this.follower?.close();
  }
}

/** UNSUBSCRIBE and its kin of a client that is subscribed to nothing: one answer for each name, or one without. */
export function notSubscribed(session: Session, command: Command, scanner: RequestScanner): void {
  const names = Array.from({ length: scanner.argc - 1 }, (_, i) => bulkReply(Buffer.from(scanner.arg(i + 1))));
  for (const name of names.length > 0 ? names : [nullReply(session.resp)]) {
    const head = Buffer.from(session.resp === 3 ? '>3\r\n' : '*3\r\n');
    session.replyNow(Buffer.concat([head, bulkReply(command.name), name, integerReplyBytes(0)]));
  }
}
