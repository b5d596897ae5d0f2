/**
 * What one client is subscribed to, on both sides.
 *
 *   client ──SUBSCRIBE──► authority's hearing ──confirmations, messages──► client
 *                    └──► follower's hearing  ──all dropped
 *
 * Each subscribed client has connections of its own to the authority, and to the follower while there is one (hearing.ts).
 * So the numbers of receivers, PUBSUB and the ACL's channel rules are the server's own. Messages are delivered from the
 * authority alone: keyspace events are made on both sides, and so is what a replayed script publishes (divergence 27).
 * At a change of authority nothing is on its way any more: PUBLISH is drained with everything else, then both hearings are
 * settled, then they change places. A lost connection to the authority takes the client along, as a dying server does.
 *
 * Sharded channels of a Cluster are Ferry's to confirm (shards.ts): each node knows only those of its own slots.
 */
import type { Command } from '../../commands/table.js';
import type { RequestScanner } from '../../resp/request.js';
import { isOwnEvent } from '../hidden-keys.js';
import type { Session } from '../session.js';
import { Hearing, type HearingListener } from './hearing.js';
import { isKeyspaceChannel, mayHearEvents, mayMatchKeyspace } from './keyspace.js';
import { KINDS, type Names, type SubscriptionKind } from './link.js';
import { subscribeShards, unsubscribeShards } from './shards.js';

interface Change {
  readonly kind: SubscriptionKind;
  readonly isOver: boolean;
  /** Names whose confirmations have not come yet, in order. */
  readonly given: string[];
}

export class Subscriptions implements HearingListener {
  readonly names: Record<SubscriptionKind, Set<string>> = {
    subscribe: new Set(),
    psubscribe: new Set(),
    ssubscribe: new Set(),
  };
  authority: Hearing;
  private follower: Hearing | null = null;
  /** Confirmations of the present command that have not come yet; the session waits for them. */
  private awaited = 0;
  private changing: Change | null = null;
  /** What is being subscribed to, and counts already. */
  private coming: { readonly kind: SubscriptionKind; readonly names: readonly string[] } | null = null;
  isClosed = false;
  /** Some of what it listens to may be events of keys. */
  private hearsEvents = false;

  constructor(readonly session: Session) {
    this.authority = this.hearingOf(session.board.authority);
    this.follow();
  }

  get count(): number {
    return KINDS.reduce((sum, kind) => sum + this.names[kind].size, 0);
  }

  /** Why the follower does not take this client's subscriptions, '' when it does. */
  get refusal(): string {
    return this.follower?.refusal ?? '';
  }

  private hearingOf(side: Hearing['side']): Hearing {
    return new Hearing(side, this.session, () => this.wanted(), this);
  }

  private wanted(): Names {
    const { coming, names } = this;
    if (coming === null) return names;
    return { ...names, [coming.kind]: new Set([...names[coming.kind], ...coming.names]) };
  }

  /** One of the six commands. The session admits nothing until it is confirmed. */
  run(command: Command, scanner: RequestScanner): void {
    const isOver = command.name.includes('unsub');
    const kind = command.name.replace('un', '') as SubscriptionKind;
    const names = this.names[kind];
    const given = Array.from({ length: scanner.argc - 1 }, (_, i) => scanner.text(i + 1));
    this.session.wait();
    for (const hearing of this.hearings) hearing.begin();
    if (kind === 'ssubscribe' && this.authority.hasShards) {
      if (isOver) unsubscribeShards(this, given.length > 0 ? given : [...names]);
      else subscribeShards(this, given);
      return;
    }
    this.awaited = given.length > 0 ? given.length : Math.max(1, names.size);
    this.changing = { kind, isOver, given: given.length > 0 ? given : [...names] };
    const { frame, frameStart, frameEnd } = scanner;
    const bytes = Buffer.from(frame.subarray(frameStart, frameEnd));
    const send = (): void => {
      if (this.isClosed) return;
      for (const hearing of this.hearings) {
        if (kind !== 'ssubscribe' || !hearing.hasShards) hearing.send(bytes, 0, bytes.length);
      }
    };
    const isOfNodes = kind === 'ssubscribe' || given.some(kind === 'psubscribe' ? mayMatchKeyspace : isKeyspaceChannel);
    // once the client has its confirmation, every node tells it of its keys
    if (isOver || !isOfNodes) send();
    else this.prepare({ kind, names: given }, send);
  }

  /** Lets the nodes subscribe to what is coming, before the client is told that it is subscribed. */
  prepare(coming: { kind: SubscriptionKind; names: readonly string[] }, done: () => void): void {
    this.coming = coming;
    for (const hearing of this.hearings) hearing.reconcile();
    this.authority.whenReconciled(done);
  }

  get hearings(): Hearing[] {
    return this.follower === null ? [this.authority] : [this.authority, this.follower];
  }

  /** The present command is over. */
  finish(): void {
    this.coming = null;
    this.changing = null;
    this.awaited = 0;
    this.hearsEvents = mayHearEvents(this.names.subscribe, this.names.psubscribe);
    for (const hearing of this.hearings) hearing.reconcile();
    if (this.count === 0) this.session.endSubscriptions();
    this.session.goOnAfterWait();
  }

  // ── HearingListener

  confirmed(hearing: Hearing, kind: string, buf: Buffer, start: number, end: number): void {
    const failed = kind === 'error';
    if (failed) hearing.refusal = buf.toString('latin1', start + 1, end - 2);
    if (hearing !== this.authority || this.awaited === 0) return;
    this.session.pushOut(buf, start, end);
    if (failed) hearing.refusal = ''; // the client has been told
    this.awaited = failed ? 0 : this.awaited - 1;
    const { changing } = this;
    const name = changing?.given.shift();
    if (!failed && changing !== null && name !== undefined) {
      if (changing.isOver) this.names[changing.kind].delete(name);
      else this.names[changing.kind].add(name);
    }
    if (this.awaited === 0) this.finish();
  }

  message(hearing: Hearing, buf: Buffer, start: number, end: number): void {
    if (hearing !== this.authority || (this.hearsEvents && isOwnEvent(buf, start, end))) return;
    this.session.pushOut(buf, start, end);
  }

  cut(hearing: Hearing): void {
    if (hearing === this.authority && !this.isClosed) this.session.close('the server of its subscriptions went away');
  }

  // ── changes of phase

  /** There is a follower now, or there is none any more. */
  follow(): void {
    const { board } = this.session;
    const side = board.rules.mirrored ? board.follower : null;
    if (this.follower?.side === side) return;
    this.follower?.close();
    this.follower = side === null ? null : this.hearingOf(side);
    this.follower?.subscribe();
  }

  /** Calls back when neither side has anything for it on its way. */
  settle(done: () => void): void {
    const { hearings } = this;
    let left = hearings.length;
    for (const hearing of hearings) {
      hearing.settle(() => {
        if (--left === 0) done();
      });
    }
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
    for (const hearing of this.hearings) hearing.close();
  }
}
