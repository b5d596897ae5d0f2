/**
 * A lane to a side whose nodes change: a Cluster, or one server that may become another (Sentinel, a DNS name).
 *
 *   send(slot) ──► at[slot] is its node, or nothing of the slot is on its way ──► that node's connection
 *            └───► else the slot takes a detour (detour.ts): frozen, drained, sent again in the original order
 *
 *   pending[s]   commands of slot s that were sent and not answered; all of them went to node at[s]
 *   at[s]        that node, or DETOUR
 *
 * Redirections, replicas that were masters a moment ago and slots that nobody serves are dealt with here; whoever sent
 * the command sees its reply only. A command waits `redirectWaitMs` for its slot at the most, then it gets the server's
 * own error. Connections to the nodes are opened when they are needed, and closed when a node serves nothing any more.
 *
 * Per command: one pooled record, three typed-array look-ups.
 */

import type { IntentCommit } from '../../ledger/intent.js';
import {
  ASK,
  MOVED,
  READONLY,
  type RedirectedTo,
  redirectedTo,
  redirectionIn,
  TRYAGAIN,
} from '../../topology/redirection.js';
import { HOME, NOBODY, type SlotMap } from '../../topology/slot-map.js';
import { ANY_NODE, type CommandLane } from '../command-lane.js';
import { type Lane, type LaneEntry, type LaneState, takeLaneId } from '../lane.js';
import { turn } from '../turn.js';
import { Detour } from './detour.js';
import { Group, NO_NODE, type Request, type RequestOwner, takeRouted } from './requests.js';

const DETOUR = -2;
const SLOTS = HOME + 1;
/** How long a node that serves nothing any more may still answer. */
const LAST_ANSWERS_MS = 1000;
/** As a node says it. */
const TRYAGAIN_ERROR = Buffer.from('-TRYAGAIN Multiple keys request during rehashing of slot\r\n');
export const CLUSTERDOWN_ERROR = Buffer.from('-CLUSTERDOWN Hash slot not served\r\n');

/** What a routed lane needs of its side. */
export interface Routes {
  readonly map: SlotMap;
  /** Slots matter; else the side is one server, and everything goes to HOME's. */
  readonly hasSlots: boolean;
  readonly redirectWaitMs: number;
  /** Nothing is sent now: another server is about to take over. */
  readonly isHeld: boolean;
  /** The node at that address; `teller` said so, and its own host is meant where none is given. */
  nodeAt(host: string, port: number, teller: number): number;
  /** The slot is served by that node now. */
  moved(slot: number, node: number): void;
  /** What is known of the nodes may be old. */
  doubt(reason: string): void;
  /** Keys of the slot are on their way from one node to another. */
  sawAsk(slot: number): void;
  /** Calls `mapChanged` whenever the map did, until `forget`. */
  attach(lane: RoutedLane): void;
  forget(lane: RoutedLane): void;
}

export interface NodeLaneHooks {
  onUp(lane: Lane): void;
  onCut(lane: Lane): void;
}

export interface RoutedLaneOptions {
  /** Opens a connection to a node. */
  open(node: number, hooks: NodeLaneHooks): Lane;
  /** What was not sent when a connection went waits for the next one; else it is lost, and the entry told so. */
  readonly keepsUnsent: boolean;
  /** Connections to all nodes that serve something, before they are needed. */
  readonly isEager?: boolean;
  /** A connection was lost, or a request redirected: whatever a server knew of this lane is elsewhere now. */
  onBroken?: (() => void) | null;
  onNodeUp?(node: number): void;
}

export class RoutedLane implements CommandLane, RequestOwner {
  readonly id = takeLaneId();
  state: LaneState = 'up';
  lastError = '';
  closedAtMs = 0;
  readonly isAway = false;
  barriers = 0;
  /** The one server refused a write, being a replica now; until everything that was sent to it is answered. */
  isDemoted = false;
  breakages = 0;
  private readonly pending = new Uint32Array(SLOTS);
  private readonly at = new Int16Array(SLOTS).fill(NOBODY);
  /** The node that a slot's last command went to; only where somebody wants to know that it is another one now. */
  private readonly lastAt: Int16Array | null;
  private readonly lanes: (Lane | null)[] = [];
  private readonly detours = new Map<number, Detour>();
  private knownTargets: ReadonlySet<number> = new Set();
  private targetsEpoch = -1;
  private group: Group | null = null;
  private inFlight = 0;
  private closing = false;
  private heldBy: IntentCommit | null = null;
  private isPaused = false;
  private readonly hooks: NodeLaneHooks;

  constructor(
    private readonly routes: Routes,
    private readonly options: RoutedLaneOptions,
  ) {
    this.lastAt = (options.onBroken ?? null) === null ? null : new Int16Array(SLOTS).fill(NOBODY);
    this.hooks = { onUp: (lane) => this.nodeUp(lane), onCut: (lane) => this.nodeCut(lane) };
    routes.attach(this);
    if (routes.isHeld) this.hold();
    this.connectAll();
  }

