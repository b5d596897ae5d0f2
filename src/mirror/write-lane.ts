/**
 * The mirror's write lane: exactly one connection to each mirror node, in the authority's reply order.
 *
 * It carries all databases. A database is used only after one SELECT of it was acknowledged on this very
 * connection; later SELECTs are pipelined, and an error of one closes the connection (else the next write would
 * land in the wrong database; for those already behind it, see `onWrongDatabase`). A Cluster has one database, and no
 * SELECT. While a connection is down nothing is queued for it: the caller marks keys dirty instead.
 *
 * `slot` says which node (lanes/command-lane.ts); `appendToAll` is for what concerns every node (FLUSHALL, SCRIPT LOAD).
 * `backlogBytes`: appended and not acknowledged. Who appends asks `canTake` first; against the limit counts what they
 * need in memory, which for small commands is mostly not their bytes.
 */
import { handshakeSteps } from '../lanes/handshake.js';
import type { Lane, LaneEntry } from '../lanes/lane.js';
import { RoutedLane } from '../lanes/routed/routed-lane.js';
import { turn } from '../lanes/turn.js';
import type { Upstream } from '../lanes/upstream.js';
import { OPERATION_BYTES } from '../ledger/operation.js';
import { encodeCommand } from '../resp/encode.js';
import { isError } from '../resp/values.js';

export interface WriteLaneLimits {
  readonly backlogLimitBytes: number;
  /** Nobody waits for the mirror: what clients wrote may leave a moment later, with more of it. */
  readonly mayWait: boolean;
}

/** What the mirror answered. An entry hears `acknowledged` or `failed`, once. */
export interface MirrorAck {
  acknowledged(buf: Buffer, start: number, end: number): void;
  /** Refused by the mirror (error text), or lost with the connection (null). */
  failed(error: string | null): void;
}

export interface WriteLaneEvents {
  /** A connection was made: its node has been given nothing yet. */
  onUp(): void;
  onDown(reason: string): void;
  /** Everything appended is answered, and who waited for it knows. */
  onEmpty(): void;
  /** A SELECT of a usable database was refused: what was pipelined behind it ran in another one. */
  onWrongDatabase(): void;
}

/** A slot of the lane's ring: pooled, because one is used per mirrored command. */
class Sent implements LaneEntry {
  readonly streams = false;
  ack: MirrorAck | null = null;
  bytes = 0;

  constructor(private readonly owner: WriteLane) {}

  onReply(buf: Buffer, start: number, end: number): void {
    const ack = this.ack;
    this.owner.release(this);
    if (ack !== null) {
      if (isError(buf, start)) ack.failed(buf.toString('latin1', start + 1, end - 2));
      else ack.acknowledged(buf, start, end);
    }
    if (this.owner.backlogOps === 0) this.owner.events.onEmpty();
  }

  onPiece(): void {}

  onLost(): void {
    const ack = this.ack;
    this.owner.release(this);
    ack?.failed(null);
  }
}

/** The answers of all nodes as one: that of the last, or the first error. */
class AllAcks implements MirrorAck {
  private error: string | null | undefined = undefined;

  constructor(
    private readonly ack: MirrorAck | null,
    private left: number,
  ) {}

  acknowledged(buf: Buffer, start: number, end: number): void {
    if (--this.left > 0) return;
    if (this.error === undefined) this.ack?.acknowledged(buf, start, end);
    else this.ack?.failed(this.error);
  }

  failed(error: string | null): void {
    if (this.error === undefined) this.error = error;
    if (--this.left === 0) this.ack?.failed(this.error);
  }
}

