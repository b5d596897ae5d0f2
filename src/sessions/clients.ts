/** All clients that are connected, and what they have in common. */
import type { Switchboard } from '../routing/switchboard.js';
import { WaitedKeysPoll } from './blocking/poll.js';
import { ReplicaWatch } from './blocking/replica-wait.js';
import type { Session } from './session.js';
import { mayMatchKeyspace } from './subscriptions/keyspace.js';

const SWEEP_MS = 250;

/** A client, as an operator knows it. */
export interface ConnectedClient {
  /** host:port */
  readonly address: string;
  /** CLIENT SETNAME; '' if it has none */
  readonly name: string;
  readonly user: string;
  /** as it calls it, before any mapping */
  readonly db: number;
  readonly idleMs: number;
  /** it waits for data, listens, or monitors: it is meant to be silent */
  readonly isWaiting: boolean;
}

export class Clients {
  /** In the order in which they came. */
  readonly byId = new Map<number, Session>();
  readonly replicaWatch: ReplicaWatch;
  private readonly poll: WaitedKeysPoll;
  /** Those that must log in and have not, oldest first. */
  readonly unauthenticated = new Set<Session>();

  private readonly sweep: NodeJS.Timeout;

  constructor(private readonly board: Switchboard) {
    this.replicaWatch = new ReplicaWatch(board);
    this.poll = new WaitedKeysPoll(board);
    this.sweep = setInterval(() => {
      this.closeStrangers();
      this.closeIdle();
    }, SWEEP_MS);
  }

  /** All of them, as an operator knows them; `idleMs` since each sent something. */
  connected(): ConnectedClient[] {
    const nowMs = performance.now();
    return [...this.byId.values()].map((session) => ({
      address: session.address,
      name: session.name,
      user: session.identity.name === '' ? 'default' : session.identity.name,
      db: session.db,
      idleMs: Math.max(0, nowMs - session.heardMs),
      isWaiting: session.blocked !== null || session.subscriptions !== null || session.monitor !== null,
    }));
  }

  // ── before a login

  /** It must log in: so many at once, and for so long. The oldest has had its time when another one comes. */
  awaitsLogin(session: Session): void {
    session.strangerSinceMs = performance.now();
    this.unauthenticated.delete(session);
    if (this.unauthenticated.size >= this.board.config.limits.maxUnauthenticated) {
      for (const oldest of this.unauthenticated) {
        oldest.close('it made room for another client that has not logged in');
        break;
      }
    }
    this.unauthenticated.add(session);
  }

  private closeStrangers(): void {
    const { authTimeoutSeconds } = this.board.config.limits;
    if (authTimeoutSeconds === 0) return;
    const before = performance.now() - authTimeoutSeconds * 1000;
    for (const session of this.unauthenticated) {
      if (session.strangerSinceMs > before) return;
      session.close('it has not logged in in time');
    }
  }

  /** Parked until something comes. */
  get blocked(): number {
    let count = 0;
    for (const session of this.byId.values()) if (session.blocked !== null) count++;
    return count;
  }

  // ── CLIENT PAUSE

  /** 0: not paused; 1: writes are; 2: everything is. */
  paused: 0 | 1 | 2 = 0;
  private pauseTimer: NodeJS.Timeout | null = null;
  private pauseEndsMs = 0;

  /** A pause that ends later, or holds more, is kept. https://redis.io/commands/client-pause */
  pause(ms: number, onlyWrites: boolean): void {
    const endsMs = performance.now() + ms;
    if (this.paused === 0 || endsMs > this.pauseEndsMs) this.pauseEndsMs = endsMs;
    if (this.paused < 2) this.paused = onlyWrites ? 1 : 2;
    if (this.pauseTimer !== null) clearTimeout(this.pauseTimer);
    this.pauseTimer = setTimeout(() => this.unpause(), Math.min(2 ** 31 - 1, this.pauseEndsMs - performance.now()));
  }

  unpause(): void {
    if (this.pauseTimer !== null) clearTimeout(this.pauseTimer);
    this.pauseTimer = null;
    if (this.paused === 0) return;
    this.paused = 0;
    for (const session of this.byId.values()) session.goOn();
  }

  get subscribed(): number {
    let count = 0;
    for (const session of this.byId.values()) if (session.subscriptions !== null) count++;
    return count;
  }

  /** How many different patterns of theirs every node of a Cluster knows (subscriptions/hearing.ts). */
  eventPatterns(): number {
    const found = new Set<string>();
    for (const { subscriptions } of this.byId.values()) {
      for (const pattern of subscriptions?.names.psubscribe ?? []) if (mayMatchKeyspace(pattern)) found.add(pattern);
    }
    return found.size;
  }

  /** Why subscriptions cannot be taken over by the follower, one sentence for each reason. */
  subscriptionRefusals(): string[] {
    const refusals = new Set<string>();
    for (const { subscriptions } of this.byId.values()) {
      if (subscriptions !== null && subscriptions.refusal !== '') refusals.add(subscriptions.refusal);
    }
    return [...refusals];
  }

  /** Resolves true when no message of either side is on its way to a client, false when that takes too long. */
  async settleSubscriptions(limitMs: number): Promise<boolean> {
    const subscribed = [...this.byId.values()].flatMap((session) => session.subscriptions ?? []);
    if (subscribed.length === 0) return true;
    const all = Promise.all(subscribed.map((s) => new Promise<void>((done) => s.settle(done)))).then(() => true);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), limitMs);
    });
    return Promise.race([all, late]).finally(() => clearTimeout(timer));
  }

  phaseChanged(): void {
    for (const session of this.byId.values()) session.phaseChanged();
  }

  /** Who has sent nothing for too long; a waiting, subscribed or monitoring client is meant to be silent. */
  private closeIdle(): void {
    const idleMs = this.board.config.clientIdleSeconds * 1000;
    if (idleMs === 0) return;
    const before = performance.now() - idleMs;
    for (const session of [...this.byId.values()]) {
      const isQuiet = session.blocked !== null || session.subscriptions !== null || session.monitor !== null;
      if (session.heardMs < before && !isQuiet && !session.hasInFlight) session.close('idle for too long');
    }
  }

  /** Ends every connection; those who have not taken their replies within the time lose them. */
  async leave(limitMs: number): Promise<void> {
    const all = [...this.byId.values()].map((session) => session.leave());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([Promise.all(all), late]);
    clearTimeout(timer);
  }

  stop(): void {
    clearInterval(this.sweep);
    this.unpause();
    this.poll.stop();
    for (const session of [...this.byId.values()]) session.close('Ferry is stopping');
  }
}