  private connectAll(): void {
    if (this.options.isEager === true) for (const node of this.targets()) this.laneTo(node);
  }

  /** The nodes that serve something. */
  private targets(): ReadonlySet<number> {
    const { map } = this.routes;
    if (map.epoch !== this.targetsEpoch) {
      const nodes = new Set(this.routes.hasSlots ? map.owners() : []);
      if (map.owner[HOME] !== NOBODY) nodes.add(map.owner[HOME]!);
      this.knownTargets = nodes;
      this.targetsEpoch = map.epoch;
    }
    return this.knownTargets;
  }

  /** Is every node connected that serves something? */
  get isWhole(): boolean {
    const nodes = this.targets();
    for (const node of nodes) if (this.lanes[node]?.state !== 'up') return false;
    return nodes.size > 0;
  }

  // ── sending

  send(entry: LaneEntry, frame: Buffer, start: number, end: number, slot: number = ANY_NODE): void {
    if (this.state === 'closed') {
      entry.onLost(false);
      return;
    }
    const request = takeRouted(this, entry, frame, start, end, this.place(slot));
    if (this.group !== null) this.group.add(request);
    else this.route(request);
  }

  beginGroup(slot: number, atomic: number, breaks = false): void {
    this.group = new Group(this, this.place(slot), atomic, breaks);
  }

  endGroup(): void {
    const group = this.group;
    this.group = null;
    if (group !== null && group.parts.length > 0) this.route(group);
  }

  /** Over every connection: a detour may send it over another one than it was meant for. */
  holdFor(commit: IntentCommit): void {
    if (this.heldBy === null || this.heldBy.isDone || this.heldBy.number < commit.number) this.heldBy = commit;
    for (const lane of this.lanes) lane?.holdFor(commit);
  }

  /** To one node, whatever slots it serves: what is asked of all of them. A node that is away loses it. */
  sendTo(node: number, entry: LaneEntry, frame: Buffer, start: number, end: number): void {
    const lane = this.state === 'closed' ? null : this.laneTo(node);
    if (lane === null || lane.state === 'down') entry.onLost(false);
    else lane.send(entry, frame, start, end);
  }

  /** What is sent from here on may not be passed by what was sent before and is redirected now. */
  barrier(): void {
    this.barriers++;
  }

  /** Is any slot on a detour? */
  get hasDetours(): boolean {
    return this.detours.size > 0;
  }

  private place(slot: number): number {
    return slot === ANY_NODE || !this.routes.hasSlots ? HOME : slot;
  }

  private route(request: Request): void {
    const { slot } = request;
    const node = this.routes.map.owner[slot]!;
    const at = this.at[slot]!;
    if (at !== node || node === NOBODY) {
      if (at === DETOUR) {
        this.detours.get(slot)!.waiting.push(request);
        return;
      }
      if (node === NOBODY || this.pending[slot] !== 0) {
        this.detourOf(slot).waiting.push(request);
        if (this.pending[slot] === 0) this.goOn(slot);
        return;
      }
      this.at[slot] = node;
      this.goesTo(slot, node);
    }
    if (request.isBroken) {
      request.lose(false);
      return;
    }
    const lane = this.lanes[node] ?? this.laneTo(node);
    if (lane.state !== 'down' || !this.options.keepsUnsent) request.transmit(lane);
    else {
      const detour = this.detourOf(slot);
      detour.wait();
      detour.waiting.push(request);
      if (this.pending[slot] === 0) this.goOn(slot);
    }
  }

  /** Where the map has changed nobody is redirected, and what the old node knew of this lane is lost all the same. */
  private goesTo(slot: number, node: number): void {
    const { lastAt } = this;
    if (lastAt === null || lastAt[slot] === node) return;
    if (lastAt[slot] !== NOBODY) this.broke();
    lastAt[slot] = node;
  }

  private broke(): void {
    this.breakages++;
    this.options.onBroken?.();
  }

  private laneTo(node: number): Lane {
    let lane = this.lanes[node] ?? null;
    if (lane === null) {
      lane = this.options.open(node, this.hooks);
      if (this.isPaused) lane.pauseReading();
      if (this.heldBy !== null) lane.holdFor(this.heldBy);
      this.lanes[node] = lane;
    }
    return lane;
  }

  // ── requests come back (RequestOwner)

  sent(slot: number): void {
    this.pending[slot]!++;
    this.inFlight++;
  }

  over(slot: number, isAnswered: boolean): void {
    if (--this.inFlight === 0) this.isDemoted = false;
    const left = --this.pending[slot]!;
    if (this.at[slot] === DETOUR) {
      if (isAnswered) this.detours.get(slot)?.executed();
      if (left === 0) this.goOn(slot);
    }
    if (this.closing) this.closeIfDone();
  }