export class WriteLane {
  /** For the connections (lanes/lane.ts): what is being sent right now may wait. */
  isPatient = false;
  backlogBytes = 0;
  backlogOps = 0;
  /** Counts the connections: what was appended under another number may be lost. */
  epoch = 0;
  /** One operation at a time is timed from its append to its acknowledgement. */
  private timed: Sent | null = null;
  private timedSinceMs = 0;
  private lastLagMs = 0;
  private readonly lane: Lane | RoutedLane;
  private readonly routed: RoutedLane | null;
  private isHeld = false;
  private db = 0;
  /** Acknowledged on the present connection. */
  private readonly usable = new Set<number>();
  private readonly selects: Buffer[] = [];
  private readonly pool: Sent[] = [];
  private readonly onSelectReply: LaneEntry;
  private proofs: { db: number; resolve: () => void }[] = [];

  constructor(
    private readonly upstream: Upstream,
    /** The databases in use, proven distinct on this side: selected at every connect. */
    private readonly usedDbs: ReadonlySet<number>,
    private readonly limits: WriteLaneLimits,
    readonly events: WriteLaneEvents,
  ) {
    const owner = this;
    this.onSelectReply = {
      streams: false,
      onReply(buf, start, end) {
        if (!isError(buf, start)) return;
        events.onWrongDatabase();
        owner.lane.drop(`SELECT refused: ${buf.toString('latin1', start + 1, end - 2)}`);
      },
      onPiece() {},
      onLost() {},
    };
    this.lane = upstream.ownLane('mirror', {
      patience: this,
      handshake: (lane) => {
        this.usable.clear();
        const dbs = [...this.usedDbs];
        this.db = dbs.at(-1) ?? 0;
        // a connection begins in database 0, and a handshake that needs no other one does not select it
        if (dbs.length === 1 && upstream.dbHere(dbs[0]!) === 0) this.usable.add(dbs[0]!);
        return handshakeSteps(lane, {
          credentials: upstream.own.reread(),
          connectionName: upstream.nameFor('mirror'),
          dbs: upstream.hasSlots ? [] : dbs.map((db) => upstream.dbHere(db)),
          onRunId: (runId) => upstream.sawRunId(lane, runId),
          onSelected: (here) => {
            for (const db of dbs) if (upstream.dbHere(db) === here) this.usable.add(db);
          },
        });
      },
      onUp: () => {
        this.epoch++;
        // those that came into use during the handshake
        for (const db of this.usedDbs) void this.selectProven(db);
        events.onUp();
      },
      onDown: (_lane, reason) => {
        this.usable.clear();
        for (const proof of this.proofs) proof.resolve();
        this.proofs = [];
        events.onDown(reason);
      },
    });
    this.routed = this.lane instanceof RoutedLane ? this.lane : null;
  }

  /** Every node is connected, and may be sent something. */
  get isUp(): boolean {
    if (this.isHeld) return false;
    return this.routed === null ? this.lane.state === 'up' : this.routed.isWhole;
  }

  /** Nothing more is sent, as if the mirror were away, until it is held no more. What was sent is answered. */
  hold(isHeld: boolean): void {
    this.isHeld = isHeld;
  }

  /** How long an operation waits for the mirror's acknowledgement, ms: the last one timed, or the one that waits. */
  get lagMs(): number {
    return this.timed === null ? this.lastLagMs : Math.max(this.lastLagMs, performance.now() - this.timedSinceMs);
  }

  /** What the backlog holds in memory: many small operations cost more than their bytes. */
  get heldBytes(): number {
    return this.backlogBytes + this.backlogOps * OPERATION_BYTES;
  }

  get lastError(): string {
    return this.lane.lastError;
  }

  /** May an operation of `bytes` on that slot of `db` be appended now? False: its keys become dirty. */
  canTake(db: number, slot: number, bytes: number): boolean {
    if (this.isHeld || !this.lane.isUp(slot) || this.heldBytes + bytes > this.limits.backlogLimitBytes) return false;
    if (this.upstream.hasSlots) return this.usedDbs.has(db);
    if (this.usable.has(db)) return true;
    // it came into use while this connection was being made: from the next time on it may be
    if (this.usedDbs.has(db) && !this.proofs.some((proof) => proof.db === db)) void this.selectProven(db);
    return false;
  }

