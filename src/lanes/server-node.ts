/**
 * One Redis server process of a side: its address, a control connection (ioredis) for the slow questions, its clock,
 * what Ferry's account may do there (rights-probe.ts), and the fencing of connections that were lost to it (fencing.ts).
 *
 * Everything about a lost connection that matters for exactness passes here: it is killed on the node before anyone
 * may repair its keys. A node that serves nothing any more (`retire`) needs no fence: whatever still runs on it is not
 * part of the data.
 *
 * The process is known by its run id. Where INFO is refused, the control connection stands for it: as long as that one
 * answers, the process is the same; behind a new one it counts as another process.
 *
 * `replication` keeps how far the node's replication stream was, and when: what a replica that took its place lacks
 * (topology/replication.ts).
 */

import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { encodeCommand } from '../resp/encode.js';
import { type Reply, ReplyFault } from '../resp/values.js';
import { ReplicationHistory } from '../topology/replication.js';
import type { OwnAccount } from './accounts.js';
import { Breaker } from './breaker.js';
import { clockOffset, steadyMs } from './clock.js';
import { connectorWith } from './control-connector.js';
import { authCommand } from './credential-text.js';
import { Fences } from './fencing.js';
import { infoField } from './info.js';
import { Lane, type LaneAddress, type LaneOptions, LaneRefused } from './lane.js';
import { isRefusal, missingRights, type Right } from './rights-probe.js';
import type { Traffic } from './traffic.js';
import { reasonOf } from './unusable.js';

const CLOCK_SAMPLES = 3;
/**
 * A control connection on which a question stays unanswered for so long is made anew, also where others are answered: it
 * may be out of step, with the answer taken for a part of another one. Fencing must not wait for it for ever.
 */
const CONTROL_TIMEOUT_MS = 5000;
/** How long a question waits for the control connection to be made anew. */
const CONTROL_WAIT_MS = 1000;
/** First contact waits so long for an earlier Ferry's connections to be found and killed; it goes on behind. */
const PREDECESSORS_MS = 2000;
/** A connection may die under a login's question; a dead server is told apart by its persistence. */
export const LOGIN_ATTEMPTS = 4;
const LOGINS_AT_ONCE = 32;

const UNREACHABLE = 'FERRY the server is not reachable';

export type NodeState = 'up' | 'down';

export interface NodeEvents {
  /** The process behind the address is another one than before: its data may be anything. */
  onNewProcess(node: ServerNode): void;
  /** The control connection is there, or gone. */
  onState(node: ServerNode): void;
  /** It cannot be reached, for one more reason than were told since it could; '' when it can be again. */
  onTrouble(node: ServerNode, reason: string): void;
  /** INFO was read again. */
  onInfo(node: ServerNode): void;
  /** A lost connection cannot be fenced: what may still be written over it must be settled (fencing.ts). */
  onQuarantine(node: ServerNode): void;
  /** What Ferry's account may not do here is another set than before. */
  onRights(node: ServerNode): void;
}

export interface NodeOptions {
  readonly address: LaneAddress;
  readonly tls: ConnectionOptions | null;
  /** Who resolves the host's name. */
  readonly lookup: LookupFunction;
  readonly own: OwnAccount;
  /** Of its side. */
  readonly traffic: Traffic;
  /** A name for one connection, never given before. */
  nameFor(purpose: string): string;
  /** Tells a name that an earlier process of the same migration gave; null: it is not known yet that there is none alive. */
  isOlderName(): ((name: string) => boolean) | null;
  /** The name under which the side has a command. */
  wireName(canonical: string): string;
}

