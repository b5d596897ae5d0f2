/**
 * One side of the migration as Ferry sees it: its server or servers, the lanes to them, and what was learned about them.
 *
 *   one server at a fixed address    lanes are plain connections (lane.ts)
 *   anything that may move           lanes are routed (routed/routed-lane.ts) by the slot map that the side's discovery
 *                                    keeps: a Cluster, a Sentinel's master, a server behind a DNS name
 *
 * Lanes for clients are keyed by (identity, db, protocol version); jobs have lanes of their own under Ferry's identity, so
 * that their big replies never stand in front of an application's (L6). Each server has a control connection for the slow
 * questions (server-node.ts).
 */

import type { LookupFunction } from 'node:net';
import { addressText } from '../config/addresses.js';
import type { Timeouts, Topology } from '../config/config.js';
import type { Endpoint } from '../config/url.js';
import type { Side } from '../phases/phase.js';
import { encodeCommand } from '../resp/encode.js';
import { type Reply, ReplyFault, type Resp } from '../resp/values.js';
import type { Shard } from '../topology/cluster-views.js';
import { keySlot } from '../topology/crc16.js';
import type { KeyPrefixes } from '../topology/key-prefixes.js';
import type { Scope } from '../topology/scope.js';
import { HOME, NOBODY, SlotMap } from '../topology/slot-map.js';
import type { Accounts, OwnAccount } from './accounts.js';
import { callLane, LaneLost } from './call.js';
import { steadyMs } from './clock.js';
import { ANY_NODE, type CommandLane } from './command-lane.js';
import { ClusterDiscovery } from './discovery/cluster.js';
import { type DiscoveredSide, type Discovery, type MovingSlots, NOTHING_MOVES } from './discovery/discovery.js';
import { NamedServer } from './discovery/one-server.js';
import { isMovingName, lookupBy, type NameResolver, resolverOf } from './discovery/resolver.js';
import { SentinelDiscovery } from './discovery/sentinel.js';
import { handshakeSteps } from './handshake.js';
import type { Credentials, Identity } from './identity.js';
import type { Lane, LaneOptions } from './lane.js';
import { IGNORED } from './multi.js';
import { Pins } from './pins.js';
import { isRefusal, RIGHTS, type Right } from './rights-probe.js';
import { type NodeLaneHooks, RoutedLane, type Routes } from './routed/routed-lane.js';
import { LOGIN_ATTEMPTS, ServerNode } from './server-node.js';
import { SilenceWatch } from './silence.js';
import { TlsOptions, tlsOptionsOf } from './tls.js';
import { Traffic } from './traffic.js';

/** degraded: some of several servers are away. */
export type UpstreamState = 'up' | 'degraded' | 'down';

const REFUSED_RETRY_MS = 1000;
/** How long an ASK says that slots are on their way: until the masters have been asked. */
const ASK_COUNTS_MS = 5000;
/** How often the servers' replication is looked at, where a replica may take over. */
const REPLICATION_EVERY_MS = 500;

export interface UpstreamEvents {
  /** The process behind the address is another one than before: its data may be anything. */
  onNewProcess(upstream: Upstream, node: ServerNode): void;
  onLaneDown(upstream: Upstream, lane: Lane, reason: string): void;
  /** `to` serves these slots now; `from` did, null: nobody. `mayBePromoted`: it may be a replica that took over. */
  onSlotsMoved(
    upstream: Upstream,
    from: ServerNode | null,
    to: ServerNode,
    slots: readonly number[],
    mayBePromoted: boolean,
  ): void;
  /** A server that may serve something and has not been seen as a master before. */
  onMaster(upstream: Upstream, node: ServerNode): void;
  /** A lost connection cannot be fenced there. */
  onQuarantine(upstream: Upstream, node: ServerNode): void;
  /** What Ferry's account may do there is another thing than before. */
  onRights(upstream: Upstream, node: ServerNode): void;
  /** It cannot be reached, and why; '': it can be again. */
  onTrouble(upstream: Upstream, node: ServerNode, reason: string): void;
  /** Nobody would tell of a failover, and why; '': somebody does again. */
  onBlind(upstream: Upstream, reason: string): void;
}

/** What happens to a connection that listens. */
export interface ListenerEvents {
  onStream(buf: Buffer, start: number, end: number): void;
  /** Connected, for the first time or again: the server knows nothing of it yet. */
  onUp(): void;
  onCut(): void;
  /** Its server serves nothing any more, so the connection was closed for good. */
  onMoved?(): void;
}

interface Listening {
  readonly node: ServerNode;
  readonly events: ListenerEvents;
}

