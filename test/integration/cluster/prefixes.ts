/**
 * What the tests of several databases on a Cluster have in common: small deployments, a place that closes what it was
 * given to keep, and the judge's word on a side whose databases are behind prefixes.
 */
import { expect } from 'vitest';
import type { ConfigOverrides } from '../../../src/config/config.js';
import { startCluster } from '../../support/cluster.js';
import { startRedis } from '../../support/redis.js';
import { text, Wire } from '../journey/wire.js';
import { difference, type KeyState, MISPLACED, stateOf } from '../write-commands/state.js';
import type { Deployment } from './deployment.js';
import { Voyage } from './voyage.js';

/** Three masters, without replicas unless something is to fail over. */
export async function cluster(replicasPerMaster = 0): Promise<Deployment> {
  const started = await startCluster({ replicasPerMaster });
  return {
    kind: 'cluster',
    url: started.url,
    ports: async () => (await started.masters()).map(({ node }) => node.port),
    cluster: started,
    sentinels: null,
    stop: () => started.stop(),
  };
}

export async function standalone(db = 0, args: string[] = []): Promise<Deployment> {
  const server = await startRedis({ args });
  return {
    kind: 'standalone',
    url: `redis://127.0.0.1:${server.port}/${db}`,
    ports: async () => [server.port],
    cluster: null,
    sentinels: null,
    stop: () => server.stop(),
  };
}

export class Harbour {
  private kept: { close(): Promise<void> | void }[] = [];

  keep(one: { close(): Promise<void> | void }): void {
    this.kept.push(one);
  }

  /** The last first. */
  async close(): Promise<void> {
    for (const one of this.kept.splice(0).reverse()) await one.close();
  }

  async between(source: Deployment, target: Deployment, config: ConfigOverrides = {}): Promise<Voyage> {
    const voyage = await Voyage.between(source, target, config);
    this.keep(voyage);
    return voyage;
  }

  async wire(port: number, db = 0): Promise<Wire> {
    const wire = await Wire.open(port);
    this.keep(wire);
    if (db !== 0) expect(text(await wire.send('SELECT', db))).toBe('OK');
    return wire;
  }
}

type Prefixes = Readonly<Record<number, string>>;
export type Side = readonly [deployment: Pick<Deployment, 'ports'>, prefixes: Prefixes];

const TTL_TOLERANCE_MS = 1000;

/** One line per key that differs, where a side may have databases behind prefixes. Both must be at rest. */
export async function differencesBehindPrefixes(a: Side, b: Side): Promise<string[]> {
  const lines: string[] = [];
  const [here, there] = await Promise.all([keysOf(a, lines), keysOf(b, lines)]);
  for (const key of new Set([...here.keys(), ...there.keys()])) {
    const why = difference(here.get(key), there.get(key), TTL_TOLERANCE_MS);
    if (why !== '') lines.push(`${key}: ${why}`);
  }
  return lines;
}

async function keysOf([deployment, prefixes]: Side, lines: string[]): Promise<Map<string, KeyState>> {
  const all = new Map<string, KeyState>();
  for (const port of await deployment.ports()) {
    const wire = await Wire.open(port);
    for (const [name, state] of (await stateOf(wire)).keys) {
      if (state.type === MISPLACED) lines.push(`${name}: lies on a node that does not own its slot`);
      else all.set(logicalName(name, prefixes), state);
    }
    wire.close();
  }
  return all;
}

/** "0 db1:key" → "1 key" */
function logicalName(name: string, prefixes: Prefixes): string {
  const key = name.slice(name.indexOf(' ') + 1);
  const found = Object.entries(prefixes).find(([, prefix]) => key.startsWith(prefix));
  return found === undefined ? name : `${found[0]} ${key.slice(found[1].length)}`;
}
