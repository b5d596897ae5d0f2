/**
 * Whether clients see a Cluster.
 *
 * While either side is one, its clients speak to Ferry as to a Cluster, before the cutover and after: which of the two
 * sides has the authority must not show. Between two sides that are none, nothing changes.
 */
import type { Endpoint } from '../../config/config.js';

/** Of a switchboard: the kinds of its two sides. */
export interface Sides {
  readonly source: { readonly endpoint: Pick<Endpoint, 'kind'> };
  readonly target: { readonly endpoint: Pick<Endpoint, 'kind'> };
}

export function presentsCluster({ source, target }: Sides): boolean {
  return source.endpoint.kind === 'cluster' || target.endpoint.kind === 'cluster';
}

/** Redis' name for how it runs: `mode` of HELLO. */
export function modeOf(sides: Sides): 'cluster' | 'standalone' {
  return presentsCluster(sides) ? 'cluster' : 'standalone';
}
