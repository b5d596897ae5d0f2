/**
 * A server behind a DNS name, and its replica, which can take its place: both have the same port, on two loopback
 * addresses, so that the name alone says which of them is meant.
 *
 *   switchOver      the planned way: writes are paused, the replica has everything, the two change their roles. The name
 *                   is the caller's business, before or after
 *   killPrimary     SIGKILL; `promote` makes the other one a master
 */

import { freeClusterPort } from '../../src/cli/demo/cluster-ports.js';
import { list, text, Wire } from '../integration/journey/wire.js';
import type { DnsServer } from './dns.js';
import { eventually } from './eventually.js';
import { infoField } from './node-wires.js';
import { type RedisServer, startRedis } from './redis.js';

const REPLICATED_MS = 20_000;
const ATTEMPTS = 5;
/** Longer than any switch-over takes; it is ended by hand. */
const PAUSE_MS = 60_000;

export class NamedPair {
  private readonly wires = new Map<RedisServer, Promise<Wire>>();

  private constructor(
    readonly name: string,
    private readonly dns: DnsServer,
    /** The two servers: first the one that was the master at the start. */
    readonly servers: readonly [RedisServer, RedisServer],
    /** The master. */
    public primary: RedisServer,
  ) {}

  /** `hosts`: two loopback addresses that nobody else uses at that port. The name leads to the first. */
  static async open(dns: DnsServer, name: string, hosts: readonly [string, string]): Promise<NamedPair> {
    const args = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', '--shutdown-timeout', '0'];
    for (let attempt = 1; ; attempt++) {
      const port = await freeClusterPort();
      const a = await startRedis({ host: hosts[0], port, args }).catch(() => null);
      if (a === null && attempt < ATTEMPTS) continue;
      if (a === null) throw new Error(`no server could be started on ${hosts[0]}`);
      const b = await startRedis({ host: hosts[1], port, args: [...args, '--replicaof', a.host, String(port)] });
      const pair = new NamedPair(name, dns, [a, b], a);
      dns.set(name, [a.host]);
      await pair.isReplicated();
      // nothing is sent to a replica until it has said that it has the data, up to a second later, whatever INFO says
      await pair.ask(a, 'SET', 'probe', '1');
      await pair.ask(a, 'DEL', 'probe');
      const heard = await pair.ask(a, 'WAIT', 1, REPLICATED_MS);
      if (heard !== '1') throw new Error(`the replica ${b.host} is sent nothing`);
      return pair;
    }
  }

  get url(): string {
    return `redis://${this.name}:${this.primary.port}`;
  }

  get replica(): RedisServer {
    return this.servers[0] === this.primary ? this.servers[1] : this.servers[0];
  }

  /** The name leads there from now on, to the master if nothing is given. */
  lead(...servers: RedisServer[]): void {
    this.dns.set(
      this.name,
      (servers.length > 0 ? servers : [this.primary]).map(({ host }) => host),
    );
  }

  wire(server: RedisServer): Promise<Wire> {
    return Wire.open(server.port, 0, server.host);
  }

  async ask(server: RedisServer, ...args: (string | number)[]): Promise<string> {
    let wire = this.wires.get(server);
    if (wire === undefined) {
      wire = this.wire(server);
      this.wires.set(server, wire);
    }
    const reply = await (await wire).send(...args);
    if (reply instanceof Error) throw new Error(`${args.join(' ')} on ${server.host}: ${reply.message}`);
    return Array.isArray(reply) ? list(reply).map(text).join() : text(reply);
  }

  /** The roles change without a lost write. `between` runs while neither side takes one. */
  async switchOver(between: () => void = () => {}): Promise<void> {
    const { primary, replica } = this;
    await this.ask(primary, 'CLIENT', 'PAUSE', PAUSE_MS, 'WRITE');
    await this.isReplicated();
    await this.ask(replica, 'REPLICAOF', 'NO', 'ONE');
    between();
    await this.ask(primary, 'REPLICAOF', replica.host, replica.port);
    await this.ask(primary, 'CLIENT', 'UNPAUSE');
    this.primary = replica;
    await eventually(`the link to ${replica.host}`, REPLICATED_MS, async () => {
      const status = infoField(await this.ask(primary, 'INFO', 'replication'), 'master_link_status');
      return status === 'up' ? '' : `a link that is not ${status}`;
    });
  }

  killPrimary(): void {
    this.wires.delete(this.primary);
    this.primary.kill();
  }

  /** The replica of a dead master becomes one. */
  async promote(): Promise<void> {
    await this.ask(this.replica, 'REPLICAOF', 'NO', 'ONE');
    this.primary = this.replica;
  }

  /** The replica is connected and has everything. */
  private async isReplicated(): Promise<void> {
    await eventually(`the replication to ${this.replica.host}`, REPLICATED_MS, async () => {
      const [from, to] = await Promise.all(
        [this.primary, this.replica].map((server) => this.ask(server, 'INFO', 'replication')),
      );
      if (infoField(to!, 'master_link_status') !== 'up') return 'the link';
      const offset = infoField(from!, 'master_repl_offset');
      return infoField(to!, 'slave_repl_offset') === offset ? '' : `offset ${offset}`;
    });
  }

  async stop(): Promise<void> {
    for (const wire of this.wires.values()) wire.then((one) => one.close()).catch(() => {});
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}
