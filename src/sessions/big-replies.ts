/**
 * A client that reads big values gets a connection of its own after its first one.
 *
 * On a shared connection a reply of many megabytes stands in front of everybody else's, and reading must go on whatever
 * the client does, so that what a slow client has not taken piles up here until it is cut at its output limit. On its
 * own connection the server is simply not read from while the client is behind. Because replies may then be late, a
 * write waits until the session's reads before it are answered: else it would hold its slot for as long as the client
 * likes (dispatch.ts).
 */

import type { CommandLane } from '../lanes/command-lane.js';
import type { Pin } from '../lanes/pins.js';
import type { Upstream } from '../lanes/upstream.js';
import type { Session } from './session.js';

/** A reply from here on makes its client a reader of big values. */
export const BIG_REPLY_BYTES = 1024 * 1024;
/** The server is not read from while so much of the client's output waits. */
const UNREAD_PAUSE_BYTES = 1024 * 1024;

export class OwnLane {
  private readonly side: Upstream;
  private readonly pin: Pin;
  private isPaused = false;

  constructor(session: Session) {
    this.side = session.board.authority;
    this.pin = this.side.pins.take(session.identity, session.db, session.resp);
  }

  get lane(): CommandLane {
    return this.pin.lane;
  }

  /** The client has `unread` bytes of output to take. */
  pace(unread: number): void {
    const pause = unread > UNREAD_PAUSE_BYTES;
    if (pause === this.isPaused) return;
    this.isPaused = pause;
    if (pause) this.pin.lane.pauseReading();
    else this.pin.lane.resumeReading();
  }

  /** `isAnswered`: nothing is on its way any more. */
  end(isAnswered: boolean): void {
    this.pace(0);
    if (isAnswered) this.side.pins.giveBack(this.pin);
    else this.side.pins.discard(this.pin);
  }
}
