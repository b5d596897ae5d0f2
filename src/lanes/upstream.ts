/**
 * One side of the migration as Ferry sees it: a standalone Redis, its lanes, and what was learned about it.
 *
 * Lanes for clients are keyed by (identity, db); jobs have lanes of their own under Ferry's identity, so that their
 * big replies never stand in front of an application's (L6). A control connection (ioredis) asks the slow
 * questions: INFO, TIME, COMMAND, CLIENT KILL. Everything about a lost connection that matters for exactness
 * passes here: its id is killed on the node (fenced) before anyone may repair its keys.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { Endpoint } from '../config/url.js';
import type { Side } from '../phases/phase.js';
import { encodeCommand } from '../resp/encode.js';
import { type Reply, ReplyFault, type Resp } from '../resp/values.js';
import type { Accounts, OwnAccount } from './accounts.js';
import { callLane, LaneLost } from './call.js';
import { handshakeSteps } from './handshake.js';
import type { Credentials, Identity } from './identity.js';
import { infoField } from './info.js';
import { Lane, type LaneOptions, LaneRefused } from './lane.js';
import { IGNORED } from './multi.js';
import { Pins } from './pins.js';
import { tlsOptionsOf } from './tls.js';

export type UpstreamState = 'up' | 'down';

const CLOCK_SAMPLES = 3;
/** A connection may die under a login's question; a dead server is told apart by its persistence. */
const LOGIN_ATTEMPTS = 4;
/** A control connection that is asked and stays silent is made anew: fencing must not wait for it for ever. */
const CONTROL_TIMEOUT_MS = 5000;
/** How long a question waits for the control connection to be made anew. */
const CONTROL_WAIT_MS = 1000;
const FENCE_RETRY_MS = 200;
const REFUSED_RETRY_MS = 1000;

export interface UpstreamEvents {
  /** The process behind the address is another one than before: its data may be anything. */
  onNewProcess(upstream: Upstream): void;
  onLaneDown(upstream: Upstream, lane: Lane, reason: string): void;
}

/** What happens to a connection that listens. */
export interface ListenerEvents {
  onStream(buf: Buffer, start: number, end: number): void;
  /** Connected, for the first time or again: the server knows nothing of it yet. */
  onUp(): void;
  onCut(): void;
}

export class Upstream {
  version = '';
  runId = '';
  state: UpstreamState = 'down';
  /** The server's clock minus ours (`steadyMs`), ms. */
  clockOffsetMs = 0;
  maxmemoryPolicy = '';
  maxmemoryBytes = 0;
  /** Connections that do not authenticate are refused (the default user has a password). */
  requiresLogin = false;
  /** Connections lost and not yet known to be dead on the node. */
  unfenced = 0;
  readonly control: Redis;
  /** Connections that one client has for itself for a while. */
  readonly pins = new Pins(this);
  /** Users of whom it is known that they may run transactions (lanes/multi.ts). */
  readonly multiRights = new Set<string>();
  /** Users of whom it was found, at that time (performance.now()), that they may not, and in which words. */
  readonly multiRefusals = new Map<string, { readonly refusal: string; readonly atMs: number }>();
  /** What was found out about users' rights to single commands (sessions/rights.ts); an empty refusal is none. */
  readonly rights = new Map<string, { readonly refusal: string; readonly atMs: number }>();
  /** What the control connection met last: `connect` itself only says that it was closed. */
  private controlError: Error | null = null;
  private readonly lanes = new Map<string, Lane>();
  private readonly fences = new Map<number, Promise<void>>();
  private closed = false;
  private readonly hasRenames: boolean;
  /** Ferry's account here. */
  readonly own: OwnAccount;
  private readonly tls: ConnectionOptions | null;
  /** Lanes that log in with it. */
  private readonly ownLanes = new Set<Lane>();
  events: UpstreamEvents | null = null;

