/**
 * What a routed lane has on its way, or keeps until a slot can be served again: single commands, and groups of them.
 *
 *   Routed   one command and whom its reply goes to; pooled, because one is used per command
 *   Group    several that stay together on one connection: a transaction, a write and the reads right behind it
 *
 * A reply that redirects never reaches the entry: the request goes back to its lane (`again`) and is sent once more, a
 * transaction from its MULTI on, anything else from the first command that was not executed. A replica refuses writes
 * only, so a read that it answered behind a refused write goes back as well: it would not see that write.
 */
import { OK } from '../../resp/encode.js';
import { NO_REDIRECTION, type Redirection, redirectionIn } from '../../topology/redirection.js';
import type { Lane, LaneEntry } from '../lane.js';
import { IGNORED } from '../multi.js';

const ASKING = Buffer.from('*1\r\n$6\r\nASKING\r\n');
const NIL_ARRAY = Buffer.from('*-1\r\n');
const EMPTY = Buffer.alloc(0);
export const NO_NODE = -1;

/** What a request needs of its lane. */
export interface RequestOwner {
  /** A command of the slot was sent; of the slot one was answered (executed, or refused for good), or not. */
  sent(slot: number): void;
  over(slot: number, isAnswered: boolean): void;
  /**
   * Nothing of the request was executed (from where it stands on): it is sent again in its turn. False: it will not be,
   * and counts as lost.
   */
  redirected(request: Request, buf: Buffer, start: number, end: number): boolean;
  /** A write that was sent before was refused by this very connection: its server is a replica now. */
  readonly isDemoted: boolean;
  /** A read that was answered behind such a write: it is sent again behind it, and its reply counts for nothing. */
  overtook(request: Request): void;
  /** A redirection that ends what was redirected: only what it tells of the slot matters. */
  learns(request: Request, buf: Buffer, start: number, end: number): void;
  /** The connection went before it was sent. False: it counts as lost. */
  unsent(request: Request): boolean;
  /** Counts what no request may be moved across (FLUSHALL). */
  readonly barriers: number;
  /** Counts how often what a server knew of the lane was lost. */
  readonly breakages: number;
}

export interface Request {
  readonly slot: number;
  /** The node that has the request's key although another one serves the slot (ASK), or NO_NODE. */
  askNode: number;
  /** Since when it has been waiting for its slot (performance.now()), 0: it is not. */
  waitsSinceMs: number;
  /** How often a node sent it elsewhere, or away. */
  redirections: number;
  /** What the last of them was. */
  redirection: Redirection;
  /** `barriers` of its lane when it was first sent. */
  readonly barriers: number;
  /** What belonged to it is on a connection that is gone, or on another node: it must not be sent. */
  readonly isBroken: boolean;
  transmit(lane: Lane): void;
  /** Its sender sent something after it that was executed, and would notice. */
  isOvertaken(): boolean;
  /** It cannot be served: `error` is its reply. */
  refuse(error: Buffer): void;
  lose(sent: boolean): void;
}

export class Routed implements Request, LaneEntry {
  owner: RequestOwner | null = null;
  entry: LaneEntry | null = null;
  group: Group | null = null;
  frame: Buffer = EMPTY;
  start = 0;
  end = 0;
  slot = 0;
  askNode = NO_NODE;
  waitsSinceMs = 0;
  redirections = 0;
  redirection: Redirection = NO_REDIRECTION;
  barriers = 0;

  get isBroken(): boolean {
    return false;
  }

  get streams(): boolean {
    return this.group === null && this.entry!.streams && !this.isOvertaking;
  }

  private get isOvertaking(): boolean {
    return this.owner!.isDemoted && this.entry!.canRepeat === true;
  }

  transmit(lane: Lane): void {
    if (this.askNode !== NO_NODE) lane.send(IGNORED, ASKING, 0, ASKING.length);
    this.send(lane);
  }

  send(lane: Lane): void {
    this.owner!.sent(this.slot);
    lane.send(this, this.frame, this.start, this.end);
  }

  onReply(buf: Buffer, start: number, end: number): void {
    const owner = this.owner!;
    const { slot, entry } = this;
    let isAnswered = false;
    if (this.group !== null) isAnswered = this.group.answered(this, buf, start, end);
    else if (redirectionIn(buf, start, end) === NO_REDIRECTION) {
      if (this.isOvertaking) owner.overtook(this);
      else {
        isAnswered = true;
        if (this.askNode !== NO_NODE) entry!.onAsked?.();
        giveBack(this);
        entry!.onReply(buf, start, end);
      }
    } else if (!owner.redirected(this, buf, start, end)) this.lose(true);
    owner.over(slot, isAnswered);
  }

  isOvertaken(): boolean {
    return this.entry!.isOvertaken?.(this.slot) === true;
  }

  onPiece(buf: Buffer, start: number, end: number, last: boolean): void {
    const { entry, owner, slot } = this;
    if (last) giveBack(this);
    entry!.onPiece(buf, start, end, last);
    if (last) owner!.over(slot, true);
  }

  onLost(sent: boolean): void {
    const owner = this.owner!;
    const { slot } = this;
    if (this.group !== null) this.group.partLost(sent);
    else if (sent || !owner.unsent(this)) this.lose(sent);
    owner.over(slot, false);
  }

  refuse(error: Buffer): void {
    const { entry } = this;
    giveBack(this);
    entry!.onReply(error, 0, error.length);
  }

  lose(sent: boolean): void {
    const { entry } = this;
    giveBack(this);
    entry!.onLost(sent);
  }
}