export class ServerNode {
  version = '';
  runId = '';
  role = '';
  state: NodeState = 'down';
  /** The server's clock minus ours (`steadyMs`), ms. */
  clockOffsetMs = 0;
  maxmemoryPolicy = '';
  maxmemoryBytes = 0;
  /** Connections that do not authenticate are refused (the default user has a password). */
  requiresLogin = false;
  /** What Ferry's account may not do here; null: not asked yet. */
  missingRights: ReadonlySet<Right> | null = null;
  /** Connections lost and not yet known to be dead on the node. */
  readonly fences: Fences;
  /** Counts the control connections. */
  controlEpoch = 0;
  /** Keys evicted by the present process so far (INFO stats). */
  evictedKeys = 0;
  usedMemoryBytes = 0;
  readonly replication = new ReplicationHistory();
  readonly breaker = new Breaker();
  readonly control: Redis;
  /** What the control connection met last: `connect` itself only says that it was closed. */
  private controlError: Error | null = null;
  /** Why it cannot be reached, as told since it could. */
  private readonly troubles = new Set<string>();
  /** Its account, and what an earlier Ferry left, were looked at. */
  private greeting: Promise<void> | null = null;
  private closed = false;
  private retired = false;
  private readonly lanes = new Set<Lane>();
  private logins = 0;
  private readonly waitingLogins: (() => void)[] = [];

  constructor(
    /** Its number on its side (topology/slot-map.ts). */
    readonly index: number,
    private readonly options: NodeOptions,
    private readonly events: NodeEvents,
  ) {
    const { address, tls, lookup, own } = options;
    this.fences = new Fences(this, () => events.onQuarantine(this));
    this.control = new Redis({
      ...(address.path !== undefined ? { path: address.path } : { host: address.host, port: address.port }),
      ...(tls === null ? {} : { tls }),
      Connector: connectorWith(lookup),
      username: own.username ?? undefined,
      password: own.password ?? undefined,
      connectionName: options.nameFor('control'),
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 3000,
      socketTimeout: CONTROL_TIMEOUT_MS,
      enableReadyCheck: false,
      disableClientInfo: true,
      retryStrategy: (times) => {
        if (this.retired) return null;
        const { username, password } = own.reread();
        this.control.options.username = username ?? undefined;
        this.control.options.password = password ?? undefined;
        return Math.min(20 * 2 ** Math.min(times, 6), 1000);
      },
    });
    this.control.on('error', (error: NodeJS.ErrnoException) => {
      this.controlError = error;
      this.tell(reasonOf(error));
      // a system error: there was no connection; what a server says is an answer
      if (error.syscall === 'connect') this.breaker.failed(performance.now(), performance.now());
      this.is('down');
    });
    this.control.on('close', () => this.is('down'));
    this.control.on('ready', () => {
      this.controlEpoch++;
      this.breaker.succeeded();
      this.is('up');
      this.refresh()
        .then(() => {
          this.endTroubles(); // that it is connected says nothing yet: the login may be refused
          return this.probeAnonymous();
        })
        .catch(() => {});
    });
  }

  get address(): LaneAddress {
    return this.options.address;
  }

  /** For logs and status. */
  get name(): string {
    const { host, port, path } = this.options.address;
    return path ?? `${host}:${port}`;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Its control connection is not there, and nobody is making it. */
  private get isAtRest(): boolean {
    return this.control.status === 'wait' || this.control.status === 'end';
  }

  /** Why it is down; '' while it is not, or where nobody said. */
  get downReason(): string {
    return this.state === 'down' && this.controlError !== null ? reasonOf(this.controlError) : '';
  }

  private tell(reason: string): void {
    if (this.closed || this.troubles.has(reason)) return;
    this.troubles.add(reason);
    this.events.onTrouble(this, reason);
  }

  private endTroubles(): void {
    this.controlError = null;
    if (this.troubles.size > 0) this.events.onTrouble(this, '');
    this.troubles.clear();
  }

  private is(state: NodeState): void {
    if (this.state === state) return;
    this.state = state;
    if (!this.closed) this.events.onState(this);
  }

  // ── questions

  /** Sends one command over the control connection. */
  async call(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    return this.overControl(() => this.askOnce(command, ...args));
  }

  /** Over the present control connection: rejects when that is lost, and is not asked again over another one. */
  askOnce(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    const deadline = setTimeout(() => this.control.disconnect(true), CONTROL_TIMEOUT_MS);
    return this.control.callBuffer(this.options.wireName(command), ...args).finally(() => clearTimeout(deadline));
  }

  /**
   * What goes over the control connection may be asked again: it is waited for while it is being made anew, for a
   * moment, so that a connection that died does not fail what a live server would have answered.
   */
  private async overControl<T>(ask: () => Promise<T>): Promise<T> {
    const until = performance.now() + CONTROL_WAIT_MS;
    for (;;) {
      while (this.control.status !== 'ready' && performance.now() < until && !this.closed) {
        if (this.isAtRest) this.control.connect().catch(() => {});
        await sleep(10);
      }
      try {
        return await ask();
      } catch (error) {
        const isLost = /Stream isn't writeable|Connection is closed|ECONNRESET|EPIPE|max retries per request/i.test(
          String(error),
        );
        if (!isLost || this.closed) throw error;
        // the client library speaks of its own options there
        if (performance.now() >= until) throw new Error(`${this.name} does not answer`);
        await sleep(10);
      }
    }
  }

