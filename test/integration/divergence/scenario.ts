/**
 * The stage of the divergence tests: two real servers, a relay in front of each, a Ferry between the relays.
 *
 *   client ── Ferry ──┬── relay ── source
 *                     └── relay ── target
 *
 * What a test asserts at the end is always the same: once nothing is on its way any more, both servers hold the same
 * values and deadlines, read from the servers themselves by code that is not Ferry's. Where a test switches a rule off, it
 * does so in the running Ferry's parts (`board`), to show that the fault which the rule prevents is real.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ferry, startFerry } from '../../../src/app.js';
import { type ConfigOverrides, defaultConfig, type PhaseName } from '../../../src/config/config.js';
import type { Migration } from '../../../src/jobs/migration.js';
import type { Mirror } from '../../../src/mirror/mirror.js';
import type { Switchboard, TestHooks } from '../../../src/routing/switchboard.js';
import type { Session } from '../../../src/sessions/session.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Relay } from '../../support/relay.js';
import { difference, stateOf } from '../write-commands/state.js';
import { Wire, type WireReply } from '../write-commands/wire.js';

const PATIENCE_MS = 15_000;
/** Ferry turns relative deadlines into absolute ones by a clock that it sampled. */
const DEADLINE_TOLERANCE_MS = 100;
/** Known on both servers, so that a client that logs in has lanes of its own. */
export const USERS = ['ann', 'bob'] as const;
export type User = (typeof USERS)[number];
const PASSWORD = 'secret';

export interface Servers {
  readonly source: RedisServer;
  readonly target: RedisServer;
}

export async function startServers(): Promise<Servers> {
  const [source, target] = await Promise.all([startRedis(), startRedis()]);
  return { source, target };
}

export async function stopServers({ source, target }: Servers): Promise<void> {
  await Promise.all([source.stop(), target.stop()]);
}

/** One side: the server itself, the relay that Ferry sees, and a connection beside Ferry. */
interface Side {
  readonly server: RedisServer;
  readonly relay: Relay;
  direct: Wire;
}

export interface ScenarioOptions {
  readonly phase?: PhaseName;
  readonly hooks?: TestHooks;
  readonly config?: ConfigOverrides;
  /** What the source holds before Ferry starts: the mirror knows nothing of it. */
  readonly before?: readonly (readonly (string | number)[])[];
}

export class Scenario {
  private readonly clients: Wire[] = [];

  private constructor(
    readonly source: Side,
    readonly target: Side,
    readonly ferry: Ferry,
    private readonly stateDir: string,
  ) {}

  /** On emptied servers. */
  static async start(servers: Servers, options: ScenarioOptions = {}): Promise<Scenario> {
    const [source, target] = await Promise.all([openSide(servers.source), openSide(servers.target)]);
    for (const args of options.before ?? []) await source.direct.send(...args);
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-divergence-'));
    const config = defaultConfig({
      ...options.config,
      source: source.relay.url,
      target: target.relay.url,
      listen: { host: '127.0.0.1', port: 0 },
      admin: { host: '127.0.0.1', port: 0 },
      stateDir,
      phase: options.phase ?? 'dual-write',
      logLevel: 'silent',
    });
    const ferry = await startFerry(config, { hooks: options.hooks ?? {} });
    const scenario = new Scenario(source, target, ferry, stateDir);
    await scenario.until('the mirror is connected', () => scenario.mirror.lane.isUp);
    return scenario;
  }

  /** A client of Ferry; with a user it has lanes of its own, and their connections are labelled `client/<user>`. */
  async client(user?: User): Promise<Wire> {
    const wire = await Wire.open(this.ferry.port);
    this.clients.push(wire);
    if (user !== undefined) {
      await wire.send('AUTH', user, PASSWORD);
      await wire.send('PING');
    }
    return wire;
  }

  // ── the parts of the running Ferry, for switching rules off and for marks that later issues will make

  get migration(): Migration {
    return (this.ferry.control as unknown as { parts: { migration: Migration } }).parts.migration;
  }

  get board(): Switchboard {
    return this.migration.board;
  }

  get mirror(): Mirror {
    const { mirror } = this.board;
    if (mirror === null) throw new Error('there is no mirror');
    return mirror;
  }

  /** The sessions of the clients that are connected now. */
  get sessions(): Session[] {
    return [...this.board.gated] as Session[];
  }

  // ── waiting

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!condition()) {
      if (performance.now() > deadlineMs) {
        throw new Error(`${what}: not within ${PATIENCE_MS} ms\n${JSON.stringify(this.ferry.control.status().mirror)}`);
      }
      await pause(1);
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
    if (left + ledger.openTotal + this.mirror.copies.active > 0) return false;
    return this.mirror.lane.isUp && backfill.state !== 'running' && verify.state !== 'running';
  }

  async backfilled(): Promise<void> {
    await this.ferry.control.backfill('start');
    await this.settled();
    if (this.ferry.control.status().backfill.state !== 'done') throw new Error('the backfill did not end well');
  }

  /** Runs a verification; true when it found nothing. */
  async verified(repair = false): Promise<boolean> {
    await this.ferry.control.verify({ repair });
    await this.settled();
    return this.ferry.control.status().verify.clean === true;
  }

  /** Stops the target and starts it empty. `whileDown` runs in between. Resolves when the mirror is connected again. */
  async restartTarget(whileDown: () => void = () => {}): Promise<void> {
    const { target } = this;
    const before = target.relay.connections.length;
    target.direct.close();
    await target.server.restart();
    whileDown();
    await prepare((target.direct = await Wire.open(target.server.port)));
    await this.until('another connection of the mirror', () => {
      const isNew = target.relay.connections.slice(before).some(({ label, isOpen }) => isOpen && label === 'mirror');
      return isNew && this.mirror.lane.isUp;
    });
  }

  // ── the verdict

  /** How the two servers differ, key by key; [] is what every test wants. */
  async differences(): Promise<string[]> {
    const [source, target] = await Promise.all([stateOf(this.source.direct), stateOf(this.target.direct)]);
    const names = new Set([...source.keys.keys(), ...target.keys.keys()]);
    return [...names].sort().flatMap((name) => {
      const found = difference(source.keys.get(name), target.keys.get(name), DEADLINE_TOLERANCE_MS);
      return found === '' ? [] : [`${name.slice(2)}: ${found}`];
    });
  }

  /** Waits until nothing is on its way, then compares. */
  async outcome(): Promise<string[]> {
    await this.settled();
    return this.differences();
  }

  async stop(): Promise<void> {
    for (const side of [this.source, this.target]) {
      side.relay.releaseAll();
      side.direct.close();
    }
    for (const client of this.clients) client.close();
    await this.ferry.stop();
    await Promise.all([this.source.relay.close(), this.target.relay.close()]);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

async function openSide(server: RedisServer): Promise<Side> {
  const direct = await Wire.open(server.port);
  await prepare(direct);
  return { server, relay: await Relay.to(server.port), direct };
}

async function prepare(server: Wire): Promise<void> {
  await server.send('FLUSHALL');
  await server.send('FUNCTION', 'FLUSH');
  await server.send('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
  for (const user of USERS) await server.send('ACL', 'SETUSER', user, 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Replies as texts, for comparing. */
export function texts(replies: readonly WireReply[]): string[] {
  return replies.map((reply) => {
    if (reply instanceof Error) return `-${reply.message}`;
    return Buffer.isBuffer(reply) ? reply.toString('latin1') : String(reply);
  });
}
