/**
 * How a side finds its nodes. Each kind of side has one way: a fixed address or a name that may move (one-server.ts),
 * sentinels (sentinel.ts), a Cluster's own map (cluster.ts).
 */

import type { Shard } from '../../topology/cluster-views.js';
import type { ServerNode } from '../server-node.js';
import type { TlsOptions } from '../tls.js';

/** The slots of a Cluster that are on their way from one master to another, and the masters that say so. */
export type MovingSlots = ReadonlyMap<number, readonly ServerNode[]>;

export const NOTHING_MOVES: MovingSlots = new Map();

export interface Discovery {
  /** First contact. Throws when nobody answers. */
  connect(): Promise<void>;
  /** Looks now, whatever it looked like before; never rejects. Null: somebody who serves something did not answer. */
  look(): Promise<MovingSlots | null>;
  /** Were slots on their way when each master was last asked? */
  readonly hasMovingSlots: boolean;
  /** What is known may be old: find out soon. One look at a time. */
  doubt(reason: string): void;
  close(): void;
}

/** What a discovery needs of its side. */
export interface DiscoveredSide {
  /** The TLS files of everything that belongs to the side. */
  readonly tls: TlsOptions;
  /** The node at that address, made if it is not known yet. */
  node(host: string, port: number): ServerNode;
  /** The masters that answer now. */
  liveNodes(): ServerNode[];
  /** From now on these serve the side. */
  apply(shards: readonly Shard[]): void;
  /** True: another server is about to take over, so nothing more is sent until false. What was sent is answered. */
  hold(isHeld: boolean): void;
  /** Nobody is there who would tell of a failover, and why; '': somebody is. */
  blind(reason: string): void;
}