  /** First contact: throws when the server cannot be reached or refuses Ferry's login. */
  async connect(): Promise<void> {
    this.controlError = null;
    try {
      if (this.isAtRest) await this.control.connect();
      await this.refresh();
    } catch (error) {
      throw this.controlError ?? error;
    }
    await this.greet();
    await this.probeAnonymous();
    this.is('up');
  }

  /** Re-reads INFO and the clock. */
  async refresh(): Promise<void> {
    const askedMs = performance.now();
    const epoch = this.controlEpoch;
    const info = await this.askInfo();
    if (info === null) await this.refreshWithoutInfo(epoch);
    else {
      this.version = infoField(info, 'redis_version');
      this.role = infoField(info, 'role');
      this.maxmemoryPolicy = infoField(info, 'maxmemory_policy');
      this.maxmemoryBytes = Number(infoField(info, 'maxmemory')) || 0;
      this.usedMemoryBytes = Number(infoField(info, 'used_memory')) || 0;
      this.replication.saw(info, askedMs);
      this.sawRunId(infoField(info, 'run_id'));
      this.evictedKeys = Number(infoField(info, 'evicted_keys')) || 0;
    }
    this.events.onInfo(this);
    await this.sampleClock();
    await this.probeRights();
  }

  /** INFO's text, null when it is refused. */
  private async askInfo(): Promise<string | null> {
    try {
      return String(await this.call('INFO'));
    } catch (error) {
      if (isRefusal(error)) return null;
      throw error;
    }
  }

  /** What is needed of INFO, from others who know it; what nobody tells stays unknown. */
  private async refreshWithoutInfo(epoch: number): Promise<void> {
    if (this.lastEpochWithoutInfo !== epoch) {
      const isFirst = this.lastEpochWithoutInfo === 0 && this.runId === '';
      this.lastEpochWithoutInfo = epoch;
      // perhaps another process with other data; perhaps the same one, which what was lost may still reach
      if (!isFirst) this.events.onNewProcess(this);
    }
    const hello = await this.call('HELLO').catch(() => []);
    if (Array.isArray(hello)) {
      this.version = pairOf(hello, 'version') || this.version;
      this.role = pairOf(hello, 'role') === 'replica' ? 'slave' : 'master';
    }
    const limits = await this.call('CONFIG', 'GET', 'maxmemory*').catch(() => []);
    if (!Array.isArray(limits)) return;
    this.maxmemoryPolicy = pairOf(limits, 'maxmemory-policy');
    this.maxmemoryBytes = Number(pairOf(limits, 'maxmemory')) || 0;
  }

  /** The control connection over which INFO was refused last. */
  private lastEpochWithoutInfo = 0;

  /** Once for each control connection; a server that cannot tell yet (LOADING) is asked again with the next refresh. */
  private probeRights(): Promise<void> {
    if (this.rightsProbe?.epoch !== this.controlEpoch) {
      const done = this.askRights().catch(() => {
        this.rightsProbe = null;
      });
      this.rightsProbe = { epoch: this.controlEpoch, done };
    }
    return this.rightsProbe.done;
  }

