/**
 * One client connection: bytes in, commands admitted in order, replies out in order.
 *
 *   socket → RequestScanner → dispatch (route, ledger) → lane … → reply queue → socket
 *
 * A command that may not go on yet is *held*: the scanner keeps it and `pump` tries it again when the reason is
 * gone. Reasons: one of its commands is parked (L1b), its own target reads on the slot are unanswered (3.5), the gate
 * is closed (cutover), too much is in flight, the client does not read its replies, an AUTH or SELECT is under way.
 *
 *   front → [op] → [op] → [op] ← back        replies leave from the front only; a reply before its turn is stashed
 */
import type { Socket } from 'node:net';
import { isMiss } from '../commands/misses.js';
import { ANY_NODE, type CommandLane } from '../lanes/command-lane.js';
import { ANONYMOUS, type Identity } from '../lanes/identity.js';
import { Outbox } from '../lanes/outbox.js';
import { type Flushable, type Resumable, turn } from '../lanes/turn.js';
import { PARKED } from '../ledger/operation.js';
import { errorReply } from '../resp/encode.js';
import { BODY, HEAD, NEED_MORE, PROTOCOL_ERROR, RequestScanner } from '../resp/request.js';
import type { Resp } from '../resp/values.js';
import type { Holder } from '../routing/memory.js';
import type { Gated, Switchboard } from '../routing/switchboard.js';
import type { Blocked } from './blocking/blocked.js';
import type { ReplicaWait } from './blocking/replica-wait.js';
import { type ClientOp, LOCAL, returnOp, TARGET, takeOp } from './client-op.js';
import { readClient } from './client-socket.js';
import type { Clients } from './clients.js';
import { dispatch } from './dispatch.js';
import { keepReply } from './kept-replies.js';
import { refuse } from './refusal.js';
import { SessionLanes } from './session-lanes.js';
import { SlotReads } from './slot-reads.js';
import { noteSlow } from './slow-commands.js';
import type { Monitor } from './subscriptions/monitor.js';
import type { Subscriptions } from './subscriptions/subscriptions.js';
import { UNREACHABLE } from './texts.js';
import type { Transaction } from './transaction.js';
import { beginUpload, UPLOAD_BYTES, type Upload } from './upload.js';
import { endWatch, type Watch } from './watch.js';

/** How often a question to the server may be lost before its client is given up. */
const PROBES_MAX = 8;
/** Stop parsing while so much of the client's output is unread, and go on below. */
const OUTPUT_PAUSE_BYTES = 1024 * 1024;
/** Up to here what it has not read is looked at once a turn, and not with every reply. */
const UNCHECKED_BYTES = 16 * 1024;
/** So many commands are dealt with in one turn; those of other clients come before the rest. */
const COMMANDS_PER_TURN = 1024;
/** Stop reading the socket while so much input waits. */
const INPUT_PAUSE_BYTES = 1024 * 1024;

