/**
 * A lane: one pipelined connection to one node; replies come back in the order of the requests.
 *
 *      head                     tail
 *   ───┴──┬─────┬─────┬─────┬────┴──
 *         │ e3  │ e4  │ e5  │          ring[index & mask]; e3's reply is the next to arrive
 *   ──────┴─────┴─────┴─────┴───────
 *
 * States: connecting → up → down (→ connecting …) → closed. What is sent while connecting waits in the outbox and
 * goes out after the handshake. When the connection is lost or cannot be made, every entry hears `onLost` once, in
 * order, and the lane tries again with capped exponential backoff and jitter for as long as it is wanted. While the node's
 * breaker is open (breaker.ts) the entries hear it just as often, but only one lane really tries.
 *
 * Bytes read are in a buffer that the next read overwrites: `onReply` and `onPiece` must copy what they keep.
 * Anything the reply scanner does not understand closes the connection; it never guesses.
 */
import { connect, type LookupFunction, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Held, IntentCommit } from '../ledger/intent.js';
import { decodeAnyReply } from '../resp/any-reply.js';
import { ReplyError, ReplyScanner } from '../resp/reply.js';
import type { Reply, Resp } from '../resp/values.js';
import type { Breaker } from './breaker.js';
import type { CommandLane } from './command-lane.js';
import { Outbox, settleBorrowed } from './outbox.js';
import { Traffic } from './traffic.js';
import { type Patient, turn } from './turn.js';

export interface LaneEntry {
  /** True: a reply in several chunks comes as pieces (`onPiece`), else it is joined first. Read at each chunk. */
  readonly streams: boolean;
  /** True: it changes nothing, so its reply may be thrown away and the command sent again. */
  readonly canRepeat?: boolean;
  /** The whole reply is buf[start, end). */
  onReply(buf: Buffer, start: number, end: number): void;
  /** Told right before `onReply`: not the node that serves the slot answers, but the one that the slot is on its way to. */
  onAsked?(): void;
  /** A piece of the reply; `last` ends it. */
  onPiece(buf: Buffer, start: number, end: number, last: boolean): void;
  /** The connection is gone and no (further) reply will come. `sent`: the node may have executed it. */
  onLost(sent: boolean): void;
  /** Was something executed that its sender sent after it to the same slot? Asked of what a server refused (detour.ts). */
  isOvertaken?(slot: number): boolean;
}

export type LaneState = 'connecting' | 'up' | 'down' | 'closed';

/** One step of the handshake: a command, and what its reply means. */
export interface HandshakeStep {
  readonly command: Buffer;
  /** Throws to give the connection up. May return further steps to run next. */
  accept(reply: Reply): readonly HandshakeStep[] | undefined;
}

export interface LaneAddress {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
}

const DOLLAR = 0x24;
const STAR = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;

export interface LaneOptions {
  /** For logs and for who looks at it in a debugger. */
  readonly name: string;
  readonly address: LaneAddress;
  /** Null or missing: a plain connection. */
  readonly tls?: ConnectionOptions | null;
  /** Who resolves the host's name; the system, if nobody is given. */
  readonly lookup?: LookupFunction;
  /** Called at each attempt: the steps from connect to usable. */
  handshake(lane: Lane): readonly HandshakeStep[];
  /** Every time the handshake succeeded, before what waits is sent. */
  onUp?(lane: Lane): void;
  /** The connection is gone, and the entries have not heard of it yet: what they start already counts on this. */
  onCut?(lane: Lane): void;
  /** After the entries heard `onLost`. `reason` never contains secrets. */
  onDown?(lane: Lane, reason: string): void;
  /** Everything that arrives once it is up goes here: a connection on which the server speaks by itself. */
  onStream?(buf: Buffer, start: number, end: number): void;
  /** Missing: 2. A reply of the other version is as unintelligible as one of none. */
  readonly resp?: Resp;
  /** Of the node: whether it is asked at all. */
  readonly breaker?: Breaker;
  /** Asked at each `send`: may what is sent now wait a moment for more (turn.ts)? Missing: never. */
  readonly patience?: { readonly isPatient: boolean };
  /** Where commands and bytes are counted; missing: nobody asks. */
  readonly traffic?: Traffic;
  /** A refused login is final: no further attempts (client identities). */
  readonly giveUpOnRefusal?: boolean;
}

export class LaneRefused extends Error {}

/** First byte of a RESP3 push. */
const PUSH = 62;
const READ_BYTES = 64 * 1024;
const CONNECT_TIMEOUT_MS = 5000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const BACKOFF_FIRST_MS = 20;
const BACKOFF_MAX_MS = 2000;

let nextLaneId = 1;

/** Identifies a connection, or a set of them, to the slot ledger. */
export function takeLaneId(): number {
  return nextLaneId++;
}

