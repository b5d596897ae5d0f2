/**
 * An effect: one write that the authority executed (or may have), on its way to the mirror.
 *
 * Whoever sequences writes (a client's session today, a replication stream one day) hands effects to the mirror in
 * the authority's reply order. `waits` counts the mirror operations and copies that still have to be acknowledged;
 * when the last one is, `settled()` is called once. The request's bytes must stay unchanged until then.
 */
import type { Command } from '../commands/table.js';
import { Operation } from '../ledger/operation.js';
import type { Resp } from '../resp/values.js';

export const NO_FRAME: Buffer = Buffer.alloc(0);

export abstract class Effect extends Operation {
  command: Command | null = null;
  /** The logical database (the source's numbering). */
  db = 0;
  /** The request as multibulk bytes: frame[frameStart, frameEnd). */
  frame: Buffer = NO_FRAME;
  frameStart = 0;
  frameEnd = 0;
  /** The protocol version of the authority's reply. */
  resp: Resp = 2;
  /** The bytes for the authority where they are not the client's own. */
  wire: Buffer | null = null;
  /** Of the request only the name and the key were kept: its key is mirrored by copy. */
  isPartial = false;
  waits = 0;
  /** When it was sent (performance.now()), 0 where that does not matter: see `isTimed`. */
  sentMs = 0;

  /** It is (to be) sent with these bytes. */
  take(frame: Buffer, wire: Buffer | null): void {
    this.frame = frame;
    this.frameStart = 0;
    this.frameEnd = frame.length;
    this.wire = wire;
  }

  /** Everything of it that concerns the mirror is acknowledged, or marked dirty. */
  abstract settled(): void;

  partSettled(): void {
    if (--this.waits === 0) this.settled();
    else if (this.waits < 0) throw new Error(`an effect was settled ${-this.waits} times too often`);
  }
}

/** One command inside an EXEC: its parts count for the whole transaction. */
export class ElementEffect extends Effect {
  constructor(
    private readonly transaction: Effect,
    command: Command,
    db: number,
    frame: Buffer,
    frameStart: number,
    frameEnd: number,
    wire: Buffer | null,
  ) {
    super();
    this.command = command;
    this.db = db;
    this.frame = frame;
    this.frameStart = frameStart;
    this.frameEnd = frameEnd;
    this.wire = wire;
  }

  launch(): void {
    throw new Error('an element is launched with its transaction');
  }

  settled(): void {
    this.transaction.partSettled();
  }
}