interface Login {
  /** Null: Ferry's own, as they are at each attempt to connect. */
  readonly credentials: Credentials | null;
  readonly giveUpOnRefusal?: boolean;
  readonly resp?: Resp;
  readonly onCut?: (() => void) | null;
  readonly onStream?: LaneOptions['onStream'];
  readonly onUp?: () => void;
  /** The connection is to a replica, for reads. */
  readonly readsReplica?: boolean;
}

export interface UpstreamOptions {
  readonly side: Side;
  readonly endpoint: Endpoint;
  readonly accounts: Accounts;
  /** The logical database that this side keeps under another number, or -1. */
  readonly mappedDb: number;
  /** How a Cluster keeps databases apart; null: it has one only, or the side is none. */
  readonly prefixes: KeyPrefixes | null;
  /** What is migrated; null: everything. */
  readonly scope: Scope | null;
  /** What the names of its connections begin with; another one for each side and process. */
  readonly connectionName: string;
  readonly rename: Readonly<Record<string, string>>;
  readonly topology: Topology;
  readonly timeouts: Timeouts;
  /** For tests: who resolves names. */
  readonly resolver?: NameResolver;
}

export class Upstream implements Routes, DiscoveredSide {
  readonly side: Side;
  readonly endpoint: Endpoint;
  readonly accounts: Accounts;
  readonly map = new SlotMap();
  /** The side is a Cluster: commands have their slots' nodes. */
  readonly hasSlots: boolean;
  /** Its nodes may change; else it is one server for good. */
  readonly isRouted: boolean;
  readonly redirectWaitMs: number;
  /** Databases whose keys are behind a prefix here; null: none. */
  readonly prefixes: KeyPrefixes | null;
  /** What jobs see of it; null: everything. */
  readonly scope: Scope | null;
  isHeld = false;
  /** It was given up as the authority: what waited for it is told so, and its clients go as with a dying server. */
  isAbandoned = false;
  readonly tls = new TlsOptions();
  /** What went over its lanes. */
  readonly traffic = new Traffic();
  /** Connections that one client has for itself for a while. */
  readonly pins = new Pins(this);
  /** Users who may not ask whether Ferry's own key is there (sessions/hidden-keys.ts). */
  readonly ownKeyRefusals = new Set<string>();
  /** Users of whom it is known that they may run transactions (lanes/multi.ts). */
  readonly multiRights = new Set<string>();
  /** Users of whom it was found, at that time (performance.now()), that they may not, and in which words. */
  readonly multiRefusals = new Map<string, { readonly refusal: string; readonly atMs: number }>();
  /** What was found out about users' rights to single commands (sessions/rights.ts); an empty refusal is none. */
  readonly rights = new Map<string, { readonly refusal: string; readonly atMs: number }>();
  /** Ferry's account here. */
  readonly own: OwnAccount;
  events: UpstreamEvents | null = null;
  /** Told when other nodes are masters, or serve other slots. */
  readonly mapFollowers = new Set<() => void>();
  private readonly nodes: ServerNode[] = [];
  private readonly byAddress = new Map<string, ServerNode>();
  /** Those that serve something now, or may. */
  private current: ServerNode[] = [];
  private replicasOf = new Map<ServerNode, readonly ServerNode[]>();
  /** The masters as of the last look. */
  private mastersSeen: ReadonlySet<ServerNode> = new Set();
  /** Of the masters of a Cluster, by their numbers, as the last look found them; 0 elsewhere. */
  configEpochs: ReadonlyMap<number, number> = new Map();
  private readonly seenMasters = new Set<ServerNode>();
  private readonly routedLanes = new Set<RoutedLane>();
  private readonly lanes = new Map<string, CommandLane>();
  /** Of jobs, to a single node. */
  private readonly nodeLanes = new Map<string, Lane>();
  private readonly listeners = new Map<Lane, Listening>();
  /** Lanes that log in with Ferry's account. */
  private readonly ownLanes = new Set<Lane>();
  private readonly resolver: NameResolver;
  private readonly lookup: LookupFunction;
  private readonly silence: SilenceWatch;
  private readonly discovery: Discovery | null;
  /** It has commands under other names. */
  readonly hasRenames: boolean;
  private readonly replicationTimer: NodeJS.Timeout | null;
  /** When a node last sent a command on with an ASK (performance.now()). */
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private namesGiven = 0;
  private closed = false;

