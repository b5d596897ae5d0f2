/** The tracking connections to every server of one side that serves something, as these come and go. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerNode } from '../../lanes/server-node.js';
import { Tracker } from '../../lanes/tracker.js';
import type { Upstream } from '../../lanes/upstream.js';

export interface WatchedSideEvents {
  /** As TrackerEvents.onKey. */
  onKey(side: Upstream, buf: Buffer, start: number, end: number): void;
  onFlush(side: Upstream): void;
  /** Nobody saw what happened on that server until now, or since a moment ago. */
  onUnseen(side: Upstream, what: string): void;
}

export class WatchedSide {
  private readonly trackers = new Map<ServerNode, Tracker>();
  private readonly follow = (): void => this.followMasters();
  private closed = false;

  constructor(
    readonly side: Upstream,
    private readonly events: WatchedSideEvents,
  ) {
    side.mapFollowers.add(this.follow);
    this.followMasters();
  }

  /** Every server reports. */
  get isUp(): boolean {
    return this.side.masters.every((node) => this.trackers.get(node)?.isUp === true);
  }

  /** Why one will never report, '' if none refused. */
  get refusal(): string {
    for (const { refusal } of this.trackers.values()) if (refusal !== '') return refusal;
    return '';
  }

  /** Resolves when it is up, refused, or the time is over. */
  async settled(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (!this.isUp && this.refusal === '' && !this.closed && performance.now() < untilMs) await sleep(5);
  }

  /** Everything that happened until now was reported; false when a connection is not there, or it takes longer. */
  async roundTrip(limitMs: number): Promise<boolean> {
    const heard = await Promise.all([...this.trackers.values()].map((tracker) => tracker.roundTrip(limitMs)));
    return heard.every((one) => one);
  }

  close(): void {
    this.closed = true;
    this.side.mapFollowers.delete(this.follow);
    for (const tracker of this.trackers.values()) tracker.close();
    this.trackers.clear();
  }

  private followMasters(): void {
    const { side, events } = this;
    for (const [node, tracker] of this.trackers) {
      if (side.masters.includes(node)) continue;
      this.trackers.delete(node);
      tracker.close();
    }
    for (const node of side.masters) {
      if (this.trackers.has(node)) continue;
      const tracker: Tracker = new Tracker(
        node,
        {
          onKey: (buf, start, end) => events.onKey(side, buf, start, end),
          onFlush: () => events.onFlush(side),
          onUp: () => events.onUnseen(side, `changes on ${node.name} were not watched until now`),
          onDown: (reason) => {
            const isWanted = !this.closed && this.trackers.get(node) === tracker;
            if (isWanted) events.onUnseen(side, `changes on ${node.name} were not watched for a while (${reason})`);
          },
        },
        side.own,
        (purpose) => side.nameFor(purpose),
      );
      this.trackers.set(node, tracker);
    }
  }
}