  private rightsProbe: { readonly epoch: number; readonly done: Promise<void> } | null = null;

  private async askRights(): Promise<void> {
    const missing = await missingRights(([command, ...args]) => this.askOnce(String(command), ...args));
    const before = this.missingRights;
    this.missingRights = missing;
    const isSame = before !== null && before.size === missing.size && [...missing].every((right) => before.has(right));
    if (!isSame && !this.closed) this.events.onRights(this);
  }

  /** Once, before anything is repaired here: connections of an earlier Ferry are fenced. */
  greet(): Promise<void> {
    const isOlderName = this.options.isOlderName();
    if (isOlderName === null) return Promise.resolve();
    this.greeting ??= this.fences.predecessors(isOlderName);
    return Promise.race([this.greeting, sleep(PREDECESSORS_MS, undefined, { ref: false })]);
  }

  /** What it evicted, and whether it may: its limit and its policy. */
  async refreshEvicted(): Promise<void> {
    const [stats, memory] = await Promise.all([this.call('INFO', 'stats'), this.call('INFO', 'memory')]);
    this.evictedKeys = Number(infoField(String(stats), 'evicted_keys')) || 0;
    this.maxmemoryPolicy = infoField(String(memory), 'maxmemory_policy');
    this.maxmemoryBytes = Number(infoField(String(memory), 'maxmemory')) || 0;
  }

  /** Only the state of the replication. */
  async refreshReplication(): Promise<void> {
    const askedMs = performance.now();
    const info = String(await this.call('INFO', 'replication'));
    this.role = infoField(info, 'role');
    this.replication.saw(info, askedMs);
    this.events.onInfo(this);
  }

  async sampleClock(): Promise<void> {
    this.clockOffsetMs = (await clockOffset(CLOCK_SAMPLES, () => this.call('TIME'))) ?? this.clockOffsetMs;
  }

  /** The server's clock now, ms since 1970. */
  nowMs(): number {
    return steadyMs() + this.clockOffsetMs;
  }

  sawRunId(runId: string): void {
    if (runId === '' || runId === this.runId) return;
    const isNew = this.runId !== '';
    this.runId = runId;
    if (!isNew) return;
    this.fences.clear(); // what was lost died with the old one
    this.events.onNewProcess(this);
  }

  // ── logins

  /** Asks the server whether it takes this login, on a connection of its own. Null when it does, else its error. */
  verifyLogin(username: string | null, password: string): Promise<string | null> {
    return this.tryLogin(encodeCommand(authCommand(username, password)));
  }

  /** Finds out whether a connection without a login is served. */
  async probeAnonymous(): Promise<void> {
    const refusal = await this.tryLogin(encodeCommand(['PING']));
    this.requiresLogin = refusal !== null && /^NOAUTH/.test(refusal);
  }

  /** Does it answer on a new connection, now? One that loads its data or is in a script does not. */
  async isWell(): Promise<boolean> {
    const refusal = await this.tryLogin(encodeCommand(['PING']));
    return refusal === null || !/^(FERRY|LOADING|BUSY|MASTERDOWN)/.test(refusal);
  }

  /** One connection each, so not many at once: whoever may not log in must not use up the server's connections. */
  private async tryLogin(command: Buffer): Promise<string | null> {
    if (this.breaker.isOpen) return UNREACHABLE;
    if (this.logins >= LOGINS_AT_ONCE) await new Promise<void>((resolve) => this.waitingLogins.push(resolve));
    else this.logins++;
    try {
      return await this.askLogin(command);
    } finally {
      const next = this.waitingLogins.shift();
      if (next === undefined) this.logins--;
      else next();
    }
  }

