/**
 * WAIT: how many replicas have acknowledged everything that this session wrote, without a connection that waits.
 *
 * The first answer is the server's own (WAIT inside MULTI does not block). When it is too small, the client is parked
 * and the replicas' offsets are watched: the offset to reach is the authority's once the session's writes were
 * answered. A short WAIT on the watching connection makes the replicas report. After a change of authority the offset
 * is taken anew. https://redis.io/commands/wait
 */
import type { Command } from '../../commands/table.js';
import { callLane } from '../../lanes/call.js';
import { ANY_NODE } from '../../lanes/command-lane.js';
import { infoField } from '../../lanes/info.js';
import type { Pin } from '../../lanes/pins.js';
import type { ServerNode } from '../../lanes/server-node.js';
import type { Upstream } from '../../lanes/upstream.js';
import { ElementEffect } from '../../mirror/effect.js';
import { encodeCommand, integerReplyBytes } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request.js';
import { integerReply, isError } from '../../resp/values.js';
import type { Switchboard } from '../../routing/switchboard.js';
import { type ClientOp, PASS } from '../client-op.js';
import type { Attempting } from '../op-extras.js';
import type { Session } from '../session.js';
import { UNBLOCKED } from '../texts.js';
import { wireFor } from '../wire.js';
import { Deadline } from './deadline.js';
import { multiRight } from './multi-right.js';

const FIRST_LOOK_MS = 2;
const LOOK_MAX_MS = 50;

export class ReplicaWait implements Attempting {
  /** The replication offset to reach; unknown before the first look. */
  offset: number | null = null;
  node: ServerNode | null = null;
  acknowledged = 0;
  private isParked = false;
  private readonly deadline: Deadline;

  constructor(
    private readonly session: Session,
    private readonly op: ClientOp,
    readonly replicas: number,
    timeoutMs: number,
    private readonly watch: ReplicaWatch,
    /** For users without MULTI: the connection on which it waits as short as can be. */
    private pin: Pin | null,
    /** Whose replicas: where the session's last write went. */
    readonly place: number,
  ) {
    this.deadline = new Deadline(timeoutMs);
    op.blocked = this;
    session.blocked = this;
  }

  answered(buf: Buffer, start: number, end: number): void {
    const { op, session } = this;
    if (isError(buf, start)) {
      this.releasePin();
      const reply = op.queueError ?? buf.subarray(start, end);
      this.finish(reply);
      return;
    }
    this.releasePin();
    const from = op.elements === null ? start : start + 4; // behind `*1\r\n`
    this.acknowledged = integerReply(buf, from, end);
    if (!(this.acknowledged < this.replicas) || session.isClosed) {
      this.finish(buf.subarray(from, end));
      return;
    }
    this.isParked = true;
    session.board.answered();
    this.deadline.arm(() => this.end());
    this.watch.add(this);
  }

  private releasePin(): void {
    if (this.pin !== null) this.session.board.authority.pins.giveBack(this.pin);
    this.pin = null;
  }

  /** With the count as it is now, whether it is enough or not; or with that reply. */
  end(reply: Buffer = integerReplyBytes(this.acknowledged)): void {
    if (!this.isParked) return;
    this.isParked = false;
    this.session.board.inFlight++;
    this.finish(reply);
  }

  /** CLIENT UNBLOCK. */
  unblock(withError: boolean): void {
    if (withError) this.end(UNBLOCKED);
    else this.end();
  }

  abandon(): void {
    this.deadline.disarm();
    this.session.blocked = null;
    this.watch.remove(this);
    if (!this.isParked) return;
    this.isParked = false;
    this.session.board.inFlight++;
    this.op.done = true;
  }

  private finish(reply: Buffer): void {
    this.deadline.disarm();
    this.watch.remove(this);
    if (this.session.blocked === this) this.session.blocked = null;
    this.session.deliver(this.op, reply, 0, reply.length);
    this.session.goOn();
  }
}

/** WAIT numreplicas timeout; false when it must wait for its turn. */
export function waitForReplicas(session: Session, command: Command, scanner: RequestScanner): boolean {
  const { board } = session;
  // the offset to reach is that behind the session's own writes
  if (session.hasInFlight) return false;
  const asked = multiRight(session);
  if (asked === null) return false;
  const right = asked === true;
  const frame = Buffer.from(scanner.frame.subarray(scanner.frameStart, scanner.frameEnd));
  const op = session.begin();
  op.db = session.db;
  op.route = PASS;
  op.answeredBy = board.rules.authority;
  const pin = right ? null : board.authority.pins.take(session.identity, session.db, session.resp);
  const lane = pin?.lane ?? session.lanes.shared();
  op.lane = lane;
  op.place = session.writtenPlace < 0 ? ANY_NODE : session.writtenPlace;
  const wire = wireFor(board.authority, command, session.db, scanner);
  if (right) {
    op.command = board.table.byName('exec')!;
    op.elements = [new ElementEffect(op, command, session.db, frame, 0, frame.length, wire)];
  } else {
    op.command = command;
    const [name, replicas] = [board.authority.wireName('WAIT'), Buffer.from(scanner.arg(1))];
    // what is no timeout stays, for its error
    op.take(encodeCommand([name, replicas, /^\d+$/.test(scanner.text(2)) ? '1' : Buffer.from(scanner.arg(2))]), null);
  }
  new ReplicaWait(session, op, scanner.int(1), scanner.int(2), session.clients.replicaWatch, pin, op.place);
  op.transmit(lane);
  return true;
}

/** Watches the replicas' offsets while somebody waits for them. */
export class ReplicaWatch {
  private readonly parked = new Set<ReplicaWait>();
  private pauseMs = FIRST_LOOK_MS;
  private timer: NodeJS.Timeout | null = null;
  private isLooking = false;

  constructor(private readonly board: Switchboard) {}

  add(wait: ReplicaWait): void {
    this.parked.add(wait);
    this.pauseMs = FIRST_LOOK_MS;
    if (!this.isLooking) this.lookIn(0);
  }

  remove(wait: ReplicaWait): void {
    this.parked.delete(wait);
  }

  private lookIn(ms: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.isLooking = true;
      void this.look().finally(() => {
        this.isLooking = false;
        if (this.parked.size > 0) this.lookIn(this.pauseMs);
        this.pauseMs = Math.min(2 * this.pauseMs, LOOK_MAX_MS);
      });
    }, ms);
  }

  private async look(): Promise<void> {
    const side = this.board.authority;
    const nodes = new Set([...this.parked].map(({ place }) => side.nodeOf(place)));
    for (const node of nodes) {
      try {
        const lane = side.isRouted
          ? side.nodeLane(node, 'wait', side.endpoint.db)
          : side.jobLane('wait', side.endpoint.db);
        const [info] = await callLane(lane, [
          ['INFO', 'replication'],
          ['WAIT', 1000, 1],
        ]);
        this.judge(side, node, String(info));
      } catch {
        // the server is away: the clients go on waiting, as their timeouts allow
      }
    }
  }

  private judge(side: Upstream, node: ServerNode, info: string): void {
    const written = Number(infoField(info, 'master_repl_offset'));
    const replicas = [...info.matchAll(/^slave\d+:.*\bstate=online,offset=(\d+)/gm)].map((match) => Number(match[1]));
    for (const wait of [...this.parked]) {
      if (side.nodeOf(wait.place) !== node) continue;
      if (wait.node !== node) {
        wait.node = node;
        wait.offset = written;
      }
      wait.acknowledged = replicas.filter((offset) => offset >= wait.offset!).length;
      if (wait.acknowledged >= wait.replicas) wait.end();
    }
  }
}