/** So much is worth a system call of its own. */
const PATIENT_BYTES = 16 * 1024;

export class Lane implements CommandLane, Held, Patient {
  readonly id = takeLaneId();
  readonly name: string;
  state: LaneState = 'connecting';
  /** CLIENT ID of the current (or last) connection, 0 unknown: what fencing kills. */
  clientId = 0;
  /** The name of that connection, if the server took it; else ''. */
  connectionName = '';
  /** The connection was usable: it may have been sent something. For fencing, which resets it. */
  wasUp = false;
  /** How often a connection was lost or could not be made since it was last up. */
  failures = 0;
  lastError = '';
  /** When it was closed for good, by performance.now(). */
  closedAtMs = 0;
  flushQueued = false;
  waitQueued = false;
  /** How often bytes came. */
  reads = 0;
  /** For whoever has it alone: the connection took everything that it was given. */
  onRoom: (() => void) | null = null;

  private socket: Socket | null = null;
  private ring: (LaneEntry | null)[] = new Array(256).fill(null);
  private mask = 255;
  private head = 0;
  private tail = 0;
  /** Entries before this index were (possibly) written to the present connection. */
  private sentTail = 0;
  private readonly outbox = new Outbox();
  private readonly scanner = new ReplyScanner();
  private partial: Buffer = EMPTY;
  private partialUsed = 0;
  private steps: HandshakeStep[] = [];
  private timer: NodeJS.Timeout | null = null;
  /** When the present attempt to connect began. */
  private beganMs = 0;
  private closing = false;
  /** What was sent since the last flush leaves when this is on disk. */
  private heldBy: IntentCommit | null = null;
  private readonly speaksResp3: boolean;
  private readonly patience: LaneOptions['patience'];
  private readonly traffic: Traffic;
  private paused = false;

  constructor(private readonly options: LaneOptions) {
    this.name = options.name;
    this.speaksResp3 = options.resp === 3;
    this.patience = options.patience;
    this.traffic = options.traffic ?? new Traffic();
    this.open();
  }

  /** Sends frame bytes (never overwritten by their owner: see Outbox.appendStable) and expects one reply for `entry`. */
  send(entry: LaneEntry, frame: Buffer, start: number, end: number): void {
    if (this.state === 'closed') {
      entry.onLost(false);
      return;
    }
    if (this.tail - this.head > this.mask) this.grow();
    this.ring[this.tail++ & this.mask] = entry;
    this.outbox.appendStable(frame, start, end);
    if (this.state !== 'up' || this.flushQueued) return;
    if (this.patience?.isPatient === true && this.outbox.pendingBytes < PATIENT_BYTES) turn.flushSoon(this);
    else turn.flushLater(this);
  }

  /** Everything sent in one go stays together here anyway. */
  beginGroup(): void {}

  endGroup(): void {}

  isUp(): boolean {
    return this.state === 'up';
  }

  get isAway(): boolean {
    return this.state !== 'up' && this.options.breaker?.isOpen === true;
  }

  /** The breaker: the node can be reached again. */
  tryNow(): void {
    if (this.state !== 'down') return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.open();
  }

  connectionFor(): Lane {
    return this;
  }

  get address(): LaneAddress {
    return this.options.address;
  }

  /** Copies bytes of a request whose end goes through `send`. Nobody else may use the lane in between. */
  sendPart(frame: Buffer, start: number, end: number): void {
    this.outbox.append(frame, start, end);
    if (this.state === 'up' && !this.flushQueued) turn.flushLater(this);
  }

  /** For whoever has it alone: the server waits until `resumeReading`. */
  pauseReading(): void {
    this.paused = true;
    this.socket?.pause();
  }

  resumeReading(): void {
    this.paused = false;
    this.socket?.resume();
  }

  /** Was something sent on the present connection, and not answered? Also while `onCut` hears of its end. */
  get hasUnanswered(): boolean {
    return this.head < this.sentTail;
  }

  /** Is a reply outstanding that Ferry would read? */
  get isAwaited(): boolean {
    return this.state === 'up' && !this.paused && this.hasUnanswered;
  }

  /** Bytes that the connection has not taken yet. */
  get unsentBytes(): number {
    return this.outbox.pendingBytes + (this.socket?.writableLength ?? 0);
  }

  holdFor(commit: IntentCommit): void {
    if (commit.isDone || (this.heldBy !== null && this.heldBy.number >= commit.number)) return;
    this.heldBy = commit;
    commit.held.push(this);
  }

  committed(): void {
    if (this.heldBy?.isDone === true) this.heldBy = null;
    this.flush();
  }

  /** The part of a reply that is there. */
  get partialBytes(): number {
    return this.partial.length;
  }

