/**
 * A Redis read directly, by whoever judges what it holds: one server (`redis://host:port`), or a Cluster of which every
 * master is read (`redis+cluster://host:port,host:port`, any of its nodes).
 *
 * Which node has a key is for ioredis to know, and for the nodes, which answer MOVED if it is wrong; Ferry has no say.
 */
import { Cluster, Redis } from 'ioredis';

export type Direct = Redis | Cluster;
export type DirectCommand = readonly [name: string, ...args: (Buffer | string)[]];
/** as ioredis' pipelines have it */
export type DirectReply = [error: Error | null, reply: unknown];

const CLUSTER_SCHEME = 'redis+cluster://';
const OPTIONS = { protocol: 2, maxRetriesPerRequest: 2 } as const;

export function isCluster(url: string): boolean {
  return url.startsWith(CLUSTER_SCHEME);
}

/** `db` is for one server; a Cluster has no other than 0. */
export async function openDirectly(url: string, db = 0): Promise<Direct> {
  if (!isCluster(url)) return new Redis(url, { ...OPTIONS, db });
  const nodes = url.slice(CLUSTER_SCHEME.length).split(',');
  const cluster = new Cluster(
    nodes.map((node) => `redis://${node}`),
    { redisOptions: OPTIONS, lazyConnect: true },
  );
  await cluster.connect();
  return cluster;
}

/** The servers that have keys of their own. */
export function mastersOf(direct: Direct): Redis[] {
  return direct instanceof Redis ? [direct] : direct.nodes('master');
}

/** All at once, each on the node that has its key; strings in the replies are text, or Buffers. */
export async function askDirectly(
  direct: Direct,
  commands: readonly DirectCommand[],
  as: 'text' | 'bytes',
): Promise<DirectReply[]> {
  const call = as === 'text' ? 'call' : 'callBuffer';
  if (direct instanceof Redis) {
    const pipeline = direct.pipeline();
    for (const [name, ...args] of commands) pipeline[call](name, ...args);
    return (await pipeline.exec()) ?? [];
  }
  return Promise.all(
    commands.map(([name, ...args]) =>
      direct[call](name, ...args).then(
        (reply): DirectReply => [null, reply],
        (error: Error): DirectReply => [error, null],
      ),
    ),
  );
}