  constructor(private readonly options: UpstreamOptions) {
    const { side, endpoint, accounts, rename, topology } = options;
    this.side = side;
    this.endpoint = endpoint;
    this.accounts = accounts;
    this.own = accounts.own[side];
    this.hasRenames = Object.keys(rename).length > 0;
    this.hasSlots = endpoint.kind === 'cluster';
    this.prefixes = this.hasSlots ? options.prefixes : null;
    this.scope = options.scope;
    this.redirectWaitMs = topology.redirectWaitMs;
    this.resolver = options.resolver ?? resolverOf(topology.dnsServers);
    this.lookup = lookupBy(this.resolver);
    const { silentConnectionMs, targetReadMs } = options.timeouts;
    this.silence = new SilenceWatch(silentConnectionMs, targetReadMs, (lane) => this.nodeOfLane(lane).isWell());
    this.discovery = this.discoveryOf(topology);
    this.isRouted = this.discovery !== null;
    this.replicationTimer = this.isRouted ? setInterval(() => this.lookAtReplication(), REPLICATION_EVERY_MS) : null;
    this.replicationTimer?.unref();
    if (this.discovery === null) {
      this.apply([{ master: endpoint, replicas: [], ranges: [] }]);
    } else tlsOptionsOf(endpoint.tls, [], endpoint.host); // a file that cannot be read is said at once
  }

  private discoveryOf(topology: Topology): Discovery | null {
    const { endpoint, resolver } = this;
    switch (endpoint.kind) {
      case 'cluster':
        return new ClusterDiscovery(this, endpoint.addresses, resolver, topology.refreshMs);
      case 'sentinel':
        return new SentinelDiscovery(this, endpoint, this.lookup, topology.refreshMs);
      case 'standalone':
        if (endpoint.path !== undefined || !isMovingName(endpoint.host)) return null;
        return new NamedServer(this, endpoint, resolver, topology.dnsRefreshMs);
    }
  }

  // ── what the servers say, one for all

  /** Where commands without a key go. */
  get home(): ServerNode {
    const index = this.map.owner[HOME]!;
    const node = this.nodes[index === NOBODY ? 0 : index];
    if (node === undefined) throw new Error(`the ${this.side} was never reached`);
    return node;
  }

  /** Reads go to this side although it is not the authority, which can answer them as well. */
  readsAreOptional(areOptional: boolean): void {
    this.silence.readTimeoutMs = areOptional ? this.options.timeouts.targetReadMs : 0;
  }

  /** Every server that serves something. */
  get masters(): readonly ServerNode[] {
    return this.current;
  }

  /** The server that serves a slot now. */
  nodeOf(slot: number): ServerNode {
    if (!this.hasSlots || slot < 0) return this.home;
    return this.nodes[this.map.owner[slot]!] ?? this.home;
  }

  /** The number of the node that serves a slot now, NOBODY while none is known. */
  ownerOf(slot: number): number {
    return this.map.owner[!this.hasSlots || slot < 0 ? HOME : slot]!;
  }

  /** Changes when the keys of a slot may have gone to another server: a cursor that one of them gave is void then. */
  versionOf(slot: number): number {
    return this.map.version[this.hasSlots && slot >= 0 ? slot : HOME]!;
  }

  get state(): UpstreamState {
    const { current } = this;
    const up = current.filter((node) => node.state === 'up').length;
    if (up === 0) return 'down';
    return up === current.length ? 'up' : 'degraded';
  }

  /** Why it is not up, of the first server that can tell, or would not be after a failover; else ''. */
  get trouble(): string {
    return this.current.map((node) => node.downReason).find((reason) => reason !== '') ?? this.blindness;
  }

  private blindness = '';

  get version(): string {
    return this.nodes.length === 0 ? '' : this.home.version;
  }

  /** The run ids of the servers that serve it, in no order of theirs; '' when one is not known. */
  get processes(): string {
    const ids = this.current.map((node) => node.runId);
    return ids.includes('') ? '' : ids.sort().join(' ');
  }

  /** The logical database in which Ferry has a key of its own there that lasts (the lease); -1 none, or it was flushed. */
  ownKeysIn = -1;
  /** The same; also while it is not known whether that key is there. -1: there never was one. */
  ownKeysDb = -1;
  private isOlderName: ((name: string) => boolean) | null = null;

  get runId(): string {
    return this.current.map((node) => node.runId).join(' ');
  }

  get clockOffsetMs(): number {
    return this.clockOffsetFor(ANY_NODE);
  }

  /** That of the server which serves the slot; 0 while none was ever reached. */
  clockOffsetFor(slot: number): number {
    return this.nodes.length === 0 ? 0 : this.nodeOf(slot).clockOffsetMs;
  }

  get requiresLogin(): boolean {
    return this.nodes.length > 0 && this.home.requiresLogin;
  }

  /** Connections lost and not yet known to be dead on their server. */
  get unfenced(): number {
    let sum = 0;
    for (const node of this.nodes) sum += node.fences.unfenced;
    return sum;
  }

  /** Those that are being killed: until they are, nothing may be repaired. The others are quarantined (fencing.ts). */
  get fencing(): number {
    let sum = 0;
    for (const node of this.nodes) sum += node.fences.fencing;
    return sum;
  }

