/**
 * A real Sentinel deployment for tests: a master, a replica of it unless told otherwise, and three Sentinels that
 * watch them (quorum 2) and replace a master within a few seconds.
 *
 * `startSentinels` resolves when every Sentinel knows both others and every replica, and the replicas' links are up:
 * from then on a killed master is replaced. It takes about 2 seconds, since Sentinels greet each other that often.
 *
 * A killed data node that is started again is what it was at first (the first one: an empty master), until the
 * Sentinels make it a replica, which takes them some 10 seconds.
 */
import { fileURLToPath } from 'node:url';
import { freeClusterPort } from '../../src/cli/demo/cluster-ports.js';
import { list, text } from '../integration/journey/wire.js';
import { eventually } from './eventually.js';
import { infoField, NodeWires } from './node-wires.js';
import { type RedisServer, startRedis } from './redis.js';

export interface SentinelOptions {
  /** default 1 */
  readonly replicas?: number;
  /** of the default user of the data nodes; the Sentinels and replicas know it */
  readonly password?: string;
  /** of the default user of the Sentinels, which they tell each other */
  readonly sentinelPassword?: string;
  /** data nodes and Sentinels reach each other over TLS and ask everybody for a certificate; they answer plain questions too */
  readonly tls?: boolean;
  /** extra arguments of every data node */
  readonly args?: readonly string[];
  /** silence after which a Sentinel takes a node for down; default 800 */
  readonly downAfterMs?: number;
  /** default 3000; after a failed failover the next one waits twice as long */
  readonly failoverTimeoutMs?: number;
}

const tlsFile = (name: string): string => fileURLToPath(new URL(`./tls/${name}`, import.meta.url));
const TLS_ARGS: readonly string[] = [
  ...['--tls-cert-file', tlsFile('server.crt'), '--tls-key-file', tlsFile('server.key')],
  ...['--tls-ca-cert-file', tlsFile('ca.crt'), '--tls-replication', 'yes'],
];

export const MASTER_NAME = 'mymaster';

const SENTINELS = 3;
const QUORUM = 2;
const START_MS = 30_000;
const FAILOVER_MS = 40_000;

export async function startSentinels(options: SentinelOptions = {}): Promise<SentinelDeployment> {
  const login = options.password === undefined ? [] : ['--requirepass', options.password];
  if (options.password !== undefined) login.push('--masterauth', options.password);
  const args = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', '--shutdown-timeout', '0'];
  args.push(...login, ...(options.args ?? []));
  const started: RedisServer[] = [];
  const tlsPorts = new Map<RedisServer, number>();
  const portOf = (server: RedisServer): number => tlsPorts.get(server) ?? server.port;
  const start = async (more: Parameters<typeof startRedis>[0]): Promise<RedisServer> => {
    // not one that an outgoing connection may have taken by the time a killed node is started again
    const port = await freeClusterPort();
    const tlsPort = options.tls === true ? await freeClusterPort() : null;
    const secured = tlsPort === null ? [] : [...TLS_ARGS, '--tls-port', String(tlsPort)];
    const server = await startRedis({ port, ...more, args: [...(more?.args ?? []), ...secured] });
    started.push(server);
    if (tlsPort !== null) tlsPorts.set(server, tlsPort);
    return server;
  };
  try {
    const master = await start({ args });
    const replicas: RedisServer[] = [];
    for (let i = 0; i < (options.replicas ?? 1); i++) {
      replicas.push(await start({ args: [...args, '--replicaof', '127.0.0.1', String(portOf(master))] }));
    }
    const data = new NodeWires(options.password);
    // a Sentinel that finds no replica at first asks for them again only after 10 seconds
    await eventually('the replicas', START_MS, async () => {
      const info = await data.askText(master.port, 'INFO', 'replication');
      return (info.match(/^slave\d+:.*state=online/gm) ?? []).length === replicas.length ? '' : 'links';
    });
    const sentinels: RedisServer[] = [];
    const config = sentinelConfig(portOf(master), options);
    for (let i = 0; i < SENTINELS; i++) sentinels.push(await start({ config, args: ['--sentinel'] }));
    const wires = { data, sentinels: new NodeWires(options.sentinelPassword) };
    const deployment = new SentinelDeployment([master, ...replicas], sentinels, wires, options.password, portOf);
    await deployment.acquainted();
    return deployment;
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()));
    throw error;
  }
}