  /** The same for `appendToAll`. While slots are on their way it could pass what was appended before it. */
  canTakeOnAll(db: number, bytes: number): boolean {
    if (this.routed === null) return this.canTake(db, 0, bytes);
    return this.isUp && !this.routed.hasDetours && this.usedDbs.has(db);
  }

  /** Appends one command; the frame's bytes are copied or never change. */
  append(ack: MirrorAck | null, db: number, slot: number, frame: Buffer, start: number, end: number): void {
    if (db !== this.db && !this.upstream.hasSlots) this.select(db);
    this.lane.send(this.take(ack, end - start), frame, start, end, slot);
  }

  /** As `append`, for what no one waits for. */
  appendPatiently(ack: MirrorAck | null, db: number, slot: number, frame: Buffer, start: number, end: number): void {
    this.isPatient = this.limits.mayWait;
    this.append(ack, db, slot, frame, start, end);
    this.isPatient = false;
  }

  /** Appends one command for every node; `ack` hears one answer. `isBarrier`: what was appended before may not pass it. */
  appendToAll(ack: MirrorAck | null, db: number, frame: Buffer, start: number, end: number, isBarrier = true): void {
    const { routed, upstream } = this;
    if (routed === null || !upstream.hasSlots) {
      this.append(ack, db, 0, frame, start, end);
      return;
    }
    // what is redirected later and cannot pass it counts as lost
    if (isBarrier) routed.barrier();
    const nodes = upstream.masters;
    const all = new AllAcks(ack, nodes.length);
    for (const node of nodes) routed.sendTo(node.index, this.take(all, end - start), frame, start, end);
  }

  private select(db: number): void {
    const frame = this.selectFrame(db);
    this.lane.send(this.onSelectReply, frame, 0, frame.length);
    this.db = db;
  }

  private take(ack: MirrorAck | null, bytes: number): Sent {
    const sent = this.pool.pop() ?? new Sent(this);
    if (this.timed === null) {
      this.timed = sent;
      this.timedSinceMs = turn.nowMs;
    }
    sent.ack = ack;
    sent.bytes = bytes;
    this.backlogBytes += bytes;
    this.backlogOps++;
    return sent;
  }

  release(sent: Sent): void {
    if (sent === this.timed) {
      this.lastLagMs = turn.nowMs - this.timedSinceMs;
      this.timed = null;
    }
    this.backlogBytes -= sent.bytes;
    this.backlogOps--;
    sent.ack = null;
    sent.bytes = 0;
    if (this.pool.length < 4096) this.pool.push(sent);
  }

  /** Makes a newly used database usable on the present connection; resolves also when the connection went. */
  selectProven(db: number): Promise<void> {
    if (this.upstream.hasSlots || !this.isUp || this.usable.has(db)) return Promise.resolve();
    return new Promise((resolve) => {
      const proof = { db, resolve };
      this.proofs.push(proof);
      const entry: LaneEntry = {
        streams: false,
        onReply: (buf, start, end) => {
          this.proofs = this.proofs.filter((p) => p !== proof);
          if (isError(buf, start)) this.lane.drop(`SELECT refused: ${buf.toString('latin1', start + 1, end - 2)}`);
          else this.usable.add(db);
          resolve();
        },
        onPiece() {},
        onLost() {},
      };
      const there = this.selectFrame(db);
      const back = this.selectFrame(this.db);
      // back at once: until the proof is acknowledged nobody may depend on it
      this.lane.send(entry, there, 0, there.length);
      this.lane.send(this.onSelectReply, back, 0, back.length);
    });
  }

  close(): void {
    this.lane.close();
  }

  drop(reason: string): void {
    this.lane.drop(reason);
  }

  private selectFrame(db: number): Buffer {
    let frame = this.selects[db];
    if (frame === undefined) {
      frame = encodeCommand(['SELECT', this.upstream.dbHere(db)]);
      this.selects[db] = frame;
    }
    return frame;
  }
}