  /** From when on nothing quarantined is expected to write (performance.now()). */
  settledAtMs(settleMs: number): number {
    return Math.max(0, ...this.nodes.map((node) => node.fences.settledAtMs(settleMs)));
  }

  /** What was quarantined so long ago has been settled. */
  releaseQuarantine(nowMs: number, settleMs: number): void {
    for (const node of this.nodes) node.fences.release(nowMs, settleMs);
  }

  /** What Ferry's account may not do on some server that serves. */
  get missingRights(): Right[] {
    return RIGHTS.filter((right) => this.current.some((node) => node.missingRights?.has(right)));
  }

  /** What its connections have not taken. */
  unsentBytes(): number {
    let sum = 0;
    for (const node of this.nodes) for (const lane of node.openLanes()) sum += lane.unsentBytes;
    return sum;
  }

  /** Parts of replies that its connections hold. */
  partialBytes(): number {
    let sum = 0;
    for (const node of this.nodes) for (const lane of node.openLanes()) sum += lane.partialBytes;
    return sum;
  }

  /** The server's clock now, ms since 1970: the one that serves the slot. */
  nowMs(slot: number = ANY_NODE): number {
    return steadyMs() + this.clockOffsetFor(slot);
  }

  // ── how this side writes things

  /** Some commands must be sent in other bytes than a client's: renamed, with another database number, or other keys. */
  get rewrites(): boolean {
    return this.hasRenames || this.options.mappedDb >= 0 || this.prefixes !== null;
  }

  /** The name under which this side has the command. */
  wireName(canonical: string): string {
    return this.options.rename[canonical.toLowerCase()] ?? canonical;
  }

  /** The number of a logical database on this side. */
  dbHere(db: number): number {
    const { mappedDb } = this.options;
    if (this.prefixes?.has(db) === true) return this.endpoint.db;
    return mappedDb >= 0 && db === mappedDb ? this.endpoint.db : db;
  }

  /** The logical number of this side's database `here`, -1 when it has none (it would be another one's). */
  logicalDb(here: number): number {
    const { mappedDb } = this.options;
    if (mappedDb < 0) return here;
    return here === this.endpoint.db ? mappedDb : here === mappedDb ? -1 : here;
  }

  /** Can this side have that logical database at all? A Cluster has one only. */
  holds(db: number): boolean {
    return !this.hasSlots || db === this.logicalDb(0) || this.prefixes?.has(db) === true;
  }

  /** The slot of a logical key on this side. */
  slotOf(db: number, buf: Buffer, start: number, end: number): number {
    if (!this.hasSlots) return ANY_NODE;
    return this.prefixes?.has(db) === true ? this.prefixes.slot(db, buf, start, end) : keySlot(buf, start, end);
  }

  /** A logical key as it is called on this side. */
  keyHere(db: number, key: Buffer): Buffer {
    return this.prefixes === null ? key : this.prefixes.keyHere(db, key);
  }

  /** The logical name of a key that this side has; null when it is another database's. */
  logicalKey(db: number, here: Buffer): Buffer | null {
    return this.prefixes === null ? here : this.prefixes.logicalKey(db, here);
  }

  /** Would the key buf[start, end) of a database without a prefix be taken for another database's here? */
  isTaken(db: number, buf: Buffer, start = 0, end = buf.length): boolean {
    const { prefixes } = this;
    return prefixes !== null && !prefixes.has(db) && prefixes.dbOf(buf, start, end) >= 0;
  }

  // ── questions

  /** Sends one command over the control connection of the home server. */
  async call(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    return this.home.call(command, ...args);
  }

  /** The same of every master, in one order. */
  callEach(command: string, ...args: (string | number | Buffer)[]): Promise<unknown[]> {
    return Promise.all(this.current.map((node) => node.call(command, ...args)));
  }

  /** Inside a database, on a connection of its own: nothing is sent unless SELECT was accepted. */
  async callIn(db: number, commands: readonly (readonly (string | number | Buffer)[])[]): Promise<Reply[]> {
    for (let attempt = 1; ; attempt++) {
      const lane = this.openOn(this.home, 'probe', db, { credentials: null, giveUpOnRefusal: true });
      try {
        const replies = await callLane(
          lane,
          commands.map(([name, ...args]) => [this.wireName(String(name)), ...args]),
        );
        const fault = replies.find((reply) => reply instanceof ReplyFault);
        if (fault !== undefined) throw fault;
        return replies;
      } catch (error) {
        if (!(error instanceof LaneLost)) throw error;
        if (lane.state === 'closed' && lane.lastError !== '') throw new Error(lane.lastError);
        if (attempt === LOGIN_ATTEMPTS) throw new Error(lane.lastError || 'not reachable');
      } finally {
        lane.close();
      }
    }
  }

