/**
 * WATCH: the session gets a connection of its own to the authority, and everything it sends goes over that one until
 * EXEC, DISCARD or UNWATCH is answered. So the server itself decides whether a watched key changed, also by the
 * session's own commands.
 *
 * No slot is held meanwhile: they are acquired when EXEC is flushed (transaction.ts). A WATCH is broken when the
 * connection was lost, the slot moved, or another side became the authority: what was watched is then not watched any
 * more, and EXEC answers nil as if a key had changed, which is what clients retry. https://redis.io/commands/watch
 */
import type { Command } from '../commands/table.js';
import { ANY_NODE, type CommandLane } from '../lanes/command-lane.js';
import { IGNORED } from '../lanes/multi.js';
import type { Pin } from '../lanes/pins.js';
import type { Upstream } from '../lanes/upstream.js';
import { encodeCommand, OK } from '../resp/encode.js';
import type { RequestScanner } from '../resp/request.js';
import { ACROSS, placeOn, together } from '../routing/placement.js';
import { CROSSSLOT } from './fan-out/plan.js';
import { pass } from './forward.js';
import { refuse } from './refusal.js';
import type { Session } from './session.js';
import { ANY_BUCKET } from './slot-reads.js';

const UNWATCH = encodeCommand(['UNWATCH']);

export class Watch {
  private isCut = false;
  /** The node that served the slot when it was watched, as far as known. */
  private readonly node: number;
  /** The session goes on without the connection. */
  private isLeft = false;
  /** EXEC, DISCARD or UNWATCH was sent: the connection is given back when everything on it was answered. */
  isOver = false;

  constructor(
    private readonly side: Upstream,
    private readonly pin: Pin,
    /** The slot of what is watched: a transaction on another one could not be decided by the same node. */
    readonly place: number,
    /** The same on a target that is a Cluster (routing/placement.ts). */
    public placeOnTarget: number,
  ) {
    this.node = side.ownerOf(place);
    pin.onCut = () => {
      this.isCut = true;
    };
  }

  /** When the slot is another node's now, nothing is watched there, and nobody need have told this connection. */
  get isBroken(): boolean {
    return this.isCut || this.side.ownerOf(this.place) !== this.node;
  }

  get lane(): CommandLane {
    return this.pin.lane;
  }

  checkAuthority(authority: Upstream): void {
    if (authority !== this.side) this.isCut = this.isLeft = true;
  }

  /** Could the node that watches not decide about what is at `place`? Once another side has the authority none does. */
  isApart(place: number, authority: Upstream): boolean {
    return authority === this.side && place !== ANY_NODE && place !== this.place;
  }

  /**
   * Does the session's next command go over this connection? One that was lost is made anew and carries on until
   * nothing of the session is on its way; then it is left for good, so that no command overtakes another.
   */
  carries(hasInFlight: boolean): boolean {
    if (this.isBroken && !hasInFlight) this.isLeft = true;
    return !this.isLeft;
  }

  /** Forgets what is watched, behind everything sent so far. */
  unwatch(): void {
    this.lane.send(IGNORED, UNWATCH, 0, UNWATCH.length, this.place);
  }

  release(): void {
    if (this.isBroken) this.side.pins.discard(this.pin);
    else this.side.pins.giveBack(this.pin);
  }
}

/** WATCH key …; false when it must wait for the replies before it. */
export function watchKeys(session: Session, command: Command, scanner: RequestScanner): boolean {
  let { watch } = session;
  if (watch?.isOver === true && !session.hasInFlight) {
    endWatch(session);
    watch = null;
  }
  const { authority, target, rules } = session.board;
  const place = placeOn(authority, command, session.db, scanner);
  const placeOnTarget = rules.authority === 'source' ? placeOn(target, command, session.db, scanner) : ANY_NODE;
  watch?.checkAuthority(authority);
  if (watch?.isOver === false && watch.isBroken) {
    // EXEC will answer nil whatever else is watched, and on a shared connection nothing may be
    session.replyNow(OK);
    return true;
  }
  const isApart = watch !== null && !watch.isOver && watch.isApart(place, authority);
  if (place === ACROSS || isApart) return refuse(session, CROSSSLOT);
  if (watch === null || watch.isOver) {
    // what was sent on the shared connection comes first
    if (session.hasInFlight) return false;
    const pin = authority.pins.take(session.identity, session.db, session.resp);
    session.watch = new Watch(authority, pin, place, placeOnTarget);
  } else watch.placeOnTarget = together(watch.placeOnTarget, placeOnTarget);
  if (placeOnTarget === ACROSS) session.board.crossings.count('WATCH');
  return pass(session, command, scanner, ANY_BUCKET);
}

/** UNWATCH outside MULTI. */
export function unwatchKeys(session: Session, command: Command, scanner: RequestScanner): boolean {
  const { watch } = session;
  if (watch === null || watch.isOver) {
    session.replyNow(OK);
    return true;
  }
  if (watch.isBroken) {
    session.replyNow(OK);
    watch.isOver = true; // given up once nothing of it is on its way
    return true;
  }
  pass(session, command, scanner, ANY_BUCKET);
  watch.isOver = true;
  return true;
}

/** The transaction ended without reaching the server (DISCARD, EXECABORT): so do its watches. */
export function dropWatch(session: Session): void {
  const { watch } = session;
  if (watch === null || watch.isOver) return;
  watch.isOver = true;
  if (!watch.isBroken) watch.unwatch();
}

/** The session goes on without it. */
export function endWatch(session: Session): void {
  const watch = session.watch!;
  session.watch = null;
  if (!watch.isOver && !watch.isBroken) watch.unwatch();
  watch.release();
}
