/**
 * MONITOR: the server's own stream of commands, over a connection of its own under the client's identity; of a Cluster the
 * streams of all masters, one connection each.
 *
 * It shows what the authority executes, Ferry's own commands included, with Ferry's addresses. After a change of
 * authority it is the other side's stream. One server that goes away takes the client along; a Cluster's node is
 * listened to again when it is back, and so is one that takes its place. https://redis.io/commands/monitor
 */
import type { Lane } from '../../lanes/lane.js';
import type { ServerNode } from '../../lanes/server-node.js';
import type { Upstream } from '../../lanes/upstream.js';
import { encodeCommand } from '../../resp/encode.js';
import { isError } from '../../resp/values.js';
import type { Session } from '../session.js';

const MONITOR = encodeCommand(['MONITOR']);

export class Monitor {
  private side: Upstream;
  private lanes = new Map<ServerNode, Lane>();
  /** Nodes whose first answer has not come. */
  private readonly awaited = new Set<ServerNode>();
  private isAnswered = false;
  /** What the first of them said. */
  private answer: Buffer | null = null;
  private isClosed = false;
  private readonly mapChanged = (): void => this.listen();

  constructor(private readonly session: Session) {
    this.side = session.board.authority;
    session.wait();
    this.begin();
  }

  private begin(): void {
    if (this.side.hasSlots) this.side.mapFollowers.add(this.mapChanged);
    this.listen();
  }

  /** To every node that there is now, and to no other. */
  private listen(): void {
    const { hasSlots, home, masters } = this.side;
    const nodes = hasSlots ? masters : [home];
    for (const [node, lane] of this.lanes) {
      if (nodes.includes(node)) continue;
      this.lanes.delete(node);
      lane.close();
      this.answered(node, null, 0, 0);
    }
    for (const node of nodes) if (!this.lanes.has(node)) this.lanes.set(node, this.listenTo(node));
  }

  private listenTo(node: ServerNode): Lane {
    const { session, side } = this;
    this.awaited.add(node);
    let isFirst = true;
    const lane: Lane = side.listenFor(
      session.identity,
      session.resp,
      {
        onStream: (buf, start, end) => {
          if (isFirst) this.answered(node, buf, start, end);
          else session.pushOut(buf, start, end);
          isFirst = false;
        },
        onUp: () => {
          isFirst = true;
          lane.sendPart(MONITOR, 0, MONITOR.length);
        },
        onCut: () => {
          if (this.isClosed || this.lanes.get(node) !== lane) return;
          if (!side.hasSlots) session.close('the server that it monitors went away');
          else this.answered(node, null, 0, 0); // its stream begins when it is back
        },
      },
      node,
    );
    return lane;
  }

  /** A node's first word: OK, an error, or none because it is away. The client gets one answer, when all are there. */
  private answered(node: ServerNode, buf: Buffer | null, start: number, end: number): void {
    const { session } = this;
    this.awaited.delete(node);
    if (this.isAnswered || this.isClosed) return;
    const failed = buf !== null && isError(buf, start);
    if (buf !== null) this.answer ??= Buffer.from(buf.subarray(start, end));
    if (this.awaited.size > 0 && !failed) return;
    const answer = failed ? buf.subarray(start, end) : this.answer;
    if (answer === null) {
      session.close('no server that it could monitor is there');
      return;
    }
    this.isAnswered = true;
    session.pushOut(answer, 0, answer.length);
    if (failed) session.endMonitor();
    session.goOnAfterWait();
  }

  authorityChanged(): void {
    if (this.side === this.session.board.authority) return;
    this.close();
    this.isClosed = false;
    this.side = this.session.board.authority;
    this.begin();
  }

  close(): void {
    this.isClosed = true;
    this.side.mapFollowers.delete(this.mapChanged);
    const { lanes } = this;
    this.lanes = new Map();
    this.awaited.clear();
    for (const lane of lanes.values()) lane.close();
  }
}