  /** First contact: throws when a server cannot be reached, refuses Ferry's login, or lacks the URL's database. */
  async connect(): Promise<void> {
    await this.discovery?.connect();
    await Promise.all(this.current.map((node) => node.connect()));
    if (this.endpoint.db === 0) return;
    await this.callIn(this.logicalDb(this.endpoint.db), [['PING']]).catch((error: Error) => {
      if (/^ERR DB index/.test(error.message)) throw new Error(`it has no database ${this.endpoint.db}`);
      if (!isRefusal(error)) throw error;
    });
  }

  /** No earlier process of the migration is at work: what it left is fenced, on every server that is met. */
  async fencePredecessors(isOlderName: (name: string) => boolean): Promise<void> {
    this.isOlderName = isOlderName;
    await Promise.all(this.nodes.map((node) => (node.state === 'up' ? node.greet() : undefined)));
  }

  /** Re-reads INFO and the clocks. */
  async refresh(): Promise<void> {
    await Promise.all(this.current.map((node) => node.refresh()));
  }

  private lookAtReplication(): void {
    for (const node of this.current) if (node.state === 'up') node.refreshReplication().catch(() => {});
  }

  // ── discovery (Routes, DiscoveredSide)

  node(host: string, port: number): ServerNode {
    const key = addressText({ host, port });
    let node = this.byAddress.get(key);
    if (node === undefined) {
      const { endpoint } = this;
      const isFixed = this.discovery === null || this.discovery === undefined;
      node = new ServerNode(
        this.nodes.length,
        {
          address: isFixed && endpoint.path !== undefined ? { host, port, path: endpoint.path } : { host, port },
          tls: this.tls.of(endpoint.tls, this.namedHosts, host),
          lookup: this.lookup,
          own: this.own,
          traffic: this.traffic,
          nameFor: (purpose) => this.nameFor(purpose),
          isOlderName: () => this.isOlderName,
          wireName: (name) => this.wireName(name),
        },
        {
          onQuarantine: (which) => {
            if (this.current.includes(which)) this.events?.onQuarantine(this, which);
          },
          onRights: (which) => this.events?.onRights(this, which),
          onTrouble: (which, reason) => {
            if (this.current.includes(which)) this.events?.onTrouble(this, which, reason);
          },
          onNewProcess: (which) => {
            if (this.current.includes(which)) this.events?.onNewProcess(this, which);
          },
          onState: (which) => {
            if (which.state === 'down' && this.current.includes(which)) this.doubt();
          },
          onInfo: (which) => {
            if (which.role === 'slave' && this.current.includes(which)) this.doubt();
          },
        },
      );
      this.nodes.push(node);
      this.byAddress.set(key, node);
    }
    return node;
  }

  /** Those of the connection string that stand for data nodes; of a Sentinel's data nodes it names none. */
  private get namedHosts(): string[] {
    return this.endpoint.kind === 'sentinel' ? [] : this.endpoint.addresses.map(({ host }) => host);
  }

  liveNodes(): ServerNode[] {
    return this.current.filter((node) => node.state === 'up');
  }

  nodeAt(host: string, port: number, teller: number): number {
    const here = host === '' ? (this.nodes[teller]?.address.host ?? this.endpoint.host) : host;
    return this.node(here, port).index;
  }

  doubt(): void {
    this.discovery?.doubt('');
  }

  hold(isHeld: boolean): void {
    if (this.isHeld === isHeld) return;
    this.isHeld = isHeld;
    for (const lane of [...this.routedLanes]) if (isHeld) lane.hold();
    if (!isHeld) for (const lane of [...this.routedLanes]) lane.release();
  }

  blind(reason: string): void {
    const isNew = (reason === '') !== (this.blindness === '');
    this.blindness = reason;
    if (isNew) this.events?.onBlind(this, reason);
  }

  /** Finds out who serves what, now, and what moves. Null: somebody who serves something did not answer. */
  look(): Promise<MovingSlots | null> {
    return this.discovery?.look() ?? Promise.resolve(NOTHING_MOVES);
  }

  sawAsk(slot: number): void {
    this.map.touch(slot);
    this.askedAtMs = performance.now();
  }

  /** Are slots on their way from one node to another, as far as is known? */
  get hasMovingSlots(): boolean {
    return performance.now() - this.askedAtMs < ASK_COUNTS_MS || this.discovery?.hasMovingSlots === true;
  }

  attach(lane: RoutedLane): void {
    this.routedLanes.add(lane);
  }

  forget(lane: RoutedLane): void {
    this.routedLanes.delete(lane);
  }

