/**
 * MONITOR: the server's own stream of commands, over a connection of its own under the client's identity.
 *
 * It shows what the authority executes, Ferry's own commands included, with Ferry's addresses. After a change of
 * authority it is the other server's stream. https://redis.io/commands/monitor
 */
import type { Lane } from '../../lanes/lane.js';
import type { Upstream } from '../../lanes/upstream.js';
import { encodeCommand } from '../../resp/encode.js';
import { isError } from '../../resp/values.js';
import type { Session } from '../session.js';

const MONITOR = encodeCommand(['MONITOR']);

export class Monitor {
  private side: Upstream;
  private lane: Lane;
  private isAnswered = false;
  private isClosed = false;

  constructor(private readonly session: Session) {
    this.side = session.board.authority;
    session.wait();
    this.lane = this.listen();
  }

  private listen(): Lane {
    const { session } = this;
    let isFirst = true;
    const lane: Lane = this.side.listenFor(session.identity, session.resp, {
      onStream: (buf, start, end) => {
        if (!isFirst || !this.isAnswered) session.pushOut(buf, start, end);
        isFirst = false;
        if (this.isAnswered) return;
        this.isAnswered = true;
        if (isError(buf, start)) session.endMonitor();
        session.goOnAfterWait();
      },
      onUp: () => lane.sendPart(MONITOR, 0, MONITOR.length),
      onCut: () => {
        if (!this.isClosed) session.close('the server that it monitors went away');
      },
    });
    return lane;
  }

  authorityChanged(): void {
    if (this.side === this.session.board.authority) return;
    this.close();
    this.isClosed = false;
    this.side = this.session.board.authority;
    this.lane = this.listen();
  }

  close(): void {
    this.isClosed = true;
    this.lane.close();
  }
}