function addressOf(host: string | undefined, port: number | undefined): string {
  return host === undefined ? 'unix:0' : host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** So much output leaves at once, whatever else may be on its way. */
const PROMPT_BYTES = 16 * 1024;

let nextSessionId = 1;

export class Session implements Resumable, Flushable, Gated, Holder {
  readonly id = nextSessionId++;
  readonly connectedMs = performance.now();
  /** When it last sent something. */
  heardMs = this.connectedMs;
  /** Since when it must log in. */
  strangerSinceMs = 0;
  lastCommand = 'NULL';
  readonly address: string;
  readonly localAddress: string;
  /** CLIENT REPLY. */
  readonly silence = { off: false, skipsNext: false, skipsThis: false };
  readonly scanner = new RequestScanner();
  identity: Identity = ANONYMOUS;
  db: number;
  /** The protocol version that the client speaks (HELLO). */
  resp: Resp = 2;
  /** The connection that WATCH gave it, until EXEC, DISCARD or UNWATCH. */
  watch: Watch | null = null;
  name = '';
  /** READONLY: on a Cluster it is content with what a replica answers. */
  readsReplicas = false;
  transaction: Transaction | null = null;
  /** Where its last write went (lanes/command-lane.ts): what WAIT is about. */
  writtenPlace = ANY_NODE;
  resumeQueued = false;
  flushQueued = false;
  isClosed = false;
  /** A parked command, or an AUTH/SELECT under way: nothing more is admitted. */
  parkedOp: ClientOp | null = null;
  busy = false;
  subscriptions: Subscriptions | null = null;
  /** Buffers are over the memory limit, and this client has a good part in it. */
  isThrottled = false;
  heldBytes = 0;
  sentBytes = 0;
  /** It has had its commands for this turn. */
  private isSpent = false;
  private isWaiting = false;
  private probesLost = 0;
  monitor: Monitor | null = null;
  /** The command that waits for data (blocking/); nothing behind it is admitted. */
  blocked: Blocked | ReplicaWait | null = null;
  /** That command's bytes, when they had to be completed before its first attempt. */
  resolved: Buffer | null = null;
  private readonly socket: Socket;
  /** Ferry is stopping, and takes nothing more from it. */
  private isLeaving = false;
  /** After QUIT or a protocol error: close once everything was answered. */
  private closing = false;
  private inputEnded = false;
  /** A big request that is being passed on in pieces. */
  private upload: Upload | null = null;
  /** A reply is being passed on in pieces; what may not stand inside it waits. */
  private isMidReply = false;
  private waitingPushes: Buffer[] = [];
  /** Of the reply that is being passed on in pieces, so far. */
  private replyBytes = 0;

  /** Databases that could not be proven for mirroring, with the reason. */
  readonly unprovable = new Map<number, string>();

  private front: ClientOp | null = null;
  private back: ClientOp | null = null;
  private inFlight = 0;
  private held = false;
  /** Part of a pipeline's replies waits for the next turn, once: from three nodes they come in three turns. */
  private hasWaited = false;
  private readonly outbox = new Outbox();

  readonly lanes = new SessionLanes(this);

  /** The session's unanswered reads, by slot. */
  readonly reads = new SlotReads();

  constructor(
    readonly board: Switchboard,
    accepted: Socket,
    readonly clients: Clients,
  ) {
    const socket = readClient(accepted, (chunk) => this.received(chunk));
    this.socket = socket;
    this.db = board.source.endpoint.db;
    board.gated.add(this);
    clients.byId.set(this.id, this);
    this.becomesStranger();
    this.scanner.streamThreshold = UPLOAD_BYTES;
    this.address = addressOf(socket.remoteAddress, socket.remotePort);
    this.localAddress = addressOf(socket.localAddress, socket.localPort);
    socket.setNoDelay(true);
    socket.on('drain', () => {
      this.lanes.own?.pace(0);
      this.pump();
    });
    socket.on('error', () => this.close('socket error'));
    socket.on('close', () => this.close('closed by the client'));
    // what it has sent is still served: a client may write everything, close its side and read
    socket.on('end', () => {
      this.inputEnded = true;
      this.pump();
    });
  }

  /** False: nothing refers to the chunk any more. */
  private received(chunk: Buffer): boolean {
    if (this.isLeaving) return false;
    const { upload } = this;
    const isBody = upload !== null && this.scanner.bufferedBytes === 0;
    turn.nowMs = performance.now();
    this.heardMs = turn.nowMs;
    this.scanner.push(chunk);
    this.board.memory.arrived(chunk.length);
    if (!this.isSpent) this.pump();
    // a lane copies what an upload sends, but for the end of it
    return !isBody || this.upload !== upload || upload.isSent || this.held || this.scanner.bufferedBytes > 0;
  }

  /** What came in while it waited to be served. */
  start(): void {
    this.socket.resume();
  }

  /** Nobody has logged in on it: where a login is needed, Redis' smaller limits apply, and Ferry's (clients.ts). */
  becomesStranger(): void {
    this.identity = ANONYMOUS;
    this.scanner.authenticated = !this.board.requiresLogin;
    if (!this.scanner.authenticated) this.clients.awaitsLogin(this);
  }

  logsIn(identity: Identity): void {
    this.identity = identity;
    this.scanner.authenticated = true;
    this.clients.unauthenticated.delete(this);
    this.lanes.forget();
  }

  get hasInFlight(): boolean {
    return this.inFlight > 0;
  }

  // ── commands in

  /** Admits what can be admitted now. */
  pump(): void {
    const { scanner } = this;
    let left = COMMANDS_PER_TURN;
    while (!this.isClosed && !this.closing) {
      if (left-- === 0) {
        this.isSpent = true;
        turn.resumeLater(this);
        break;
      }
      if (this.upload !== null) {
        if (!this.passUpload(this.upload)) break;
        continue;
      }
      if (this.isHeldBack) break;
      if (!this.held) {
        const found = scanner.next();
        if (found === NEED_MORE) {
          if (this.inputEnded) this.closeWhenAnswered();
          break;
        }
        if (found === PROTOCOL_ERROR) {
          this.replyNow(errorReply(scanner.error));
          this.closeWhenAnswered();
          break;
        }
        this.silence.skipsThis = this.silence.skipsNext;
        this.silence.skipsNext = false;
        if (found === HEAD) {
          this.upload = beginUpload(this, scanner);
          if (this.upload === null) scanner.gather();
          continue;
        }
      }
      this.held = !dispatch(this, scanner);
      if (this.held) break;
    }
    if (this.isClosed) return;
    if (this.inputEnded && this.blocked !== null) {
      this.close('it went away while it waited');
      return;
    }
    const isHeld = this.held || this.upload !== null || this.isSpent || this.isHeldBack;
    const wantsPause = this.isThrottled || (scanner.bufferedBytes > INPUT_PAUSE_BYTES && isHeld);
    if (wantsPause !== this.socket.isPaused()) {
      if (wantsPause) this.socket.pause();
      else this.socket.resume();
    }
  }

  /** Goes on with a request that is passed on in pieces. False: not now. */
  private passUpload(upload: Upload): boolean {
    const { scanner } = this;
    if (upload.isSent) {
      if (this.inFlight > 0) return false;
      this.endUpload();
      return true;
    }
    if (upload.isFull) return false;
    const found = this.held ? BODY : scanner.next();
    if (found === NEED_MORE) {
      if (this.inputEnded) this.close('it ended in the middle of a request');
      return false;
    }
    if (found === PROTOCOL_ERROR) {
      this.endUpload();
      return true; // the scanner says it again
    }
    if (scanner.bodyLast) this.held = !upload.finish(scanner);
    else upload.send(scanner);
    return !this.held;
  }

  private endUpload(): void {
    this.upload?.end();
    this.upload = null;
  }

  /** May nothing at all be admitted now? */
  private get isHeldBack(): boolean {
    return (
      this.board.gateClosed ||
      this.busy ||
      this.isThrottled ||
      this.parkedOp !== null ||
      this.blocked !== null ||
      this.inFlight >= this.board.config.limits.sessionWindow ||
      this.socket.writableLength + this.outbox.pendingBytes > OUTPUT_PAUSE_BYTES
    );
  }

  resume(): void {
    this.isSpent = false;
    this.pump();
  }

  get isStuck(): boolean {
    return this.inFlight === 0 || this.socket.writableLength > 0;
  }

  measure(): void {
    let held = this.scanner.bufferedBytes + this.outbox.pendingBytes + this.socket.writableLength;
    if (this.transaction !== null) held += this.transaction.heldBytes;
    let sent = 0;
    for (let op = this.front; op !== null; op = op.next) {
      if (op.stash !== null) held += op.stash.length;
      if (op.kept !== null) held += op.keptEnd - op.keptStart;
      sent += op.requestBytes;
    }
    this.heldBytes = held + sent;
    this.sentBytes = sent;
  }

  gateOpened(): void {
    turn.resumeLater(this);
  }

  /**
   * Asks the server something that the present command depends on; the command is tried again afterwards. A connection
   * that is lost meanwhile is no answer: it is asked again, and after some times the client goes as with a dying server,
   * or is told (`on-uncertain error`).
   */
  probe(ask: () => Promise<void>): void {
    this.busy = true;
    ask()
      .then(
        () => {
          this.probesLost = 0;
        },
        () => {
          const { state, isAway } = this.lanes.shared();
          if (state !== 'closed' && !isAway && ++this.probesLost <= PROBES_MAX) return;
          if (state === 'closed' || this.board.config.onUncertain === 'close') this.close('the server went away');
          else if (this.held) {
            this.held = false;
            refuse(this, UNREACHABLE);
          }
        },
      )
      .finally(() => this.ready());
  }

  // ── subscriptions

  /** Nothing is admitted, and a drain waits, until `goOnAfterWait`. */
  wait(): void {
    this.busy = true;
    this.isWaiting = true;
    this.board.inFlight++;
  }

  goOnAfterWait(): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.board.answered();
    this.ready();
  }

  endSubscriptions(): void {
    this.subscriptions?.close();
    this.subscriptions = null;
  }

  endMonitor(): void {
    this.monitor?.close();
    this.monitor = null;
  }

  /** The phase has changed; nothing is on its way. */
  phaseChanged(): void {
    this.subscriptions?.authorityChanged();
    this.monitor?.authorityChanged();
  }

  /** Something that held its commands back is gone. */
  goOn(): void {
    if (!this.isClosed) turn.resumeLater(this);
  }

  unparked(): void {
    this.parkedOp = null;
    turn.resumeLater(this);
  }

  /** An AUTH or SELECT is over. */
  ready(): void {
    this.busy = false;
    turn.resumeLater(this);
  }

  // ── lanes

  /** What the server said when it refused this identity, as a client should read it. */
  refusalText(lane: CommandLane): string {
    if (/^NOAUTH/.test(lane.lastError)) return 'NOAUTH Authentication required.';
    return lane.lastError === '' ? 'FERRY the connection to the server was closed' : lane.lastError;
  }

  // ── the reply queue

  begin(): ClientOp {
    const op = takeOp(this);
    op.isSilent = this.silence.off || this.silence.skipsThis;
    op.resp = this.resp;
    op.beganMs = turn.nowMs;
    if (this.back === null) this.front = op;
    else this.back.next = op;
    this.back = op;
    this.inFlight++;
    this.board.inFlight++;
    return op;
  }

  /** Another op in its place in the queue: the mirror has yet to acknowledge what came of this one. */
  renew(op: ClientOp): ClientOp {
    const fresh = takeOp(this);
    fresh.isSilent = op.isSilent;
    fresh.resp = op.resp;
    fresh.beganMs = op.beganMs;
    fresh.db = op.db;
    fresh.command = op.command;
    fresh.next = op.next;
    if (this.back === op) this.back = fresh;
    if (this.front === op) this.front = fresh;
    else {
      let before = this.front!;
      while (before.next !== op) before = before.next!;
      before.next = fresh;
    }
    op.next = null;
    op.delivered = true;
    return fresh;
  }

  isFront(op: ClientOp): boolean {
    return this.front === op;
  }

  /** Ferry's own answer to the present command. */
  replyNow(reply: Buffer): void {
    if (this.front === null) {
      if (!this.silence.off && !this.silence.skipsThis) this.write(reply, 0, reply.length);
      return;
    }
    const op = this.begin();
    op.route = LOCAL;
    op.stash = reply;
    op.done = true;
  }

  /** The op's reply is complete: out with it, or keep it until its turn. */
  deliver(op: ClientOp, buf: Buffer, start: number, end: number): void {
    if (this.front !== op) {
      const kept = keepReply(buf, start, end);
      op.kept = kept;
      op.keptStart = kept.used - (end - start);
      op.keptEnd = kept.used;
      op.done = true;
      return;
    }
    if (!op.isSilent) this.write(buf, start, end);
    this.finishFront(op);
  }

  /** A piece of the front's reply; `last` ends it. */
  writePiece(buf: Buffer, start: number, end: number, last: boolean): void {
    if (this.front!.isSilent) return;
    this.isMidReply = !last;
    this.replyBytes += end - start;
    if (last) {
      this.lanes.sawReply(this.replyBytes);
      this.replyBytes = 0;
    }
    this.write(buf, start, end);
    if (last && this.waitingPushes.length > 0) {
      for (const push of this.waitingPushes) this.write(push, 0, push.length);
      this.waitingPushes = [];
    }
  }

  /** Bytes that answer no command (messages, RESP3 pushes): out at once, but never inside a reply. */
  pushOut(buf: Buffer, start: number, end: number): void {
    if (this.isMidReply) this.waitingPushes.push(Buffer.from(buf.subarray(start, end)));
    else this.write(buf, start, end);
  }

  /** The front's reply is out: so are those behind it that came before their turn. */
  finishFront(op: ClientOp): void {
    this.leaveQueue(op);
    let next = this.front;
    while (next?.done) {
      const reply = next.isSilent ? null : next.stash;
      const { kept, keptStart, keptEnd, isSilent } = next;
      next.stash = null;
      next.kept = null;
      this.leaveQueue(next); // first: the write may end the session, and with it the queue
      if (reply !== null) this.write(reply, 0, reply.length);
      if (kept !== null) {
        if (!isSilent) this.write(kept.bytes, keptStart, keptEnd);
        kept.release();
      }
      next = this.front;
    }
    if (this.front === null && this.closing) this.end();
    else if (this.held || this.upload !== null || this.scanner.bufferedBytes > 0) turn.resumeLater(this);
  }

  private leaveQueue(op: ClientOp): void {
    this.front = op.next;
    if (this.front === null) this.back = null;
    op.next = null;
    if (op.kept !== null) {
      op.kept.release();
      op.kept = null;
    }
    op.delivered = true;
    this.inFlight--;
    this.board.answered();
    if (op.route !== LOCAL && op.blocked === null) {
      const tookMs = turn.nowMs - op.beganMs;
      this.board.counters.durations[op.answeredBy].record(tookMs * 1000);
      const { slowlogMs } = this.board.config;
      if (tookMs >= slowlogMs && slowlogMs > 0) noteSlow(op, tookMs);
    }
    if (op.settledDone) this.recycle(op);
  }

  recycle(op: ClientOp): void {
    returnOp(op);
  }

  /** The bytes may be borrowed ones: valid until whoever read them settles (lanes/outbox.ts). */
  private write(buf: Buffer, start: number, end: number): void {
    if (this.isClosed) return;
    this.outbox.appendBorrowed(buf, start, end);
    if (!this.flushQueued) turn.flushLater(this);
    if (this.outbox.pendingBytes > UNCHECKED_BYTES) this.checkUnread();
  }

  flush(): void {
    if (this.isClosed) return;
    if (this.front !== null && !this.hasWaited && this.outbox.pendingBytes < PROMPT_BYTES) {
      this.hasWaited = true;
      turn.flushLater(this);
    } else this.flushNow();
  }

  private flushNow(): void {
    this.hasWaited = false;
    this.outbox.flushTo(this.socket);
    if (this.socket.writableLength > 0 || this.lanes.own !== null) this.checkUnread();
  }

  /** A client that does not read is disconnected at its limit; one with a connection of its own is paced before. */
  private checkUnread(): void {
    const unread = this.socket.writableLength + this.outbox.pendingBytes;
    if (unread > this.board.config.limits.clientOutputBytes) this.close('its output limit is reached');
    else this.lanes.own?.pace(unread);
  }

  // ── reads in target-read

  targetReadOver(bucket: number): void {
    this.reads.targetOver(bucket);
    if (this.held) turn.resumeLater(this);
  }

  /** `op` fell back: so must the session's later target reads on the slot. */
  cascade(op: ClientOp): void {
    if (!this.reads.hasOtherTargetReads(op.bucket)) return;
    for (let later = op.next; later !== null; later = later.next) {
      if (later.route === TARGET && later.bucket === op.bucket) later.fallsBack = true;
    }
  }

  /** A fallback was answered by the source: if the key is there, the target should have it too. */
  repairAfterFallback(op: ClientOp, buf: Buffer, start: number, end: number): void {
    const { board } = this;
    const { mirror } = board;
    if (mirror === null || !board.config.readRepair || isMiss(op.command!.miss, buf, start, end)) return;
    if (!mirror.lane.isUp || mirror.copies.active > 64 || board.gateClosed) return;
    const key = op.frame.subarray(op.keyStart, op.keyEnd);
    if (mirror.copies.isPending(op.db, key)) return;
    board.counters.readRepairs++;
    mirror.copies.request(op.db, key, null);
  }

  // ── the end

  closeWhenAnswered(): void {
    this.closing = true;
    if (this.front === null) this.end();
  }

  /** Ferry is stopping: resolves when the client has taken what it was answered, and has hung up. */
  leave(): Promise<void> {
    const { socket } = this;
    const isGone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // input that nobody reads would make the kernel throw away what the client has not read
    this.isLeaving = true;
    this.end();
    socket.resume();
    return isGone;
  }

  private end(): void {
    this.flushNow();
    this.socket.end();
    this.close('finished');
  }

  /**
   * The connection is over. What was sent keeps its mirror op and loses only its reply; what was parked was never
   * sent and is withdrawn.
   */
  close(_reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.board.gated.delete(this);
    this.clients.byId.delete(this.id);
    this.clients.unauthenticated.delete(this);
    if (!this.socket.destroyed && !this.socket.writableEnded) this.socket.destroy();
    const parked = this.parkedOp;
    this.parkedOp = null;
    if (parked !== null && parked.stage === PARKED) {
      this.board.ledger.withdraw(parked);
      parked.done = true;
    }
    this.blocked?.abandon();
    if (this.subscriptions !== null || this.monitor !== null) {
      this.endSubscriptions();
      this.endMonitor();
      this.goOnAfterWait();
    }
    // from the front: local answers and stashed ones go; the others leave when their replies arrive
    while (this.front?.done) this.leaveQueue(this.front);
    this.transaction = null;
    if (this.watch !== null) endWatch(this);
    this.endUpload();
    this.lanes.leaveOwn();
    this.waitingPushes = [];
    this.outbox.clear();
  }
}