  /** A node said so: the slot is served by another one. The whole map follows. */
  moved(slot: number, node: number): void {
    const before = this.map.owner[slot]!;
    if (!this.map.assign(slot, node)) return;
    const to = this.nodes[node]!;
    this.serves(to);
    const from = before === NOBODY ? null : this.nodes[before]!;
    this.events?.onSlotsMoved(this, from, to, [slot], this.mayBePromoted(to));
    this.doubt();
    for (const changed of [...this.mapFollowers]) changed();
  }

  private serves(node: ServerNode): void {
    node.recall();
    if (!this.current.includes(node)) this.current = [...this.current, node];
    if (node.state !== 'up') node.connect().catch(() => {});
    if (this.seenMasters.has(node)) return;
    this.seenMasters.add(node);
    this.events?.onMaster(this, node);
  }

  /** One that was no master at the last look may be a replica that was promoted, whether it was known as one or not. */
  private mayBePromoted(node: ServerNode): boolean {
    return !this.hasSlots || !this.mastersSeen.has(node);
  }

  apply(shards: readonly Shard[]): void {
    if (this.closed) return;
    const { map } = this;
    const before = this.current;
    const epoch = map.epoch;
    const masters = shards.map(({ master }) => this.node(master.host, master.port));
    const moved = new Map<string, { from: ServerNode | null; to: ServerNode; slots: number[] }>();
    const assign = (slot: number, to: ServerNode): void => {
      const previous = map.owner[slot]!;
      if (!map.assign(slot, to.index)) return;
      const from = previous === NOBODY ? null : this.nodes[previous]!;
      const key = `${previous} ${to.index}`;
      const change = moved.get(key) ?? { from, to, slots: [] };
      change.slots.push(slot);
      moved.set(key, change);
    };
    shards.forEach(({ ranges }, i) => {
      for (const [first, last] of ranges) for (let slot = first; slot <= last; slot++) assign(slot, masters[i]!);
    });
    const home = this.nodes[map.owner[HOME]!];
    if (home === undefined || !masters.includes(home) || (home.state === 'down' && this.hasSlots)) {
      const next = masters.find((node) => node.state === 'up') ?? masters[0]!;
      if (this.hasSlots) map.assign(HOME, next.index);
      else assign(HOME, next);
    }
    this.current = [...new Set(masters)];
    for (const node of masters) this.serves(node);
    this.retireOthers();
    const isFirst = before.length === 0;
    if (!isFirst) {
      for (const { from, to, slots } of moved.values()) {
        // slots move between masters; whoever was none may be a replica, and one that is gone moved nothing
        const mayBePromoted = this.mayBePromoted(to) || (from !== null && !masters.includes(from));
        this.events?.onSlotsMoved(this, from, to, slots, mayBePromoted);
      }
    }
    this.mastersSeen = new Set(masters);
    this.configEpochs = new Map(shards.map(({ configEpoch = 0 }, i) => [masters[i]!.index, configEpoch]));
    this.replicasOf = new Map(
      shards.map(({ replicas }, i) => [masters[i]!, replicas.map(({ host, port }) => this.node(host, port))]),
    );
    this.leaveReplicas();
    if (map.epoch !== epoch || this.current.some((node) => !before.includes(node))) {
      for (const changed of [...this.mapFollowers]) changed();
    }
    if (map.epoch === epoch) return;
    for (const lane of [...this.routedLanes]) lane.mapChanged();
    for (const [lane, { node, events }] of [...this.listeners]) {
      if (this.current.includes(node)) continue;
      lane.close();
      events.onMoved?.();
    }
  }

  /** Those that serve nothing, were they asked once or did they serve something before. */
  private retireOthers(): void {
    for (const node of this.nodes) {
      if (this.current.includes(node)) continue;
      node.retire();
      for (const [key, lane] of this.nodeLanes) {
        if (!key.endsWith(`\n${node.index}`)) continue;
        this.nodeLanes.delete(key);
        lane.close();
      }
    }
  }

  /** The replicas of the node that serves a slot, as known. */
  replicasFor(slot: number): readonly ServerNode[] {
    return this.replicasOf.get(this.nodeOf(slot)) ?? [];
  }

  /** A connection to a replica is for as long as it is one. */
  private leaveReplicas(): void {
    const replicas = new Set([...this.replicasOf.values()].flat());
    for (const [key, lane] of this.lanes) {
      if (!key.startsWith('replica\n') || replicas.has(this.nodeOfLane(lane as Lane))) continue;
      this.lanes.delete(key);
      lane.closeWhenAnswered();
    }
  }

  // ── logins

  /** Opens the lane of (identity, db) and waits for it. Null when it is up, else the server's error. */
  async tryLane(identity: Identity, db: number, resp: Resp = 2): Promise<string | null> {
    const lane = this.lane(identity, db, resp);
    for (let attempt = 1; ; attempt++) {
      try {
        await callLane(lane, [['PING']]);
        return null;
      } catch {
        if (lane.state === 'closed' && lane.lastError !== '') return lane.lastError;
        if (attempt === LOGIN_ATTEMPTS) return 'FERRY the server is not reachable';
      }
    }
  }