  private askLogin(command: Buffer): Promise<string | null> {
    return new Promise((resolve) => {
      let answer: string | null = UNREACHABLE;
      let answered = false;
      const lane = new Lane({
        name: 'login',
        address: this.options.address,
        tls: this.options.tls,
        lookup: this.options.lookup,
        giveUpOnRefusal: true,
        handshake: () => [
          {
            command,
            accept(reply: Reply) {
              answered = true;
              answer = reply instanceof ReplyFault ? reply.message : null;
              throw new LaneRefused(answer ?? 'verified'); // one question was all there was to ask
            },
          },
        ],
        onDown: () => {
          if (!answered && lane.failures < LOGIN_ATTEMPTS) return; // the lane connects again by itself
          lane.close();
          resolve(answer);
        },
      });
    });
  }

  /** Ferry's secret has changed. */
  async renewLogin(): Promise<void> {
    const { username, password } = this.options.own;
    if (password === null) return;
    this.control.options.username = username ?? undefined;
    this.control.options.password = password;
    const [, ...words] = authCommand(username, password);
    await this.askOnce('AUTH', ...words).catch(() => {});
  }

  // ── connections

  /**
   * A connection to this node; `onCut` is called before anybody else hears of the loss. One that only reads leaves nothing
   * behind that could run later, and is not fenced.
   */
  open(options: Omit<LaneOptions, 'address' | 'tls' | 'lookup' | 'traffic'>, onlyReads = false): Lane {
    const lane = new Lane({
      ...options,
      address: this.options.address,
      tls: this.options.tls,
      lookup: this.options.lookup,
      traffic: this.options.traffic,
      onUp: (lane) => {
        lane.wasUp = true;
        // a node may serve before anybody asked it something
        void this.greet();
        // whoever is behind a new connection, the old control connection leads to the process known so far, or to none
        if (this.runId === '' && this.state === 'up') this.askOnce('PING').catch(() => {});
        options.onUp?.(lane);
      },
      breaker: this.breaker,
      onCut: (which) => {
        if (!onlyReads) this.laneCut(which);
        options.onCut?.(which);
      },
    });
    this.lanes.add(lane);
    return lane;
  }

  /** Every connection to it that is wanted. */
  openLanes(): Iterable<Lane> {
    for (const lane of this.lanes) if (lane.state === 'closed') this.lanes.delete(lane);
    return this.lanes;
  }

  /** Counted as unfenced before anybody reacts: a copy that the loss sets free must not pass for a repair. */
  private laneCut(lane: Lane): void {
    // also one that was closed here: what it was sent may be on its way
    if (lane.wasUp && (lane.state !== 'closed' || lane.hasUnanswered)) this.fence(lane);
    lane.wasUp = false;
    lane.clientId = 0;
    lane.connectionName = '';
  }

  private fence(lane: Lane): void {
    if (!this.closed && !this.retired) this.fences.lost(lane.clientId, lane.connectionName);
  }

  async askRunId(): Promise<string> {
    try {
      return infoField(String(await this.askOnce('INFO', 'server')), 'run_id');
    } catch (error) {
      if (isRefusal(error)) return '';
      throw error;
    }
  }

  /**
   * It serves nothing (any more): another node has its data, and what runs here does not count. It is only connected
   * again when it is asked something: servers that are gone for good would be tried for ever.
   */
  retire(): void {
    this.retired = true;
    this.fences.clear();
    if (this.control.status === 'ready') this.control.disconnect(); // else it ends by itself
  }

  /** It serves something (again), with the data of the server that it replaces, whatever process it is by now. */
  recall(): void {
    if (!this.retired) return;
    this.retired = false;
    this.runId = '';
    this.lastEpochWithoutInfo = 0;
  }

  close(): void {
    this.closed = true;
    this.fences.clear();
    this.control.disconnect();
  }
}

/** The value behind a name, in a reply of names and values; '' when it is not there. */
function pairOf(reply: readonly unknown[], name: string): string {
  const at = reply.findIndex((field, i) => i % 2 === 0 && String(field) === name);
  return at < 0 ? '' : String(reply[at + 1]);
}
