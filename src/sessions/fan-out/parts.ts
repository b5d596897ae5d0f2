/**
 * One client command that several nodes of a Cluster answer: in parts, each with its own bytes and its own place.
 *
 *   split      MGET, MSET, DEL … over several slots: one command for each slot
 *   everywhere DBSIZE, KEYS, FLUSHALL …: the same command for each node
 *
 * Each part of a write is mirrored when its own reply comes, as a command of its own would be; the client's reply is
 * made of all of them (merge.ts). A part that was lost and only reads, or was not sent, is sent again; of a write it makes the
 * whole command one whose outcome is not known. A node that stays away is waited for as a slot's is, then its part is refused.
 */
import type { CommandLane } from '../../lanes/command-lane.js';
import type { LaneEntry } from '../../lanes/lane.js';
import { CLUSTERDOWN_ERROR, RoutedLane } from '../../lanes/routed/routed-lane.js';
import type { ElementEffect } from '../../mirror/effect.js';
import { isError } from '../../resp/values.js';
import type { Merge } from './merge.js';

/** Whose parts they are. */
export interface PartsOwner {
  readonly isReadOnly: boolean;
  partAnswered(effect: ElementEffect, buf: Buffer, start: number, end: number): void;
  /** All are answered. `isMixed`: some nodes did it, others refused. */
  partsAnswered(reply: Buffer, isMixed: boolean): void;
  /** All are over and some had no reply. `sent`: they may have been executed. */
  partsLost(sent: boolean): void;
  isOvertaken(slot: number): boolean;
}

export interface PartPlan {
  readonly frame: Buffer;
  /** The slot, or the index of a node. */
  readonly place: number;
  /** What it writes, for the mirror. */
  readonly effect: ElementEffect | null;
}

const ATTEMPTS_MAX = 8;
const RETRY_MS = 50;

export class Parts {
  private readonly replies: (Buffer | null)[];
  private left: number;
  private lost = false;
  private lostSent = false;
  private attempts = 0;
  /** Since when a node has been away (performance.now()), 0: none is. */
  private awaySinceMs = 0;
  private lane: CommandLane | null = null;

  constructor(
    private readonly owner: PartsOwner,
    readonly plans: readonly PartPlan[],
    private readonly toNodes: boolean,
    private readonly merge: Merge,
    /** How often it is sent, each time when all have answered: what passed one node by is met at the next one. */
    private rounds = 1,
    /** How long a node may be away. */
    private readonly patienceMs = 0,
  ) {
    this.replies = plans.map(() => null);
    this.left = plans.length;
  }

  transmit(lane: CommandLane): void {
    this.lane = lane;
    this.left = this.plans.length;
    for (const i of this.plans.keys()) this.send(i);
  }

  private send(i: number): void {
    const { frame, place } = this.plans[i]!;
    const entry = this.entryOf(i);
    if (this.toNodes && this.lane instanceof RoutedLane) this.lane.sendTo(place, entry, frame, 0, frame.length);
    else this.lane!.send(entry, frame, 0, frame.length, this.toNodes ? undefined : place);
  }

  private entryOf(i: number): LaneEntry {
    return {
      streams: false,
      onReply: (buf, start, end) => {
        const reply = Buffer.from(buf.subarray(start, end));
        this.replies[i] = reply;
        const { effect } = this.plans[i]!;
        if (effect !== null) this.owner.partAnswered(effect, reply, 0, reply.length);
        this.over();
      },
      onPiece() {},
      isOvertaken: (slot) => this.owner.isOvertaken(slot),
      onLost: (sent) => {
        const again = this.owner.isReadOnly || !sent;
        if (again && this.toNodes && this.lane!.state !== 'closed') {
          this.sendLater(i);
          return;
        }
        if (again && this.lane!.state !== 'closed' && ++this.attempts < ATTEMPTS_MAX * this.plans.length) {
          this.send(i);
          return;
        }
        this.lost = true;
        this.lostSent ||= sent;
        this.over();
      },
    };
  }

  /** Never at once: a node that is away is so for a while. */
  private sendLater(i: number): void {
    const nowMs = performance.now();
    if (this.awaySinceMs === 0) this.awaySinceMs = nowMs;
    if (nowMs - this.awaySinceMs <= this.patienceMs) {
      setTimeout(() => this.send(i), RETRY_MS);
      return;
    }
    this.replies[i] = CLUSTERDOWN_ERROR;
    this.over();
  }

  private over(): void {
    if (--this.left > 0) return;
    if (this.lost) {
      this.owner.partsLost(this.lostSent);
      return;
    }
    const replies = this.replies as Buffer[];
    const errors = replies.filter((reply) => isError(reply, 0));
    if (errors.length === 0 && --this.rounds > 0) {
      this.transmit(this.lane!);
      return;
    }
    const reply = errors[0] ?? this.merge(replies);
    this.owner.partsAnswered(reply, errors.length > 0 && errors.length < replies.length);
  }
}