  verifyLogin(username: string | null, password: string): Promise<string | null> {
    return this.home.verifyLogin(username, password);
  }

  /** Ferry's secret has changed: what is open logs in again. */
  async renewLogin(): Promise<void> {
    const { username, password } = this.own;
    if (password === null) return;
    const frame = encodeCommand(['AUTH', ...(username === null ? [password] : [username, password])]);
    for (const lane of this.ownLanes) {
      if (lane.state === 'closed') this.ownLanes.delete(lane);
      else if (lane.state === 'up') lane.send(IGNORED, frame, 0, frame.length);
    }
    await Promise.all(this.nodes.map((node) => node.renewLogin()));
  }

  // ── lanes

  /** The lane of a client's identity, database and protocol version, opened at the first call. */
  lane(identity: Identity, db: number, resp: Resp): CommandLane {
    const key = this.clientKey(identity, db, resp);
    let lane = this.lanes.get(key);
    if (lane !== undefined && lane.state !== 'closed') return lane;
    lane = this.openFor(identity, db, resp, null);
    this.lanes.set(key, lane);
    return lane;
  }

  /** By user names, Ferry's and the server's, never by a secret. */
  private clientKey(identity: Identity, db: number, resp: Resp): string {
    const there = this.accounts.of(identity, this.side).username ?? '';
    return `client\n${identity.name}\n${there}\n${db}\n${resp}`;
  }

  /** A connection under a client's identity; whoever asks owns and closes it (see pins.ts). */
  openFor(identity: Identity, db: number, resp: Resp, onCut: (() => void) | null): CommandLane {
    const credentials = this.accounts.of(identity, this.side);
    return this.open(onCut === null ? 'client' : 'pin', db, { credentials, giveUpOnRefusal: true, resp, onCut });
  }

  /** A connection under a client's identity on which the server speaks by itself (subscriptions, MONITOR). */
  listenFor(identity: Identity, resp: Resp, events: ListenerEvents, node: ServerNode = this.home): Lane {
    const credentials = this.accounts.of(identity, this.side);
    const { onCut } = events;
    const lane = this.openOn(node, 'subscriber', this.endpoint.db, {
      credentials,
      giveUpOnRefusal: true,
      resp,
      ...events,
      onCut: () => {
        if (lane.state === 'closed') this.listeners.delete(lane);
        onCut();
      },
    });
    // on a Cluster a message reaches every node, and whoever listens follows them by itself
    if (this.isRouted && !this.hasSlots) this.listeners.set(lane, { node, events });
    return lane;
  }

  /** As `lane`, for reads that can do without it: a login that was refused is not tried again at once. */
  readLane(identity: Identity, db: number, resp: Resp): CommandLane {
    const lane = this.lanes.get(this.clientKey(identity, db, resp));
    if (lane?.state === 'closed' && performance.now() - lane.closedAtMs < REFUSED_RETRY_MS) return lane;
    return this.lane(identity, db, resp);
  }

  /**
   * The lane of a client's identity to one of the replicas of the node that serves the slot, null while none is up; they
   * are connected to when they are first asked for. `turn` says which of several.
   */
  replicaLane(identity: Identity, db: number, resp: Resp, slot: number, turn: number): Lane | null {
    const replicas = this.replicasFor(slot);
    for (let i = 0; i < replicas.length; i++) {
      const node = replicas[(turn + i) % replicas.length]!;
      const key = `replica\n${node.index}\n${this.clientKey(identity, db, resp)}`;
      let lane = this.lanes.get(key) as Lane | undefined;
      if (lane?.state === 'up') return lane;
      if (lane === undefined || (lane.state === 'closed' && performance.now() - lane.closedAtMs > REFUSED_RETRY_MS)) {
        const credentials = this.accounts.of(identity, this.side);
        lane = this.openOn(node, 'client', db, { credentials, giveUpOnRefusal: true, resp, readsReplica: true });
        this.lanes.set(key, lane);
      }
    }
    return null;
  }

  /** A lane for a job under Ferry's own identity. */
  jobLane(purpose: string, db: number): CommandLane {
    const key = `${purpose}\n${db}`;
    let lane = this.lanes.get(key);
    if (lane !== undefined && lane.state !== 'closed') return lane;
    lane = this.open(purpose, db, { credentials: null });
    this.lanes.set(key, lane);
    return lane;
  }