  constructor(
    readonly side: Side,
    readonly endpoint: Endpoint,
    readonly accounts: Accounts,
    /** The logical database that this side keeps under another number, or -1. */
    private readonly mappedDb: number,
    private readonly connectionName: string,
    private readonly rename: Readonly<Record<string, string>>,
  ) {
    this.hasRenames = Object.keys(rename).length > 0;
    this.own = accounts.own[side];
    this.tls = tlsOptionsOf(endpoint);
    this.control = new Redis({
      ...(endpoint.path !== undefined ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port }),
      ...(this.tls === null ? {} : { tls: this.tls }),
      username: this.own.username ?? undefined,
      password: this.own.password ?? undefined,
      connectionName: `${connectionName}:control`,
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 3000,
      socketTimeout: CONTROL_TIMEOUT_MS,
      enableReadyCheck: false,
      disableClientInfo: true,
      retryStrategy: (times) => {
        const { username, password } = this.own.reread();
        this.control.options.username = username ?? undefined;
        this.control.options.password = password ?? undefined;
        return Math.min(20 * 2 ** Math.min(times, 6), 1000);
      },
    });
    this.control.on('error', (error: Error) => {
      this.state = 'down';
      this.controlError = error;
    });
    this.control.on('close', () => {
      this.state = 'down';
    });
    this.control.on('ready', () => {
      this.state = 'up';
      this.refresh()
        .then(() => this.probeAnonymous())
        .catch(() => {});
    });
  }

  /** Some commands must be sent in other bytes than a client's: renamed, or with another database number. */
  get rewrites(): boolean {
    return this.hasRenames || this.mappedDb >= 0;
  }

  /** The name under which this side has the command. */
  wireName(canonical: string): string {
    return this.rename[canonical.toLowerCase()] ?? canonical;
  }

  /** The number of a logical database on this side. */
  dbHere(db: number): number {
    return this.mappedDb >= 0 && db === this.mappedDb ? this.endpoint.db : db;
  }

  /** The logical number of this side's database `here`, -1 when it has none (it would be another one's). */
  logicalDb(here: number): number {
    if (this.mappedDb < 0) return here;
    return here === this.endpoint.db ? this.mappedDb : here === this.mappedDb ? -1 : here;
  }

  /** Sends one command over the control connection. */
  async call(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    return this.overControl(() => this.control.callBuffer(this.wireName(command), ...args));
  }

  /**
   * What goes over the control connection may be asked again: it is waited for while it is being made anew, for a
   * moment, so that a connection that died does not fail what a live server would have answered.
   */
  private async overControl<T>(ask: () => Promise<T>): Promise<T> {
    const until = performance.now() + CONTROL_WAIT_MS;
    for (;;) {
      while (this.control.status !== 'ready' && performance.now() < until && !this.closed) {
        await sleep(10);
      }
      try {
        return await ask();
      } catch (error) {
        const isLost = /Stream isn't writeable|Connection is closed|ECONNRESET|EPIPE|max retries per request/i.test(
          String(error),
        );
        if (!isLost || this.closed || performance.now() >= until) throw error;
        await sleep(10);
      }
    }
  }

  /** Inside a database, on a connection of its own: nothing is sent unless SELECT was accepted. */
  async callIn(db: number, commands: readonly (readonly (string | number | Buffer)[])[]): Promise<Reply[]> {
    for (let attempt = 1; ; attempt++) {
      const lane = this.open('probe', db, { credentials: null, giveUpOnRefusal: true });
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

  /** First contact: throws when the server cannot be reached or refuses Ferry's login. */
  async connect(): Promise<void> {
    this.controlError = null;
    try {
      await this.control.connect();
      await this.refresh();
    } catch (error) {
      throw this.controlError ?? error;
    }
    await this.probeAnonymous();
    this.state = 'up';
  }

  /** Re-reads INFO and the clock. */
  async refresh(): Promise<void> {
    const info = String(await this.call('INFO'));
    this.version = infoField(info, 'redis_version');
    this.maxmemoryPolicy = infoField(info, 'maxmemory_policy');
    this.maxmemoryBytes = Number(infoField(info, 'maxmemory')) || 0;
    this.sawRunId(infoField(info, 'run_id'));
    await this.sampleClock();
  }

  /** The offset of the exchange with the shortest way back and forth is the best one. */
  async sampleClock(): Promise<void> {
    let bestMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < CLOCK_SAMPLES; i++) {
      const sentMs = steadyMs();
      const [seconds, microseconds] = (await this.call('TIME')) as [Buffer, Buffer];
      const tripMs = steadyMs() - sentMs;
      if (tripMs >= bestMs) continue;
      bestMs = tripMs;
      this.clockOffsetMs = Number(seconds) * 1000 + Number(microseconds) / 1000 - (sentMs + tripMs / 2);
    }
  }

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

  /** Asks the server whether it takes this login, on a connection of its own. Null when it does, else its error. */
  verifyLogin(username: string | null, password: string): Promise<string | null> {
    return this.tryLogin(encodeCommand(['AUTH', ...(username === null ? [] : [username]), password]));
  }

  /** Finds out whether a connection without a login is served. */
  async probeAnonymous(): Promise<void> {
    const refusal = await this.tryLogin(encodeCommand(['PING']));
    this.requiresLogin = refusal !== null && /^NOAUTH/.test(refusal);
  }

  private tryLogin(command: Buffer): Promise<string | null> {
    return new Promise((resolve) => {
      let answer: string | null = 'FERRY the server is not reachable';
      let answered = false;
      const lane = new Lane({
        name: `${this.side}:login`,
        address: this.endpoint,
        tls: this.tls,
        giveUpOnRefusal: true,
        handshake: () => [
          {
            command,
            accept(reply) {
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

  /** The server's clock now, ms since 1970. */
  nowMs(): number {
    return steadyMs() + this.clockOffsetMs;
  }

  sawRunId(runId: string): void {
    if (runId === '' || runId === this.runId) return;
    const isNew = this.runId !== '';
    this.runId = runId;
    if (isNew) this.events?.onNewProcess(this);
  }

  /** The lane of a client's identity, database and protocol version, opened at the first call. */
  lane(identity: Identity, db: number, resp: Resp): Lane {
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
  openFor(identity: Identity, db: number, resp: Resp, onCut: (() => void) | null): Lane {
    const credentials = this.accounts.of(identity, this.side);
    return this.open(onCut === null ? 'client' : 'pin', db, { credentials, giveUpOnRefusal: true, resp, onCut });
  }

  /** A connection under a client's identity on which the server speaks by itself (subscriptions, MONITOR). */
  listenFor(identity: Identity, resp: Resp, events: ListenerEvents): Lane {
    const credentials = this.accounts.of(identity, this.side);
    return this.open('subscriber', this.endpoint.db, { credentials, giveUpOnRefusal: true, resp, ...events });
  }

  /** As `lane`, for reads that can do without it: a login that was refused is not tried again at once. */
  readLane(identity: Identity, db: number, resp: Resp): Lane {
    const lane = this.lanes.get(this.clientKey(identity, db, resp));
    if (lane?.state === 'closed' && performance.now() - lane.closedAtMs < REFUSED_RETRY_MS) return lane;
    return this.lane(identity, db, resp);
  }

  /** A lane for a job under Ferry's own identity. */
  jobLane(purpose: string, db: number): Lane {
    const key = `${purpose}\n${db}`;
    let lane = this.lanes.get(key);
    if (lane !== undefined && lane.state !== 'closed') return lane;
    lane = this.open(purpose, db, { credentials: null });
    this.lanes.set(key, lane);
    return lane;
  }

  /** A lane that the caller owns and closes; `options` as in Lane. */
  ownLane(purpose: string, options: Pick<LaneOptions, 'handshake' | 'onUp' | 'onDown'>): Lane {
    const own = new Lane({
      name: `${this.side}:${purpose}`,
      address: this.endpoint,
      tls: this.tls,
      handshake: options.handshake,
      onUp: options.onUp,
      onCut: (lane) => this.laneCut(lane),
      onDown: (lane, reason) => {
        this.events?.onLaneDown(this, lane, reason);
        options.onDown?.(lane, reason);
      },
    });
    this.ownLanes.add(own);
    return own;
  }

  /** Ferry's secret has changed: what is open logs in again. */
  async renewLogin(): Promise<void> {
    const { username, password } = this.own;
    if (password === null) return;
    const login = username === null ? [password] : [username, password];
    const frame = encodeCommand(['AUTH', ...login]);
    for (const lane of this.ownLanes) {
      if (lane.state === 'closed') this.ownLanes.delete(lane);
      else if (lane.state === 'up') lane.send(IGNORED, frame, 0, frame.length);
    }
    this.control.options.username = username ?? undefined;
    this.control.options.password = password;
    await this.control.callBuffer('AUTH', ...login).catch(() => {});
  }

  clientLanes(): Lane[] {
    return [...this.lanes].filter(([key]) => key.startsWith('client\n')).map(([, lane]) => lane);
  }

  nameFor(purpose: string): string {
    return `${this.connectionName}:${purpose}`;
  }

  close(): void {
    this.closed = true;
    this.pins.close();
    for (const lane of this.lanes.values()) lane.close();
    this.lanes.clear();
    this.control.disconnect();
  }

  private open(
    purpose: string,
    db: number,
    login: {
      /** Null: Ferry's own, as they are at each attempt to connect. */
      credentials: Credentials | null;
      giveUpOnRefusal?: boolean;
      resp?: Resp;
      onCut?: (() => void) | null;
      onStream?: LaneOptions['onStream'];
      onUp?: () => void;
    },
  ): Lane {
    const lane = new Lane({
      name: `${this.side}:${purpose}:${db}`,
      address: this.endpoint,
      tls: this.tls,
      giveUpOnRefusal: login.giveUpOnRefusal ?? false,
      handshake: (lane) =>
        handshakeSteps(lane, {
          credentials: login.credentials ?? this.own.reread(),
          resp: login.resp,
          connectionName: this.nameFor(purpose),
          dbs: [this.dbHere(db)],
          onRunId: (runId) => this.sawRunId(runId),
        }),
      ...(login.onStream === undefined ? {} : { onStream: login.onStream }),
      onUp: () => login.onUp?.(),
      onCut: (lane) => {
        this.laneCut(lane);
        login.onCut?.();
      },
      onDown: (lane, reason) => this.events?.onLaneDown(this, lane, reason),
    });
    if (login.credentials === null) this.ownLanes.add(lane);
    return lane;
  }

  /** Counted as unfenced before anybody reacts: a copy that the loss sets free must not pass for a repair. */
  private laneCut(lane: Lane): void {
    if (lane.state !== 'closed') this.fence(lane.clientId);
    lane.clientId = 0;
  }

  private async askRunId(): Promise<string> {
    const info = String(await this.control.callBuffer(this.wireName('INFO'), 'server'));
    return infoField(info, 'run_id');
  }

  /** Kills the connection `clientId` on the node; tried until the node says so or is another process. */
  private fence(clientId: number): void {
    if (clientId === 0 || this.fences.has(clientId) || this.closed) return;
    const runId = this.runId;
    this.unfenced++;
    const done = (async () => {
      while (!this.closed && this.runId === runId) {
        try {
          // ids begin anew with each process: in another one the id is somebody else's
          if (runId !== '' && (await this.askRunId()) !== runId) break;
          await this.control.callBuffer(this.wireName('CLIENT'), 'KILL', 'ID', clientId);
          // the node answered: if it is a new process now, the old connection died with the old one
          break;
        } catch (error) {
          if (/NOPERM|unknown/i.test((error as Error).message)) break;
          await sleep(FENCE_RETRY_MS);
        }
      }
    })().finally(() => {
      this.unfenced--;
      this.fences.delete(clientId);
    });
    this.fences.set(clientId, done);
  }
}

/** Our own clock, ms since 1970 when the process began, and not moved when somebody sets this host's clock. */
function steadyMs(): number {
  return performance.timeOrigin + performance.now();
}
