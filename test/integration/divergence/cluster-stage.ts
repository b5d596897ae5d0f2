/**
 * The stage of the divergence tests where one side is a Cluster, and the other one a server:
 *
 *   client ── Ferry ──┬── relays ── the Cluster's nodes      (the source, or the target)
 *                     └── relay ─── server                   (the other one)
 *
 * As in scenario.ts: the relays make each unlucky moment last, rules are switched off in the running Ferry's parts, and in
 * the end both sides must hold the same, read by code that is not Ferry's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ferry, startFerry } from '../../../src/app.js';
import { type ConfigOverrides, defaultConfig, type PhaseName } from '../../../src/config/config.js';
import type { Migration } from '../../../src/jobs/migration.js';
import type { Upstream } from '../../../src/lanes/upstream.js';
import type { Switchboard, TestHooks } from '../../../src/routing/switchboard.js';
import { keySlot } from '../../../src/topology/crc16.js';
import type { ClusterNode } from '../../support/cluster.js';
import { differencesBetweenDeployments } from '../../support/deployments.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Relay } from '../../support/relay.js';
import { RelayedCluster } from '../../support/relayed-cluster.js';
import { Wire } from '../write-commands/wire.js';
import { pause } from './scenario.js';

const PATIENCE_MS = 30_000;

export interface ClusterServers {
  readonly cluster: RelayedCluster;
  readonly server: RedisServer;
}

export async function startClusterServers(): Promise<ClusterServers> {
  const [cluster, server] = await Promise.all([RelayedCluster.start(), startRedis()]);
  return { cluster, server };
}

export async function stopClusterServers({ cluster, server }: ClusterServers): Promise<void> {
  await Promise.all([cluster.stop(), server.stop()]);
}

export interface ClusterStageOptions {
  /** Which side the Cluster is. */
  readonly cluster: 'source' | 'target';
  readonly phase?: PhaseName;
  readonly hooks?: TestHooks;
  readonly config?: ConfigOverrides;
  /** What the sides hold before Ferry starts. */
  readonly onSource?: readonly (readonly (string | number)[])[];
  readonly onTarget?: readonly (readonly (string | number)[])[];
}

export class ClusterStage {
  private readonly clients: Wire[] = [];

  private constructor(
    readonly servers: ClusterServers,
    readonly options: ClusterStageOptions,
    /** In front of the server. */
    readonly relay: Relay,
    readonly direct: Wire,
    readonly ferry: Ferry,
    private readonly stateDir: string,
  ) {}

  /** On emptied servers. */
  static async start(servers: ClusterServers, options: ClusterStageOptions): Promise<ClusterStage> {
    const { cluster, server } = servers;
    await cluster.renewRelays();
    const [relay, direct] = await Promise.all([Relay.to(server.port), Wire.open(server.port)]);
    await Promise.all([cluster.askAll('FLUSHALL'), direct.send('FLUSHALL')]);
    const [onCluster, onServer] =
      options.cluster === 'source' ? [options.onSource, options.onTarget] : [options.onTarget, options.onSource];
    for (const args of onServer ?? []) await direct.send(...args);
    for (const args of onCluster ?? []) {
      await cluster.ask(await cluster.cluster.ownerOf(slotOf(String(args[1]))), ...args);
    }
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-divergence-'));
    const [source, target] = options.cluster === 'source' ? [cluster.url, relay.url] : [relay.url, cluster.url];
    const anywhere = { host: '127.0.0.1', port: 0 };
    const config = defaultConfig({
      ...options.config,
      ...{ source, target, listen: anywhere, admin: anywhere, stateDir },
      phase: options.phase ?? 'dual-write',
      logLevel: 'silent',
    });
    const ferry = await startFerry(config, { hooks: options.hooks ?? {} });
    const stage = new ClusterStage(servers, options, relay, direct, ferry, stateDir);
    await stage.until('the mirror is connected', () => stage.board.mirror?.lane.isUp === true);
    return stage;
  }

  async client(): Promise<Wire> {
    const wire = await Wire.open(this.ferry.port);
    this.clients.push(wire);
    return wire;
  }

  // ── the parts of the running Ferry

  get migration(): Migration {
    return (this.ferry.control as unknown as { parts: { migration: Migration } }).parts.migration;
  }

  get board(): Switchboard {
    return this.migration.board;
  }

  /** The side that is the Cluster. */
  get side(): Upstream {
    return this.board[this.options.cluster];
  }

  // ── the Cluster

  get cluster(): RelayedCluster {
    return this.servers.cluster;
  }

  relayOf(node: ClusterNode): Relay {
    return this.cluster.relayOf(node);
  }

  /** Does Ferry know that the slot is this node's? */
  knowsOwner(slot: number, node: ClusterNode): boolean {
    return this.side.nodeOf(slot).address.port === this.relayOf(node).port;
  }

  // ── waiting

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!(await condition())) {
      if (performance.now() > deadlineMs) {
        throw new Error(`${what}: not within ${PATIENCE_MS} ms\n${JSON.stringify(this.ferry.control.status().mirror)}`);
      }
      await pause(2);
    }
  }

  /** Nothing is on its way to the mirror, nothing waits to be copied, no job runs, and it stays so. */
  async settled(): Promise<void> {
    for (let calm = 0; calm < 3; calm++) {
      await this.until('the mirror has caught up', () => {
        if (this.isSettled) return true;
        calm = 0;
        return false;
      });
      await pause(10);
    }
  }

  private get isSettled(): boolean {
    const { mirror, backfill, verify } = this.ferry.control.status();
    const { ledger } = this.board;
    const left = mirror.backlogOps + mirror.dirtyKeys + mirror.dirtySlots + mirror.uncertain;
    if (left + ledger.openTotal + this.board.mirror!.copies.active > 0) return false;
    return this.board.mirror!.lane.isUp && backfill.state !== 'running' && verify.state !== 'running';
  }

  /** How the two sides differ, key by key, when nothing is on its way. */
  async outcome(): Promise<string[]> {
    await this.settled();
    const { cluster, server } = this.servers;
    const masters = (await cluster.cluster.masters()).map(({ node }) => node.port);
    return (await differencesBetweenDeployments(masters, [server.port])).sort();
  }

  async stop(): Promise<void> {
    this.cluster.releaseAll();
    this.relay.releaseAll();
    for (const client of this.clients) client.close();
    await this.ferry.stop();
    this.direct.close();
    await this.relay.close();
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

export function slotOf(key: string): number {
  const bytes = Buffer.from(key);
  return keySlot(bytes, 0, bytes.length);
}