  /** The same to one of the nodes, for what is about a node and not about slots (SCAN, WAIT). */
  nodeLane(node: ServerNode, purpose: string, db: number): Lane {
    const key = `${purpose}\n${db}\n${node.index}`;
    let lane = this.nodeLanes.get(key);
    if (lane !== undefined && lane.state !== 'closed') return lane;
    lane = this.openOn(node, purpose, db, { credentials: null });
    this.nodeLanes.set(key, lane);
    return lane;
  }

  /**
   * A lane that the caller owns and closes; `options` as in Lane. Of a side with several servers it has a connection to
   * each, and what was not sent when one of them went is lost.
   */
  ownLane(
    purpose: string,
    options: Pick<LaneOptions, 'handshake' | 'onUp' | 'onDown' | 'patience'> & { onNodeUp?(node: number): void },
  ): Lane | RoutedLane {
    const openOn = (node: ServerNode, hooks: NodeLaneHooks | null): Lane => {
      const lane = node.open({
        name: `${this.side}:${purpose}`,
        handshake: options.handshake,
        patience: options.patience,
        onUp: (which) => {
          options.onUp?.(which);
          hooks?.onUp(which);
        },
        onCut: (which) => hooks?.onCut(which),
        onDown: (which, reason) => {
          this.events?.onLaneDown(this, which, reason);
          options.onDown?.(which, reason);
        },
      });
      this.ownLanes.add(lane);
      this.silence.watch(lane, false);
      return lane;
    };
    if (!this.isRouted) return openOn(this.home, null);
    return new RoutedLane(this, {
      open: (index, hooks) => openOn(this.nodes[index]!, hooks),
      keepsUnsent: false,
      isEager: true,
      onNodeUp: options.onNodeUp,
    });
  }

  sawRunId(lane: Lane, runId: string): void {
    this.nodeOfLane(lane).sawRunId(runId);
  }

  private nodeOfLane(lane: Lane): ServerNode {
    return this.nodes.find(({ address }) => address === lane.address) ?? this.home;
  }

  /** Ends what one of this side's commands makes a connection wait for. */
  unblock(lane: Lane): Promise<unknown> {
    return this.nodeOfLane(lane).call('CLIENT', 'UNBLOCK', lane.clientId);
  }

  clientLanes(): CommandLane[] {
    return [...this.lanes].filter(([key]) => key.startsWith('client\n')).map(([, lane]) => lane);
  }

  /** A name for one connection: fencing knows it again by that. */
  nameFor(purpose: string): string {
    return `${this.options.connectionName}.${++this.namesGiven}:${purpose}`;
  }

  /** Everybody who waits for one of its servers is told at once that no reply will come; later ones may wait again. */
  abandon(): void {
    this.isAbandoned = true;
    this.closeLanes();
  }

  private closeLanes(): void {
    this.pins.close();
    for (const lane of this.lanes.values()) lane.close();
    this.lanes.clear();
    for (const lane of this.nodeLanes.values()) lane.close();
    this.nodeLanes.clear();
  }

  close(): void {
    this.closed = true;
    this.discovery?.close();
    this.silence.close();
    if (this.replicationTimer !== null) clearInterval(this.replicationTimer);
    this.closeLanes();
    for (const node of this.nodes) node.close();
  }

  private open(purpose: string, db: number, login: Login): CommandLane {
    if (!this.isRouted) return this.openOn(this.home, purpose, db, login);
    return new RoutedLane(this, {
      open: (index, hooks) => this.openOn(this.nodes[index]!, purpose, db, login, hooks),
      keepsUnsent: true,
      onBroken: login.onCut,
    });
  }

  private openOn(
    node: ServerNode,
    purpose: string,
    db: number,
    login: Login,
    hooks: NodeLaneHooks | null = null,
  ): Lane {
    const options: Parameters<ServerNode['open']>[0] = {
      name: `${this.side}:${purpose}:${db}`,
      giveUpOnRefusal: login.giveUpOnRefusal ?? false,
      resp: login.resp,
      handshake: (which) =>
        handshakeSteps(which, {
          credentials: login.credentials ?? this.own.reread(),
          resp: login.resp,
          connectionName: this.nameFor(purpose),
          dbs: [this.dbHere(db)],
          readsReplica: login.readsReplica,
          onRunId: (runId) => node.sawRunId(runId),
        }),
      ...(login.onStream === undefined ? {} : { onStream: login.onStream }),
      onUp: (which) => {
        login.onUp?.();
        hooks?.onUp(which);
      },
      onCut: (which) => {
        if (hooks === null) login.onCut?.();
        else hooks.onCut(which);
      },
      onDown: (which, reason) => this.events?.onLaneDown(this, which, reason),
    };
    const lane = node.open(options, login.readsReplica);
    if (login.credentials === null) this.ownLanes.add(lane);
    // one on which the server speaks by itself may be silent
    if (login.onStream === undefined) this.silence.watch(lane, purpose === 'client');
    return lane;
  }
}
