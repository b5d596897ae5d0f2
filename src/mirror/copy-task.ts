/**
 * One copy from its request to its end: an operation of the ledger, an entry of the job lane, and what the mirror's
 * acknowledgement comes to. What happens at each turn is its handler's (copy.ts).
 */
import type { LaneEntry } from '../lanes/lane.js';
import type { Upstream } from '../lanes/upstream.js';
import { Operation } from '../ledger/operation.js';
import { keySlot } from '../topology/crc16.js';
import type { Effect } from './effect.js';
import type { MirrorAck } from './write-lane.js';

/** Who asked for a copy and wants to know how it went. */
export interface CopyWatcher {
  copied(): void;
  copyFailed(): void;
}

/** Who carries a copy through. */
export interface CopyHandler {
  /** Admitted: read the key now. */
  readKey(task: CopyTask): void;
  /** EXEC's reply with the key's state. */
  dumped(task: CopyTask, buf: Buffer, start: number, end: number): void;
  /** The job lane went before the reply. */
  sourceLost(task: CopyTask): void;
  acknowledged(task: CopyTask): void;
  /** The mirror's error, or null for a lost connection. */
  refused(task: CopyTask, error: string | null): void;
}

/** A key whose size nobody would tell counts as this much. */
const UNKNOWN_SIZE_BYTES = 64 * 1024;

export class CopyTask extends Operation implements LaneEntry, MirrorAck {
  readonly streams = false;
  /** Effects that settle with this copy. */
  readonly waiters: Effect[] = [];
  readonly watchers: CopyWatcher[] = [];
  /** A write joined since the reading began: what was read may be old. */
  changed = false;
  /** The generation of the key's dirty mark when the copy was sent. */
  mark = 0;
  sizeBytes = UNKNOWN_SIZE_BYTES;
  /** The next task whose key has the same hash. */
  sameHash: CopyTask | null = null;
  /** What the key is called, and where it is, on the authority and on the mirror (lanes/command-lane.ts). */
  readonly sourceKey: Buffer;
  readonly mirrorKey: Buffer;
  readonly sourceSlot: number;
  readonly mirrorSlot: number;
  /** Resolves when admitted, for the asynchronous forms. */
  onLaunch: (() => void) | null = null;

  constructor(
    private readonly handler: CopyHandler,
    readonly db: number,
    readonly key: Buffer,
    readonly hash: number,
    authority: Upstream,
    mirror: Upstream,
  ) {
    super();
    this.sourceKey = authority.keyHere(db, key);
    this.mirrorKey = mirror.keyHere(db, key);
    this.sourceSlot = authority.slotOf(db, key, 0, key.length);
    this.mirrorSlot = mirror.slotOf(db, key, 0, key.length);
    this.slot = keySlot(key, 0, key.length);
  }

  launch(): void {
    if (this.onLaunch !== null) {
      const go = this.onLaunch;
      this.onLaunch = null;
      go();
    } else this.handler.readKey(this);
  }

  onReply(buf: Buffer, start: number, end: number): void {
    this.handler.dumped(this, buf, start, end);
  }

  onPiece(): void {}

  onLost(): void {
    this.handler.sourceLost(this);
  }

  acknowledged(): void {
    this.handler.acknowledged(this);
  }

  failed(error: string | null): void {
    this.handler.refused(this, error);
  }
}
