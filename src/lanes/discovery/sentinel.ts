/**
 * The master that the sentinels name: asked of each of them, and heard from all of them.
 *
 *   the newest word counts     during a failover sentinels name different servers; the one with the highest config epoch is
 *                              believed, when the server that it names says itself that it is a master
 *   a failover begins          the sentinel that leads it is about to promote a replica, and until clients are told, about a
 *                              second later, the old master takes writes that are lost. So the side waits (`hold`) from the
 *                              leader's word on until a new master is named or the failover is over without one
 *
 * https://redis.io/docs/reference/sentinel-clients https://redis.io/docs/management/sentinel
 */
import type { LookupFunction } from 'node:net';
import { Redis } from 'ioredis';
import { addressText } from '../../config/addresses.js';
import type { Endpoint } from '../../config/url.js';
import { connectorWith } from '../control-connector.js';
import type { ServerNode } from '../server-node.js';
import { type DiscoveredSide, type Discovery, type MovingSlots, NOTHING_MOVES } from './discovery.js';
import { Looking } from './look.js';

const TIMEOUT_MS = 2000;
/** A promotion takes a sentinel one or two seconds; one that takes longer is not waited for. */
const HOLD_MAX_MS = 5000;
const HELD_LOOK_MS = 50;

/** The leader was elected and chooses a replica: at least two turns of its timer (50 to 100 ms each) before the promotion. */
const BEGINS = '+failover-state-select-slave';
/** Something about masters has changed. */
const CHANGES: readonly string[] = ['+switch-master', '+promoted-slave', '+failover-end', '-failover-abort*'];

interface Word {
  readonly host: string;
  readonly port: number;
  readonly epoch: number;
  readonly isFailingOver: boolean;
}

export class SentinelDiscovery implements Discovery {
  readonly hasMovingSlots = false;
  private readonly looking: Looking;
  private readonly sentinels: Redis[];
  private readonly problems = new Map<Redis, string>();
  private current: ServerNode | null = null;
  /** Of the election that made it a master. */
  private appliedEpoch = 0;
  private heldSinceMs = 0;

  constructor(
    private readonly side: DiscoveredSide,
    private readonly endpoint: Endpoint,
    private readonly lookup: LookupFunction,
    everyMs: number,
  ) {
    this.sentinels = endpoint.addresses.map((address) => this.sentinelAt(address));
    this.looking = new Looking(async () => void (await this.look()), everyMs);
  }

