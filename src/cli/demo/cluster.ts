/**
 * The Redis Cluster of the demo: 3 masters and a replica of each unless told otherwise, on free loopback ports, without
 * persistence.
 *
 * `crash` kills a master as a crash would; `recover` resolves when its replica has taken its slots and the others agree.
 */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ChildEnded } from './child.js';
import type { Cleanup } from './cleanup.js';
import {
  type Ask,
  introduce,
  type Member,
  memberArgs,
  replicate,
  strangers,
  unrest,
  viewOf,
} from './cluster-formation.js';
import { freeClusterPort } from './cluster-ports.js';
import { RedisProcess } from './redis.js';
import type { Target } from './target.js';
import { until } from './waiting.js';

const MASTERS = 3;
/** Redis' default: a node of a busy machine is not taken for dead, and replaced by one that lacks the last writes */
const NODE_TIMEOUT_MS = 15_000;
/** while one is known to be dead, and the others are to find out soon */
const IMPATIENT_TIMEOUT_MS = 2000;
const SETTLE_TIMEOUT_MS = 30_000;
const PORT_ATTEMPTS = 5;

interface Node extends Member {
  readonly server: RedisProcess;
}

export class ClusterProcess implements Target {
  readonly kind = 'cluster';
  /** with all nodes */
  readonly url: string;
  /** rejects when a node ends by itself */
  readonly ended: Promise<never>;
  private killed: Node | null = null;

  private constructor(private readonly nodes: readonly Node[]) {
    this.url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join()}`;
    this.ended = Promise.race(nodes.map(({ server }) => server.ended));
    this.ended.catch(() => {}); // whoever awaits it gets it; nobody has to
  }

  /** Resolves when it takes writes and every replica follows its master. */
  static start(binary: string, dir: string, cleanup: Cleanup, replicasPerMaster = 1): Promise<ClusterProcess> {
    return asking(async (ask) => {
      const nodes: Node[] = [];
      for (let i = 1; i <= MASTERS * (1 + replicasPerMaster); i++) {
        const server = await startNode(`node ${i} of the Cluster`, binary, join(dir, String(i)), cleanup);
        nodes.push({ server, port: server.port, nodeId: await ask(server.port, 'CLUSTER', 'MYID') });
      }
      await introduce(nodes, MASTERS, ask);
      await settled('the meeting of the nodes', () => strangers(nodes, ask));
      await replicate(nodes, MASTERS, ask);
      await settled('a Cluster in which all agree', () => unrest(nodes, ask));
      return new ClusterProcess(nodes);
    });
  }

  get place(): string {
    return `a Cluster on ports ${this.nodes.map(({ port }) => port).join(', ')}`;
  }

  crash(): string {
    this.killed = this.nodes[0]!;
    this.killed.server.kill();
    return `the master on port ${this.killed.port} is killed (SIGKILL), and its replica must take its place`;
  }

  recover(): Promise<string> {
    const survivors = this.nodes.filter((node) => node !== this.killed);
    return asking(async (ask) => {
      const giveUpAfter = (timeoutMs: number): Promise<string[]> =>
        Promise.all(survivors.map(({ port }) => ask(port, 'CONFIG', 'SET', 'cluster-node-timeout', timeoutMs)));
      await giveUpAfter(IMPATIENT_TIMEOUT_MS);
      await settled('the promotion of the replica', async () => {
        const lines = await viewOf(survivors[0]!.port, ask);
        const dead = lines.find(({ id }) => id === this.killed?.nodeId);
        return dead !== undefined && dead.slots.length > 0 ? 'a new owner of its slots' : unrest(survivors, ask);
      });
      await giveUpAfter(NODE_TIMEOUT_MS);
      return `the replica on port ${this.nodes[MASTERS]!.port} is a master now`;
    });
  }
}

/** On another port if somebody else was quicker to take this one. */
async function startNode(name: string, binary: string, dir: string, cleanup: Cleanup): Promise<RedisProcess> {
  for (let attempt = 1; ; attempt++) {
    const options = { port: await freeClusterPort(), args: memberArgs(NODE_TIMEOUT_MS) };
    try {
      return await RedisProcess.start(name, binary, dir, cleanup, options);
    } catch (error) {
      if (!(error instanceof ChildEnded) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function settled(what: string, missing: () => Promise<string>): Promise<void> {
  await until(what, SETTLE_TIMEOUT_MS, async () => (await missing()) === '');
}

/** With one connection to each node that is asked, for as long as `work` takes; a lost one is an error. */
async function asking<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
  const connections = new Map<number, Redis>();
  const ask: Ask = async (port, ...command) => {
    let redis = connections.get(port);
    if (redis === undefined) {
      redis = new Redis(port, '127.0.0.1', { protocol: 2, retryStrategy: () => null });
      redis.on('error', () => {}); // the command is rejected
      connections.set(port, redis);
    }
    const [name = '', ...args] = command;
    return String(await redis.call(String(name), ...args));
  };
  try {
    return await work(ask);
  } finally {
    for (const redis of connections.values()) redis.disconnect();
  }
}
