/** All clients that are connected, and what they have in common. */
import type { Switchboard } from '../routing/switchboard.js';
import { WaitedKeysPoll } from './blocking/poll.js';
import { ReplicaWatch } from './blocking/replica-wait.js';
import type { Session } from './session.js';

export class Clients {
  /** In the order in which they came. */
  readonly byId = new Map<number, Session>();
  readonly replicaWatch: ReplicaWatch;
  private readonly poll: WaitedKeysPoll;

  constructor(board: Switchboard) {
    this.replicaWatch = new ReplicaWatch(board);
    this.poll = new WaitedKeysPoll(board);
  }

  /** Parked until something comes. */
  get blocked(): number {
    let count = 0;
    for (const session of this.byId.values()) if (session.blocked !== null) count++;
    return count;
  }

  stop(): void {
    this.poll.stop();
    for (const session of [...this.byId.values()]) session.close('Ferry is stopping');
  }
}