export class Group implements Request {
  readonly parts: Routed[] = [];
  askNode = NO_NODE;
  waitsSinceMs = 0;
  redirections = 0;
  redirection: Redirection = NO_REDIRECTION;
  readonly barriers: number;
  private readonly breakages: number;
  /** The first part that has no reply yet, among those that were sent. */
  private next = 0;
  /** The first part whose reply was not handed on: from here on it is sent again. */
  private from = 0;
  /** Replies of the transaction that wait for EXEC's. */
  private kept: Buffer[] = [];
  private isRedirected = false;
  private isLost = false;
  private resends = false;

  constructor(
    private readonly owner: RequestOwner,
    readonly slot: number,
    /** How many of the first parts are one transaction. */
    private readonly atomic: number,
    /** A redirected transaction is not sent again: something else that belonged to it is on the old connection. */
    private readonly breaks: boolean,
  ) {
    this.barriers = owner.barriers;
    this.breakages = owner.breakages;
  }

  get isBroken(): boolean {
    return this.breaks && this.from < this.atomic && this.breakages !== this.owner.breakages;
  }

  add(part: Routed): void {
    part.group = this;
    part.slot = this.slot; // MULTI and EXEC have no key of their own
    this.parts.push(part);
  }

  transmit(lane: Lane): void {
    this.next = this.from;
    this.isRedirected = false;
    this.kept = [];
    for (let i = this.from; i < this.parts.length; i++) {
      // a MULTI keeps what ASKING said until its EXEC
      const asks = this.askNode !== NO_NODE && (i === 0 || i >= this.atomic);
      if (asks) lane.send(IGNORED, ASKING, 0, ASKING.length);
      this.parts[i]!.send(lane);
    }
  }

  /** True when the part's reply is the group's: it is not sent again. */
  answered(part: Routed, buf: Buffer, start: number, end: number): boolean {
    const i = this.next++;
    if (redirectionIn(buf, start, end) !== NO_REDIRECTION && !this.isRedirected) {
      this.isRedirected = true;
      if (i >= this.atomic) this.from = i;
      if (this.breaks && i < this.atomic) {
        this.resends = false;
        this.owner.learns(this, buf, start, end);
      } else this.resends = this.owner.redirected(this, buf, start, end);
    } else if (i === 0 && this.owner.isDemoted && this.parts.at(-1)!.entry!.canRepeat === true) {
      this.isRedirected = true;
      this.resends = true;
      this.owner.overtook(this);
    }
    if (i < this.atomic - 1) this.kept.push(Buffer.from(buf.subarray(start, end)));
    else if (i === this.atomic - 1) this.executed(part, buf, start, end);
    else if (!this.isRedirected) this.deliver(part, buf, start, end);
    const isAnswered = !this.isRedirected;
    if (this.next === this.parts.length && this.isRedirected && !this.resends) this.loseRest(true);
    return isAnswered;
  }

  isOvertaken(): boolean {
    return this.parts.some((part) => part.isOvertaken());
  }

  /** EXEC's reply is there. */
  private executed(part: Routed, buf: Buffer, start: number, end: number): void {
    if (this.isRedirected && !this.breaks) return;
    const { kept } = this;
    this.kept = [];
    for (const [i, reply] of kept.entries()) this.deliver(this.parts[i]!, reply, 0, reply.length);
    if (this.isRedirected) {
      this.isRedirected = false;
      this.deliver(part, NIL_ARRAY, 0, NIL_ARRAY.length);
    } else this.deliver(part, buf, start, end);
  }

  private deliver(part: Routed, buf: Buffer, start: number, end: number): void {
    this.from++;
    if (this.askNode !== NO_NODE) part.entry!.onAsked?.();
    part.entry!.onReply(buf, start, end);
  }

  /** The connection went. Called for each part that has no reply, in order. */
  partLost(sent: boolean): void {
    // what was redirected is sent again anyway: behind the redirection nothing was executed, or only reads were
    if (!this.isLost && !this.isRedirected) {
      // the parts are sent at once: if this one was not, and none before it was answered, nothing of it was
      this.resends = !sent && !this.breaks && this.next === this.from && this.owner.unsent(this);
    }
    this.isLost = true;
    this.next++;
    if (this.next < this.parts.length) return;
    this.isLost = false;
    if (!this.resends) this.loseRest(sent);
  }

  refuse(error: Buffer): void {
    // as a server would: it opens a transaction for anybody, and refuses what is queued in it
    if (this.atomic > 0 && this.from === 0) this.deliver(this.parts[0]!, OK, 0, OK.length);
    while (this.from < this.parts.length) this.deliver(this.parts[this.from]!, error, 0, error.length);
  }

  lose(sent: boolean): void {
    this.loseRest(sent);
  }

  /** Whoever has no reply hears that none will come. */
  private loseRest(sent: boolean): void {
    while (this.from < this.parts.length) this.parts[this.from++]!.entry!.onLost(sent);
  }
}

const pool: Routed[] = [];

export function takeRouted(
  owner: RequestOwner,
  entry: LaneEntry,
  frame: Buffer,
  start: number,
  end: number,
  slot: number,
): Routed {
  const routed = pool.pop() ?? new Routed();
  routed.owner = owner;
  routed.entry = entry;
  routed.frame = frame;
  routed.start = start;
  routed.end = end;
  routed.slot = slot;
  routed.barriers = owner.barriers;
  return routed;
}

/** Only what was written since it was taken; the chunk above all, which is big. */
function giveBack(routed: Routed): void {
  routed.owner = null;
  routed.entry = null;
  routed.frame = EMPTY;
  if (routed.waitsSinceMs !== 0) {
    routed.waitsSinceMs = 0;
    routed.askNode = NO_NODE;
    routed.redirections = 0;
    routed.redirection = NO_REDIRECTION;
  }
  if (pool.length < 16384) pool.push(routed);
}
