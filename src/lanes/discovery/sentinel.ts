/**
 * The master that the sentinels name: asked of each of them in turn, and heard from all of them (`+switch-master`).
 *
 * What a sentinel says is believed when the server that it names says itself that it is a master: during a failover some
 * sentinels still name the old one, and of those that name different ones the one with the greatest config epoch counts.
 * https://redis.io/docs/reference/sentinel-clients
 */
import { Redis } from 'ioredis';
import type { Endpoint } from '../../config/url.js';
import { tlsOptionsOf } from '../tls.js';
import type { DiscoveredSide, Discovery } from './discovery.js';
import { Looking } from './look.js';

const TIMEOUT_MS = 2000;

interface Named {
  readonly host: string;
  readonly port: number;
  readonly configEpoch: number;
}

export class SentinelDiscovery implements Discovery {
  private readonly looking: Looking;
  private readonly sentinels: Redis[];
  private readonly problems = new Map<Redis, string>();
  /** Of the election that made the present master one. */
  private appliedEpoch = 0;

  constructor(
    private readonly side: DiscoveredSide,
    private readonly endpoint: Endpoint,
    everyMs: number,
  ) {
    this.sentinels = endpoint.addresses.map((address) => this.sentinelAt(address));
    this.looking = new Looking(() => this.look(), everyMs);
  }

  async connect(): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.connect().catch(() => {})));
    await this.lookNow();
  }

  look(): Promise<void> {
    return this.lookNow().catch(() => {});
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
    const tls = tlsOptionsOf(access?.tls, host);
    const sentinel = new Redis({
      host,
      port,
      ...(tls === null ? {} : { tls }),
      username: access?.username ?? undefined,
      password: access?.password ?? undefined,
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: 0,
      connectTimeout: TIMEOUT_MS,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1000),
    });
    sentinel.on('error', (error: Error) => {
      this.problems.set(sentinel, error.message || String((error as NodeJS.ErrnoException).code));
    });
    // questions and messages over one connection: it is RESP3 that allows it, and sentinels before 6.2 may lack it
    const listener = sentinel.duplicate();
    listener.on('error', () => {});
    listener.on('ready', () => void listener.subscribe('+switch-master').catch(() => {}));
    listener.on('message', (_channel, text) => {
      if (String(text).split(' ')[0] === this.endpoint.master) this.looking.soon();
    });
    sentinel.on('ready', () => {
      if (listener.status === 'wait') listener.connect().catch(() => {});
      this.looking.soon();
    });
    sentinel.on('end', () => listener.disconnect());
    return sentinel;
  }

  private async lookNow(): Promise<void> {
    const answers = await Promise.all(this.sentinels.map((sentinel) => this.ask(sentinel)));
    // of two masters, when a failover was followed by another at once, the one of the later election counts
    const named = answers.filter((answer) => answer !== null).sort((a, b) => b.configEpoch - a.configEpoch);
    let problem: unknown = new Error(this.why());
    for (const { host, port, configEpoch } of named) {
      if (configEpoch < this.appliedEpoch) break;
      const node = this.side.node(host, port);
      try {
        if (node.state !== 'up') await node.connect();
        await node.refreshReplication();
        if (node.role !== 'master') throw new Error(`the sentinels name ${node.name}, which is a replica`);
        this.appliedEpoch = configEpoch;
        this.side.apply([{ master: node.address, replicas: [], ranges: [] }]);
        return;
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }

  private why(): string {
    const [problem] = this.problems.values();
    return problem === undefined
      ? `no sentinel knows a master called '${this.endpoint.master}'`
      : `no sentinel answers (${problem})`;
  }

  private async ask(sentinel: Redis): Promise<Named | null> {
    try {
      const answer = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.endpoint.master ?? '');
      if (!Array.isArray(answer)) {
        this.problems.delete(sentinel);
        return null;
      }
      const about = await sentinel.call('SENTINEL', 'MASTER', this.endpoint.master ?? '');
      const fields = Array.isArray(about) ? about.map(String) : [];
      const configEpoch = Number(fields[fields.indexOf('config-epoch') + 1]) || 0;
      return { host: String(answer[0]), port: Number(answer[1]), configEpoch };
    } catch (error) {
      if (!this.problems.has(sentinel)) this.problems.set(sentinel, (error as Error).message);
      return null;
    }
  }
}
