/**
 * A side of a migration in tests: one server, a Cluster, or a server and its replica under Sentinels. What all of them
 * have in common: an address for Ferry, and the ports of those that hold the data now.
 */
import { type Cluster, startCluster } from '../../support/cluster.js';
import { startRedis } from '../../support/redis.js';
import { type SentinelDeployment, startSentinels } from '../../support/sentinel.js';
import { Wire } from '../journey/wire.js';

export type Kind = 'standalone' | 'cluster' | 'sentinel';

export interface Deployment {
  readonly kind: Kind;
  readonly url: string;
  /** Of the masters. */
  ports(): Promise<number[]>;
  /** Connections to them, where a port of 127.0.0.1 without a login is not enough. */
  wires?(): Promise<Wire[]>;
  readonly cluster: Cluster | null;
  readonly sentinels: SentinelDeployment | null;
  stop(): Promise<void>;
}

export async function deploy(kind: Kind): Promise<Deployment> {
  switch (kind) {
    case 'standalone': {
      const server = await startRedis();
      return {
        kind,
        url: server.url,
        ports: async () => [server.port],
        cluster: null,
        sentinels: null,
        stop: () => server.stop(),
      };
    }
    case 'cluster': {
      const cluster = await startCluster();
      return {
        kind,
        url: cluster.url,
        ports: async () => (await cluster.masters()).map(({ node }) => node.port),
        cluster,
        sentinels: null,
        stop: () => cluster.stop(),
      };
    }
    case 'sentinel': {
      // two, so that a master may be killed twice
      const sentinels = await startSentinels({ replicas: 2 });
      return {
        kind,
        url: sentinels.url,
        ports: async () => [(await sentinels.master()).port],
        cluster: null,
        sentinels,
        stop: () => sentinels.stop(),
      };
    }
  }
}

/** A connection to each master, opened for the caller, who closes it. */
export async function wiresOf(deployment: Deployment): Promise<Wire[]> {
  if (deployment.wires !== undefined) return deployment.wires();
  return Promise.all((await deployment.ports()).map((port) => Wire.open(port)));
}