function sentinelConfig(masterPort: number, options: SentinelOptions): string[] {
  const lines = [
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${options.downAfterMs ?? 800}`,
    `sentinel failover-timeout ${MASTER_NAME} ${options.failoverTimeoutMs ?? 3000}`,
  ];
  const { password, sentinelPassword } = options;
  if (password !== undefined) lines.push(`sentinel auth-pass ${MASTER_NAME} ${JSON.stringify(password)}`);
  if (sentinelPassword !== undefined) {
    const quoted = JSON.stringify(sentinelPassword);
    lines.push(`requirepass ${quoted}`, `sentinel sentinel-pass ${quoted}`);
  }
  return lines;
}

export class SentinelDeployment {
  constructor(
    /** the data nodes: first the one that was the master at the start */
    readonly nodes: readonly RedisServer[],
    readonly sentinels: readonly RedisServer[],
    private readonly wires: { readonly data: NodeWires; readonly sentinels: NodeWires },
    private readonly password: string | undefined,
    /** the port by which a server is known to the others, and to clients */
    private readonly portOf: (server: RedisServer) => number,
  ) {}

  /** Of the Sentinels, for clients. */
  get addresses(): string {
    return this.sentinels.map((sentinel) => `127.0.0.1:${this.portOf(sentinel)}`).join();
  }

  /** redis+sentinel://, with the password of the data nodes if there is one */
  get url(): string {
    const login = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`;
    return `redis+sentinel://${login}${this.addresses}/${MASTER_NAME}`;
  }

  /** The node that the first Sentinel names. */
  async master(): Promise<RedisServer> {
    const port = await this.namedBy(this.sentinels[0]!);
    const found = this.nodes.find((node) => this.portOf(node) === port);
    if (found === undefined) throw new Error(`the Sentinels name port ${port}, which is none of ours`);
    return found;
  }

  /** SIGKILL; the node that it was. */
  async killMaster(): Promise<RedisServer> {
    const master = await this.master();
    master.kill();
    return master;
  }

  /** A failover without need (SENTINEL FAILOVER): the new master, once all know. It begins when its replicas are one. */
  async failover(): Promise<RedisServer> {
    await this.replicated();
    const port = this.portOf(await this.master());
    // a Sentinel knows of a replica what it was told up to ten seconds ago: perhaps that it had not got the data yet
    await eventually('a replica that may be promoted', FAILOVER_MS, async () => {
      try {
        await this.wires.sentinels.ask(this.sentinels[0]!.port, 'SENTINEL', 'FAILOVER', MASTER_NAME);
      } catch (error) {
        if (/NOGOODSLAVE/.test((error as Error).message)) return (error as Error).message;
        throw error;
      }
      return '';
    });
    return this.promoted(port);
  }

  /**
   * Resolves to the new master when all Sentinels name the same one, not `oldPort` (as clients know it), it is a master itself, and the
   * failover is over: until then, which is later than clients hear of the new master, there can be no other.
   */
  async promoted(oldPort: number): Promise<RedisServer> {
    await eventually(`the replacement of ${oldPort}`, FAILOVER_MS, async () => {
      const ports = await Promise.all(this.sentinels.map((sentinel) => this.namedBy(sentinel)));
      if (ports.includes(oldPort) || new Set(ports).size !== 1) return `another master than ${ports.join()}`;
      for (const sentinel of this.sentinels) {
        const flags = (await this.watched(sentinel))('flags');
        if (flags !== 'master') return `the end of ${flags}`;
      }
      const [role] = list(await this.wires.data.ask((await this.master()).port, 'ROLE'));
      return text(role) === 'master' ? '' : `the mastership of ${ports[0]}, which is a ${text(role)}`;
    });
    return this.master();
  }

  /** Every node but the master follows: a Sentinel also promotes one that has not got the data yet. */
  private async replicated(): Promise<void> {
    await eventually('the replication', FAILOVER_MS, async () => {
      const links = this.nodes.map(async ({ port }) =>
        infoField(await this.wires.data.askText(port, 'INFO', 'replication'), 'master_link_status'),
      );
      const up = (await Promise.all(links)).filter((link) => link === 'up').length;
      return up === this.nodes.length - 1 ? '' : 'a link';
    });
  }

  /** Once, by startSentinels: they know each other and the replicas. */
  async acquainted(): Promise<void> {
    const others = String(SENTINELS - 1);
    const replicas = String(this.nodes.length - 1);
    await eventually('the acquaintance of the Sentinels', START_MS, async () => {
      for (const sentinel of this.sentinels) {
        const field = await this.watched(sentinel);
        if (field('num-other-sentinels') !== others) return `the others, of ${field('num-other-sentinels')}`;
        if (field('num-slaves') !== replicas) return `the replicas, of ${field('num-slaves')}`;
        if (field('flags') !== 'master') return `a master that is not ${field('flags')}`;
      }
      const links = this.nodes.map(async ({ port }) =>
        infoField(await this.wires.data.askText(port, 'INFO', 'replication'), 'master_link_status'),
      );
      return (await Promise.all(links)).includes('down') ? 'a link' : '';
    });
  }

  async stop(): Promise<void> {
    this.wires.data.close();
    this.wires.sentinels.close();
    // the Sentinels first: else they see a master fail
    await Promise.all(this.sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** The fields of SENTINEL MASTER. */
  private async watched(sentinel: RedisServer): Promise<(name: string) => string> {
    const flat = list(await this.wires.sentinels.ask(sentinel.port, 'SENTINEL', 'MASTER', MASTER_NAME)).map(text);
    return (name) => flat[flat.indexOf(name) + 1] ?? '';
  }

  private async namedBy(sentinel: RedisServer): Promise<number> {
    const ask = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME];
    const [, port] = list(await this.wires.sentinels.ask(sentinel.port, ...ask));
    return Number(text(port));
  }
}