  flush(): void {
    if (this.state !== 'up' || this.socket === null || this.heldBy !== null) return;
    this.traffic.commands += this.tail - this.sentTail;
    this.traffic.bytesOut += this.outbox.pendingBytes;
    this.sentTail = this.tail;
    this.outbox.flushTo(this.socket);
  }

  /** Drops the connection; it is made anew unless `close` was called. */
  drop(reason: string): void {
    this.lost(reason);
  }

  /** The lane is not wanted any more. */
  close(): void {
    if (this.state === 'closed') return;
    const wasDown = this.state === 'down';
    this.state = 'closed';
    this.closedAtMs = performance.now();
    if (this.timer !== null) clearTimeout(this.timer);
    this.options.breaker?.forget(this);
    this.socket?.destroy();
    this.socket = null;
    if (wasDown)
      this.loseEntries(); // those that were sent since, for a connection that will not come
    else this.fail('closed');
  }

  /** As `close`, when everything sent was answered. */
  closeWhenAnswered(): void {
    if (this.head === this.tail || this.state !== 'up') this.close();
    else this.closing = true;
  }

  private retry(): void {
    if (this.options.breaker?.mayTry(this) === false) this.fallDown(this.lastError);
    else this.open();
  }

  private open(): void {
    this.state = 'connecting';
    this.paused = false;
    this.beganMs = performance.now();
    this.scanner.reset();
    this.partialUsed = 0;
    const { host, port, path } = this.options.address;
    const onread = {
      buffer: Buffer.allocUnsafeSlow(this.options.tls ? 0 : READ_BYTES),
      callback: (bytes: number, buf: Uint8Array): boolean => {
        if (this.socket === socket) this.received(buf as Buffer, bytes);
        return true;
      },
    };
    const { tls, lookup } = this.options;
    const isTls = tls !== undefined && tls !== null;
    const socket: Socket = isTls
      ? connectTls({ host, port, lookup, ...tls })
      : connect(path !== undefined ? { path, onread } : { host, port, lookup, onread });
    // a TLS socket has buffers of its own
    if (isTls) socket.on('data', (chunk: Buffer) => onread.callback(chunk.length, chunk));
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    this.arm(CONNECT_TIMEOUT_MS, 'no connection within 5 s');
    socket.on(isTls ? 'secureConnect' : 'connect', () => {
      if (this.socket !== socket) return;
      this.arm(HANDSHAKE_TIMEOUT_MS, 'no answer to the handshake within 10 s');
      this.steps = [...this.options.handshake(this)];
      this.nextStep();
    });
    socket.on('drain', () => this.onRoom?.());
    socket.on('error', (error: Error) => {
      if (this.socket === socket) this.lost(error.message || String((error as NodeJS.ErrnoException).code));
    });
    socket.on('close', () => {
      if (this.socket === socket) this.lost('connection closed by the server');
    });
  }