  async connect(): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.connect().catch(() => {})));
    await this.lookNow();
  }

  async look(): Promise<MovingSlots | null> {
    const seen = await this.lookNow().then(
      () => NOTHING_MOVES,
      () => null,
    );
    this.endLateHold();
    this.side.blind(this.problems.size < this.sentinels.length ? '' : this.why());
    return seen;
  }

  doubt(): void {
    this.looking.soon();
  }

  close(): void {
    this.looking.close();
    for (const sentinel of this.sentinels) sentinel.disconnect();
  }

  private sentinelAt({ host, port }: { readonly host: string; readonly port: number }): Redis {
    const { sentinel: access } = this.endpoint;
    const tls = this.side.tls.of(access?.tls, [], host);
    const sentinel = new Redis({
      host,
      port,
      ...(tls === null ? {} : { tls }),
      Connector: connectorWith(this.lookup),
      username: access?.username ?? undefined,
      password: access?.password ?? undefined,
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: 0,
      connectTimeout: TIMEOUT_MS,
      commandTimeout: TIMEOUT_MS,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1000),
    });
    sentinel.on('error', (error: Error) => {
      this.problems.set(sentinel, error.message || String((error as NodeJS.ErrnoException).code));
    });
    // questions and messages over one connection: it is RESP3 that allows it, and sentinels before 6.2 may lack it
    const listener = sentinel.duplicate();
    listener.on('error', () => {});
    listener.on('ready', () => void listener.psubscribe(BEGINS, ...CHANGES).catch(() => {}));
    listener.on('pmessage', (_pattern, channel: string, text: string) => this.heard(channel, text));
    sentinel.on('ready', () => {
      if (listener.status === 'wait') listener.connect().catch(() => {});
      this.looking.soon();
    });
    sentinel.on('end', () => listener.disconnect());
    return sentinel;
  }

  /** `+switch-master NAME …`, `+promoted-slave slave … @ NAME …`, all others `master NAME …`. */
  private heard(channel: string, text: string): void {
    if (!text.split(' ').includes(this.endpoint.master ?? '')) return;
    if (channel === BEGINS && this.heldSinceMs === 0) {
      this.heldSinceMs = performance.now();
      this.side.hold(true);
    }
    this.looking.soon();
  }

  private async lookNow(): Promise<void> {
    const words = (await Promise.all(this.sentinels.map((sentinel) => this.ask(sentinel)))).filter(
      (word) => word !== null,
    );
    words.sort((a, b) => b.epoch - a.epoch);
    const named = new Map<string, Word>();
    for (const word of words) if (!named.has(addressText(word))) named.set(addressText(word), word);
    let problem: unknown = new Error(this.why());
    // never back to one of an earlier election: it may still take itself for a master
    const newer = [...named.values()].filter(({ epoch }) => epoch >= this.appliedEpoch);
    const asked = newer.map((word) => ({ word, node: this.masterAt(word.host, word.port) }));
    for (const { node } of asked) node.catch(() => {}); // each is waited for in its turn
    for (const { word, node } of asked) {
      try {
        const master = await node;
        this.appliedEpoch = word.epoch;
        this.found(master, words);
        return;
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }

  private async masterAt(host: string, port: number): Promise<ServerNode> {
    const node = this.side.node(host, port);
    if (node.state !== 'up') await node.connect();
    await node.refreshReplication();
    if (node.role !== 'master') throw new Error(`the sentinels name ${node.name}, which is a replica`);
    return node;
  }

  private found(master: ServerNode, words: readonly Word[]): void {
    const isNew = master !== this.current;
    this.current = master;
    this.side.apply([{ master: master.address, replicas: [], ranges: [] }]);
    if (isNew || !words.some(({ isFailingOver }) => isFailingOver)) this.endHold();
  }

  private endLateHold(): void {
    if (this.heldSinceMs === 0) return;
    if (performance.now() - this.heldSinceMs > HOLD_MAX_MS) this.endHold();
    else this.looking.soon(HELD_LOOK_MS);
  }

  private endHold(): void {
    if (this.heldSinceMs === 0) return;
    this.heldSinceMs = 0;
    this.side.hold(false);
  }

  private why(): string {
    const [problem] = this.problems.values();
    return this.problems.size < this.sentinels.length
      ? `no sentinel knows a master called '${this.endpoint.master}'`
      : `no sentinel answers (${problem})`;
  }

  /** Null: it does not know the master, or does not answer. */
  private async ask(sentinel: Redis): Promise<Word | null> {
    const name = this.endpoint.master ?? '';
    try {
      const [address, master] = await Promise.all([
        sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
        sentinel.call('SENTINEL', 'MASTER', name).catch(() => []), // it may not be allowed, or there is none
      ]);
      this.problems.delete(sentinel);
      if (!Array.isArray(address)) return null;
      const fields = (Array.isArray(master) ? master : []).map(String);
      const field = (which: string): string => fields[fields.indexOf(which) + 1] ?? '';
      return {
        host: String(address[0]),
        port: Number(address[1]),
        epoch: Number(field('config-epoch')) || 0,
        isFailingOver: field('flags').split(',').includes('failover_in_progress'),
      };
    } catch (error) {
      if (!this.problems.has(sentinel)) this.problems.set(sentinel, (error as Error).message);
      return null;
    }
  }
}