  private closeIfDone(): void {
    if (this.closing && this.inFlight === 0 && this.detours.size === 0) this.close();
  }

  redirected(request: Request, buf: Buffer, start: number, end: number): boolean {
    if (this.state === 'closed') return false;
    this.broke();
    // one that is not to wait for another server belongs behind a SELECT that the other one never saw
    if (request.barriers !== this.barriers || (!this.options.keepsUnsent && !this.routes.hasSlots)) {
      this.routes.doubt('a node is a replica now');
      return false;
    }
    const { slot } = request;
    const detour = this.detourOf(slot);
    const kind = redirectionIn(buf, start, end);
    const to = kind === MOVED || kind === ASK ? redirectedTo(buf, start, end) : null;
    const node = to === null ? NO_NODE : this.nodeAt(request, to);
    request.askNode = NO_NODE;
    if (node !== NO_NODE && kind === MOVED) {
      // two nodes that send it each other's way: one of them has not heard of the move yet
      if (request.redirections > 0) detour.wait();
      this.routes.moved(slot, node);
    } else if (node !== NO_NODE) {
      // for one that has others before it the owner is asked again in its turn: by then the keys may be on another way
      if (detour.isNext(request) || (detour.hasNoneAgain && this.pending[slot] === 1)) request.askNode = node;
      detour.goesSerial(turn.nowMs);
      this.routes.sawAsk(slot);
    } else {
      if (kind === TRYAGAIN) detour.goesSerial(turn.nowMs);
      else this.routes.doubt(kind === READONLY ? 'a node is a replica now' : 'a slot is not served');
      // in a Cluster a replica sends reads away as well
      if (kind === READONLY && !this.routes.hasSlots) this.isDemoted = true;
      detour.wait();
    }
    request.redirections++;
    request.redirection = kind;
    detour.redirected();
    detour.lastError = Buffer.from(buf.subarray(start, end));
    this.keep(detour, request);
    return true;
  }

  overtook(request: Request): void {
    this.keep(this.detourOf(request.slot), request);
  }

  learns(request: Request, buf: Buffer, start: number, end: number): void {
    if (this.state === 'closed' || redirectionIn(buf, start, end) !== MOVED) return;
    const to = redirectedTo(buf, start, end);
    if (to !== null) this.routes.moved(request.slot, this.nodeAt(request, to));
  }

  private nodeAt(request: Request, { host, port }: RedirectedTo): number {
    const teller = request.askNode === NO_NODE ? this.routes.map.owner[request.slot]! : request.askNode;
    return this.routes.nodeAt(host, port, teller);
  }

  unsent(request: Request): boolean {
    if (this.state === 'closed' || !this.options.keepsUnsent) return false;
    const detour = this.detourOf(request.slot);
    detour.wait();
    this.keep(detour, request);
    return true;
  }

  private keep(detour: Detour, request: Request): void {
    if (request.waitsSinceMs === 0) request.waitsSinceMs = performance.now();
    detour.keep(request);
  }

  // ── detours

  private detourOf(slot: number): Detour {
    let detour = this.detours.get(slot);
    if (detour === undefined) {
      detour = new Detour(slot);
      this.detours.set(slot, detour);
      this.at[slot] = DETOUR;
    }
    return detour;
  }

  /** Nothing of the slot is on its way: its next request, all of them, or a pause. */
  private goOn(slot: number): void {
    if (this.state === 'closed') return; // `close` tells those that wait
    const detour = this.detours.get(slot)!;
    detour.drained();
    for (;;) {
      if (detour.timer !== null || this.at[slot] !== DETOUR || this.routes.isHeld) return;
      const nowMs = performance.now();
      const node = this.routes.map.owner[slot]!;
      const first = detour.front();
      if (first === undefined) {
        this.endDetour(detour, node);
        return;
      }
      if (first.waitsSinceMs === 0) first.waitsSinceMs = nowMs;
      if (detour.isFrontOvertaken && this.giveUp(detour, first)) continue;
      const asks = first.askNode !== NO_NODE;
      const goesTo = asks ? first.askNode : node;
      const lane = goesTo === NOBODY ? null : this.laneTo(goesTo);
      if (lane === null || lane.state === 'down' || (asks && lane.state !== 'up')) detour.wait();
      const waitMs = detour.takeWaitMs(first);
      if (waitMs === 0) {
        this.goesTo(slot, goesTo);
        if (first.isBroken) {
          detour.shift().lose(false);
          continue;
        }
        this.leave(detour, first, lane!, node);
        return;
      }
      // an ASK counts for this moment: after the next move but one the node would take the command for a key elsewhere
      first.askNode = NO_NODE;
      this.routes.doubt('a slot waits for its node');
      if (nowMs - first.waitsSinceMs <= this.routes.redirectWaitMs) {
        detour.timer = setTimeout(() => this.tryAgain(detour), waitMs);
        return;
      }
      detour.shift();
      first.refuse(detour.lastError ?? CLUSTERDOWN_ERROR);
    }
  }

