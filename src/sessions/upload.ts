/**
 * A request of many megabytes, passed on as it comes instead of being held: the server executes it at its last byte.
 *
 *   HEAD          a connection of its own is pinned; the bytes so far go out
 *   BODY …        each piece goes out; the client is not read from while the connection takes no more
 *   BODY (last)   waits until the session's earlier commands are answered; then the ledger admits it like any write,
 *                 and its launch is the sending of these last bytes. So no slot is held while a slow client sends
 *
 * Only writes with one key that stands in front of the big value qualify (SET, APPEND, RPUSH, HSET, RESTORE …);
 * everything else is gathered and goes the ordinary way. While a mirror follows, the key is copied: the bytes are gone.
 * A connection that is lost on the way takes the client along, as a dying Redis does: what had been sent was no whole
 * command and was not executed.
 */
import { arityOk, type Command } from '../commands/table.js';
import { ANY_NODE } from '../lanes/command-lane.js';
import type { Lane } from '../lanes/lane.js';
import type { Pin } from '../lanes/pins.js';
import type { Upstream } from '../lanes/upstream.js';
import { encodeCommand } from '../resp/encode.js';
import { ArgReader, type RequestScanner } from '../resp/request.js';
import { SlotList } from '../routing/slots.js';
import { type ClientOp, PASS, WRITE } from './client-op.js';
import type { Session } from './session.js';
import { NO_BUCKET } from './slot-reads.js';

/** Values from here on are passed on in pieces, if they are not wholly there already. */
export const UPLOAD_BYTES = 1024 * 1024;
/** The client is not read from while so much waits to be sent to the server. */
const UNSENT_MAX_BYTES = 4 * 1024 * 1024;

const slots = new SlotList();
const args = new ArgReader();

export class Upload {
  private readonly side: Upstream;
  private readonly pin: Pin;
  private readonly lane: Lane;
  private op: ClientOp | null = null;

  /** `start`: the command's name and key, as multibulk bytes of their own. */
  constructor(
    private readonly session: Session,
    private readonly command: Command,
    private readonly start: Buffer,
  ) {
    this.side = session.board.authority;
    this.pin = this.side.pins.take(session.identity, session.db, session.resp);
    this.pin.onCut = () => {
      if (this.op === null) session.close('the server went away in the middle of a big request');
    };
    this.lane = this.pin.lane.connectionFor(ANY_NODE)!;
    this.lane.onRoom = () => session.resume();
    session.board.inFlight++; // a drain waits for it: another server would not know its first bytes
  }

  /** No more can be sent now; the session is resumed when it can. */
  get isFull(): boolean {
    return this.lane.unsentBytes > UNSENT_MAX_BYTES;
  }

  /** The last bytes are sent and the reply is on its way. */
  get isSent(): boolean {
    return this.op !== null;
  }

  send(scanner: RequestScanner): void {
    this.lane.sendPart(scanner.frame, scanner.frameStart, scanner.frameEnd);
  }

  /** The last piece. False: it must wait for the session's earlier commands. */
  finish(scanner: RequestScanner): boolean {
    const { session, command, lane } = this;
    if (session.hasInFlight) return false;
    const { board } = session;
    const op = session.begin();
    this.op = op;
    board.inFlight--; // the op counts from here on
    op.command = command;
    op.answeredBy = board.rules.authority;
    op.db = session.db;
    op.lane = lane;
    op.laneId = lane.id;
    op.frame = this.start;
    op.frameEnd = this.start.length;
    op.isPartial = true;
    op.wire = scanner.frame.subarray(scanner.frameStart, scanner.frameEnd);
    if (!board.rules.mirrored) {
      op.route = PASS;
      op.bucket = NO_BUCKET;
      op.transmit(lane);
      return true;
    }
    op.route = WRITE;
    slots.clear();
    args.read(this.start, 0, this.start.length);
    slots.addWrite(command, args.frame, args.argc, args.starts, args.ends);
    slots.giveTo(op);
    if (!board.ledger.admit(op)) session.parkedOp = op;
    return true;
  }

  /** The reply is out, or the session is over. */
  end(): void {
    this.lane.onRoom = null;
    if (this.op === null) {
      this.session.board.inFlight--;
      this.session.board.checkDrained();
      this.side.pins.discard(this.pin);
    } else this.side.pins.giveBack(this.pin);
  }
}

/** Begins to pass on what the scanner is at; null when it must be gathered. */
export function beginUpload(session: Session, scanner: RequestScanner): Upload | null {
  const { board } = session;
  const { frame, argc, argsRead, starts, ends } = scanner;
  // what goes to a node that may send it elsewhere must be there whole
  if (board.authority.isRouted) return null;
  const isPlain = session.transaction === null && session.watch === null && session.subscriptions === null;
  if (argsRead < 2 || !isPlain || session.clients.paused !== 0 || !scanner.authenticated) return null;
  const command = board.table.lookup(frame, argc, starts, ends);
  if (command === null || !command.exists || command.kind !== 'write' || !arityOk(command, argc)) return null;
  if (!command.singleKey || command.firstKey !== 1) return null;
  board.counters.commands++;
  board.counters.commandsById[command.id]!++;
  const upload = new Upload(
    session,
    command,
    encodeCommand([Buffer.from(scanner.arg(0)), Buffer.from(scanner.arg(1))]),
  );
  upload.send(scanner);
  return upload;
}
