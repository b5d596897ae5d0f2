/**
 * The one node of the Cluster that clients see: Ferry, at the address where this client can reach it.
 *
 *   announce is set   that address, as text: like cluster-announce-ip it may be a name
 *   TCP               the local address and port of the client's own connection
 *   unix socket       127.0.0.1 and the port of the configuration
 *
 * Its ids are the same in every phase and after every restart: clients compare them to find out what has changed.
 */
import { createHash } from 'node:crypto';
import type { Config, Endpoint } from '../../config/config.js';
import type { Sides } from './presents.js';

export interface ClusterNode {
  /** 40 hexadecimal digits each. */
  readonly id: string;
  readonly shardId: string;
  readonly host: string;
  readonly port: number;
  /** The port is one for TLS. */
  readonly isTls: boolean;
  readonly epoch: number;
}

/** What of a switchboard decides how the node looks. */
export interface ClusterView extends Sides {
  readonly source: { readonly endpoint: Pick<Endpoint, 'kind' | 'url'> };
  readonly target: { readonly endpoint: Pick<Endpoint, 'kind' | 'url'> };
  readonly config: Pick<Config, 'announce' | 'listen' | 'tls'>;
  readonly epoch: number;
}

/** `localAddress` as CLIENT INFO shows it (laddr): `127.0.0.1:6380`, `[::1]:6380` or `unix:0`. */
export function nodeSeenFrom(localAddress: string, view: ClusterView): ClusterNode {
  const { source, target, config, epoch } = view;
  const migration = `${source.endpoint.url} → ${target.endpoint.url}`;
  return {
    id: sha1(migration),
    shardId: sha1(`shard of ${migration}`),
    ...(config.announce ?? reachedAt(localAddress, config.listen.port)),
    isTls: config.tls !== null,
    epoch,
  };
}

function reachedAt(localAddress: string, listenPort: number): { host: string; port: number } {
  const colon = localAddress.lastIndexOf(':');
  const host = localAddress.slice(0, colon);
  if (host === 'unix') return { host: '127.0.0.1', port: listenPort };
  return { host: plainHost(host), port: Number(localAddress.slice(colon + 1)) };
}

/** Without brackets; an IPv4 address that a socket for both families shows as `::ffff:10.0.0.1` is what it was. */
function plainHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:(?=\d+\.)/i, '');
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