  /**
   * The front one was refused and something that was sent after it was not. Where the order of the slot is another
   * server's, it is lost; else it matters only to whoever sent both, and is told the server's own error.
   */
  private giveUp(detour: Detour, first: Request): boolean {
    const isTold = first.redirection === TRYAGAIN && first.isOvertaken();
    if (this.options.keepsUnsent && !isTold) return false;
    detour.shift();
    if (!this.options.keepsUnsent) first.lose(true);
    else first.refuse(TRYAGAIN_ERROR);
    return true;
  }

  /** The first request goes out; alone while that matters, else with all that are behind it. */
  private leave(detour: Detour, first: Request, lane: Lane, node: number): void {
    detour.shift();
    if (first.askNode !== NO_NODE || detour.isOneByOne(performance.now())) {
      detour.goesAlone(first);
      first.transmit(lane);
      return;
    }
    this.endDetour(detour, node);
    first.transmit(lane);
    while (detour.length > 0) this.route(detour.shift());
  }

  private tryAgain(detour: Detour): void {
    if (detour.timer !== null) clearTimeout(detour.timer);
    detour.timer = null;
    if (this.detours.get(detour.slot) === detour && this.pending[detour.slot] === 0) this.goOn(detour.slot);
    this.closeIfDone(); // those that waited may have been refused
  }

  /** The one server is not sent anything more, until `release`. */
  hold(): void {
    if (this.state !== 'closed') this.detourOf(HOME);
  }

  release(): void {
    for (const detour of [...this.detours.values()]) this.tryAgain(detour);
    if (this.closing && this.inFlight === 0 && this.detours.size === 0) this.close();
  }

  private endDetour(detour: Detour, node: number): void {
    this.detours.delete(detour.slot);
    this.at[detour.slot] = node;
  }

  // ── the nodes

  /** Somebody else serves some slots now. */
  mapChanged(): void {
    const owners = this.targets();
    for (const [node, lane] of this.lanes.entries()) {
      if (lane === null || lane === undefined || owners.has(node)) continue;
      this.lanes[node] = null;
      lane.closeWhenAnswered();
      // one that hangs would keep its slots frozen: what it still answered would count for nothing
      setTimeout(() => lane.close(), LAST_ANSWERS_MS).unref();
    }
    this.connectAll();
    this.wake();
  }

  private wake(): void {
    for (const detour of [...this.detours.values()]) if (detour.timer !== null) this.tryAgain(detour);
  }

  private nodeUp(lane: Lane): void {
    const node = this.lanes.indexOf(lane);
    if (node < 0) return;
    this.options.onNodeUp?.(node);
    this.wake();
  }

  /** The connection is gone, its entries have not heard of it. */
  private nodeCut(lane: Lane): void {
    this.broke();
    if (!this.lanes.includes(lane) || this.state === 'closed') return;
    if (lane.state === 'closed') {
      // refused by a node (a login): so it would be by the others
      this.lastError = lane.lastError;
      this.close();
    } else this.routes.doubt('a connection was lost');
  }

  // ── CommandLane

  isUp(slot: number): boolean {
    if (this.state === 'closed' || this.routes.isHeld) return false;
    const s = this.place(slot);
    const node = this.routes.map.owner[s]!;
    if (node === NOBODY || (this.at[s] === DETOUR && this.detours.get(s)!.isWaiting)) return false;
    return this.laneTo(node).state === 'up';
  }

  connectionFor(slot: number): Lane | null {
    const node = this.routes.map.owner[this.place(slot)]!;
    return node === NOBODY || this.state === 'closed' ? null : this.laneTo(node);
  }

  drop(reason: string): void {
    for (const lane of this.lanes) lane?.drop(reason);
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.closedAtMs = performance.now();
    this.routes.forget(this);
    const detours = [...this.detours.values()];
    for (const lane of this.lanes) lane?.close();
    for (const detour of detours) {
      if (detour.timer !== null) clearTimeout(detour.timer);
      while (detour.length > 0) detour.shift().lose(false);
    }
    this.detours.clear();
  }

  closeWhenAnswered(): void {
    if (this.inFlight === 0 && this.detours.size === 0) this.close();
    else this.closing = true;
  }

  pauseReading(): void {
    this.isPaused = true;
    for (const lane of this.lanes) lane?.pauseReading();
  }

  resumeReading(): void {
    this.isPaused = false;
    for (const lane of this.lanes) lane?.resumeReading();
  }
}