  private arm(ms: number, reason: string): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(reason), ms);
  }

  private nextStep(): void {
    const step = this.steps[0];
    if (step !== undefined) {
      this.traffic.commands++;
      this.traffic.bytesOut += step.command.length;
      this.socket!.write(step.command);
      return;
    }
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.state = 'up';
    this.failures = 0;
    this.lastError = '';
    this.sentTail = this.head;
    this.options.breaker?.succeeded();
    this.options.onUp?.(this);
    if (this.outbox.pendingBytes > 0) turn.flushLater(this);
  }

  private handshakeReply(buf: Buffer, start: number, end: number): void {
    const step = this.steps.shift();
    if (step === undefined) {
      this.lost('a reply nobody asked for');
      return;
    }
    try {
      const more = step.accept(decodeAnyReply(buf, start, end));
      if (more !== undefined) this.steps.unshift(...more);
    } catch (error) {
      if (this.options.giveUpOnRefusal && error instanceof LaneRefused) {
        this.lastError = error.message;
        this.close();
      } else this.lost((error as Error).message);
      return;
    }
    this.nextStep();
  }

  private received(buf: Buffer, bytes: number): void {
    turn.nowMs = performance.now();
    this.reads++;
    this.traffic.bytesIn += bytes;
    const socket = this.socket;
    let at = 0;
    try {
      while (at < bytes) {
        const from = at;
        at = this.scanner.scan(buf, at, bytes);
        if (!this.speaksResp3) this.refuseResp3();
        else if (this.scanner.type === PUSH && this.options.onStream === undefined) {
          // nobody asked on this connection for what a server tells by itself
          continue;
        }
        if (!this.scanner.complete) {
          this.keepPartial(buf, from, bytes);
          return;
        }
        if (this.partialUsed > 0) {
          this.append(buf, from, at);
          const whole = this.partial;
          const used = this.partialUsed;
          this.partialUsed = 0;
          if (whole.length > 1 << 20) this.partial = EMPTY;
          this.deliver(whole, 0, used);
        } else this.deliver(buf, from, at);
        if (this.socket !== socket) return;
      }
    } catch (error) {
      if ((error as Error).name !== 'ReplyError') throw error;
      const unread = this.reading;
      this.reading = null;
      if (this.socket === socket) this.lost(`unintelligible reply: ${(error as Error).message}`, unread);
      else unread?.onLost(true);
    } finally {
      settleBorrowed(); // the next read overwrites what the replies are in
      this.traffic.onIn(bytes);
    }
  }

  /** A push would be passed over, and an attribute taken for a part of the next reply: everybody would get another's. */
  private refuseResp3(): void {
    switch (this.scanner.type) {
      case PLUS:
      case MINUS:
      case COLON:
      case DOLLAR:
      case STAR:
        return;
      default:
        throw new ReplyError(`a RESP3 type (byte ${this.scanner.type}) on a RESP2 connection`);
    }
  }

  /** Whose reply is being read: if it is none that the command can have, it is as if no reply had come. */
  private reading: LaneEntry | null = null;
  /** True while the reply at the head is being handed on in pieces. */
  private streaming = false;

  private deliver(buf: Buffer, start: number, end: number): void {
    if (this.state !== 'up') {
      this.handshakeReply(buf, start, end);
      return;
    }
    if (this.options.onStream !== undefined) {
      this.options.onStream(buf, start, end);
      return;
    }
    if (this.head === this.tail) {
      this.lost('a reply nobody asked for');
      return;
    }
    const index = this.head++ & this.mask;
    const entry = this.ring[index]!;
    this.ring[index] = null;
    this.reading = entry;
    if (this.streaming) {
      this.streaming = false;
      entry.onPiece(buf, start, end, true);
    } else entry.onReply(buf, start, end);
    this.reading = null;
    if (this.closing && this.head === this.tail) this.close();
  }

  private keepPartial(buf: Buffer, start: number, end: number): void {
    const entry = this.state === 'up' && this.head !== this.tail ? this.ring[this.head & this.mask]! : null;
    // an error is short, and whoever waits for it wants to see it whole
    if (entry !== null && (this.streaming || (entry.streams && this.partialUsed === 0 && buf[start] !== MINUS))) {
      this.streaming = true;
      entry.onPiece(buf, start, end, false);
    } else this.append(buf, start, end);
  }

  private append(buf: Buffer, start: number, end: number): void {
    settleBorrowed(); // perhaps out of the partial reply before this one
    const needed = this.partialUsed + end - start;
    if (needed > this.partial.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(needed, this.partial.length * 2, 4096));
      this.partial.copy(bigger, 0, 0, this.partialUsed);
      this.partial = bigger;
    }
    buf.copy(this.partial, this.partialUsed, start, end);
    this.partialUsed = needed;
  }

  private grow(): void {
    const size = (this.mask + 1) * 2;
    const ring: (LaneEntry | null)[] = new Array(size).fill(null);
    for (let i = this.head; i < this.tail; i++) ring[i & (size - 1)] = this.ring[i & this.mask]!;
    this.ring = ring;
    this.mask = size - 1;
  }

  /** `unread`: its reply came, and could not be read. */
  private lost(reason: string, unread: LaneEntry | null = null): void {
    if (this.state === 'closed' || this.state === 'down') return;
    const socket = this.socket;
    this.socket = null;
    socket?.destroy();
    if (this.state === 'connecting') this.options.breaker?.failed(this.beganMs, performance.now());
    this.fallDown(reason, unread);
  }

  /** Not connected, until the next attempt. */
  private fallDown(reason: string, unread: LaneEntry | null = null): void {
    this.state = 'down';
    this.failures++;
    this.lastError = reason;
    if (this.timer !== null) clearTimeout(this.timer);
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.failures - 1, 10));
    this.timer = setTimeout(() => this.retry(), backoffMs * (0.5 + Math.random() / 2));
    this.fail(reason, unread);
  }

  private fail(reason: string, unread: LaneEntry | null = null): void {
    this.streaming = false;
    this.partialUsed = 0;
    this.options.onCut?.(this);
    this.loseEntries(unread);
    this.options.onDown?.(this, reason);
  }

  /** Every entry hears of the loss once, in order; entries that they send meanwhile are for the next connection. */
  private loseEntries(unread: LaneEntry | null = null): void {
    const ring = this.ring;
    const mask = this.mask;
    const { head, tail, sentTail } = this;
    this.ring = new Array(256).fill(null);
    this.mask = 255;
    this.head = this.tail = this.sentTail = 0;
    this.outbox.clear();
    unread?.onLost(true);
    for (let i = head; i < tail; i++) ring[i & mask]!.onLost(i < sentTail);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
