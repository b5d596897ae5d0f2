/**
 * Which connections a session's commands go over: shared ones, its WATCH's, or its own for big values.
 *
 *   authority()   writes and reads of the authority: the WATCH's pin, or the pin of a reader of big values, or shared()
 *   shared()      the lane of all clients with the same user, database and protocol version
 *   follower()    target reads
 *
 * Kept until the phase, the user, the database or the version changes. From one connection to another a session goes
 * only when nothing of it is on its way, so that its commands keep their order.
 */
import type { CommandLane } from '../lanes/command-lane.js';
import { BIG_REPLY_BYTES, OwnLane } from './big-replies.js';
import type { Session } from './session.js';
import { endWatch } from './watch.js';

export class SessionLanes {
  private epoch = -1;
  private authorityLane: CommandLane | null = null;
  private followerLane: CommandLane | null = null;
  /** It had a big reply: it gets a connection of its own (big-replies.ts). */
  private readsBig = false;
  /** That connection, once it has it. */
  own: OwnLane | null = null;

  constructor(private readonly session: Session) {}

  /** Whether this identity is refused there shows when the lane is used (`refusalText`). */
  authority(): CommandLane {
    const { session } = this;
    const { watch } = session;
    if (this.epoch !== session.board.epoch) this.forget();
    if (watch !== null) {
      if (watch.isOver && !session.hasInFlight) endWatch(session);
      else if (watch.carries(session.hasInFlight)) return watch.lane;
    }
    if (this.readsBig) {
      if (this.own === null && !session.hasInFlight) this.own = new OwnLane(session);
      if (this.own?.lane.state === 'closed') this.leaveOwn();
      if (this.own !== null) return this.own.lane;
    }
    return this.shared();
  }

  /** Also for transactions of Ferry's own, which must not use up a WATCH. */
  shared(): CommandLane {
    const { board, identity, db, resp } = this.session;
    let lane = this.authorityLane;
    if (lane === null || lane.state === 'closed' || this.epoch !== board.epoch) {
      lane = board.authority.lane(identity, db, resp);
      if (this.epoch === board.epoch) this.authorityLane = lane;
    }
    return lane;
  }

  /** Null while the database is not proven there. */
  follower(): CommandLane | null {
    const { board, identity, db, resp } = this.session;
    if (this.epoch !== board.epoch) this.forget();
    let lane = this.followerLane;
    if (lane === null || lane.state === 'closed') {
      lane = board.databases.used.has(db) ? board.follower.readLane(identity, db, resp) : null;
      this.followerLane = lane;
    }
    return lane;
  }

  forget(): void {
    const { board, watch } = this.session;
    this.epoch = board.epoch;
    this.authorityLane = null;
    this.followerLane = null;
    this.leaveOwn();
    watch?.checkAuthority(board.authority);
  }

  /** A reply of so many bytes was passed on. */
  sawReply(bytes: number): void {
    if (bytes >= BIG_REPLY_BYTES) this.readsBig = true;
  }

  leaveOwn(): void {
    this.own?.end(!this.session.hasInFlight);
    this.own = null;
  }
}
