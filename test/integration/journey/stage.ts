/**
 * What these tests play on: two real servers, a Ferry in this process between them, and connections to all three.
 *
 * Everything that a stage opened is closed by `close`, whatever happened before. Waiting has a deadline and says
 * what the status was when it passed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Difference, PhaseRequest, Status, StepResult } from '../../../src/admin/control.js';
import { type Ferry, startFerry } from '../../../src/app.js';
import { type ConfigOverrides, defaultConfig, type PhaseName } from '../../../src/config/config.js';
import type { TestHooks } from '../../../src/routing/switchboard.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { differencesBetween } from './judge.js';
import { Relay } from './relay.js';
import { text, Wire } from './wire.js';

export interface StageOptions {
  /** Extra arguments of the servers. */
  readonly sourceArgs?: string[];
  readonly targetArgs?: string[];
  /** Another redis-server than the tests' usual one. */
  readonly binaries?: Partial<Record<Side, string>>;
  /** Extra variables of the servers' processes. */
  readonly env?: Readonly<Record<Side, Readonly<Record<string, string>>>>;
  /** Parts of Ferry's configuration. */
  readonly config?: ConfigOverrides;
  /** false: the test starts Ferry itself. */
  readonly ferry?: boolean;
  /** Ferry reaches both servers through relays. */
  readonly relays?: boolean;
  /** `user:password` of Ferry's own login on each side. */
  readonly logins?: Partial<Record<Side, string>>;
  readonly hooks?: TestHooks;
}

type Side = 'source' | 'target';

const WAIT_MS = 20_000;

export class Stage {
  private running: Ferry | null = null;
  private readonly wires: Wire[] = [];

  private constructor(
    readonly source: RedisServer,
    readonly target: RedisServer,
    private readonly relays: Readonly<Record<Side, Relay>> | null,
    readonly stateDir: string,
    private readonly overrides: ConfigOverrides,
    private readonly hooks: TestHooks,
  ) {}

  static async open(options: StageOptions = {}): Promise<Stage> {
    const [source, target] = await Promise.all([
      startRedis({ args: options.sourceArgs ?? [], env: options.env?.source, binary: options.binaries?.source }),
      startRedis({ args: options.targetArgs ?? [], env: options.env?.target, binary: options.binaries?.target }),
    ]);
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-stage-'));
    const relays =
      options.relays === true ? { source: await Relay.open(source.port), target: await Relay.open(target.port) } : null;
    const urlOf = (side: Side): string => {
      const login = options.logins?.[side];
      const { port } = relays?.[side] ?? { source, target }[side];
      return `redis://${login === undefined ? '' : `${login}@`}127.0.0.1:${port}`;
    };
    const sides = { source: urlOf('source'), target: urlOf('target') };
    const stage = new Stage(source, target, relays, stateDir, { ...sides, ...options.config }, options.hooks ?? {});
    if (options.ferry !== false) await stage.start();
    return stage;
  }

  get ferry(): Ferry {
    if (this.running === null) throw new Error('no Ferry runs on this stage');
    return this.running;
  }

  relay(side: Side): Relay {
    if (this.relays === null) throw new Error('no relays stand on this stage');
    return this.relays[side];
  }

  get status(): Status {
    return this.ferry.control.status();
  }

  /** Starts Ferry; again after `stop`, with the same state directory. */
  async start(more: ConfigOverrides = {}): Promise<void> {
    const config = defaultConfig({
      listen: { host: '127.0.0.1', port: 0 },
      admin: { port: 0 },
      stateDir: this.stateDir,
      logLevel: 'silent',
      ...this.overrides,
      ...more,
    });
    this.running = await startFerry(config, { hooks: this.hooks });
  }

  async stop(): Promise<void> {
    const ferry = this.running;
    this.running = null;
    await ferry?.stop();
  }

  /** Ends Ferry, and leaves on both sides what a killed one leaves: a lease that nobody gave back. */
  async crash(): Promise<void> {
    const sides = [await this.onSource(), await this.onTarget()];
    const leases = await Promise.all(sides.map((wire) => wire.send('GET', '__ferry:lease')));
    await this.stop();
    await Promise.all(sides.map((wire, i) => wire.send('SET', '__ferry:lease', leases[i] as Buffer)));
  }

  // ── connections, closed with the stage

  async client(...login: string[]): Promise<Wire> {
    return this.wire(this.ferry.port, login);
  }

  onSource(...login: string[]): Promise<Wire> {
    return this.wire(this.source.port, login);
  }

  onTarget(...login: string[]): Promise<Wire> {
    return this.wire(this.target.port, login);
  }

  private async wire(port: number, login: string[]): Promise<Wire> {
    const wire = await Wire.open(port);
    this.wires.push(wire);
    if (login.length > 0) {
      const answer = text(await wire.send('AUTH', ...login));
      if (answer !== 'OK') throw new Error(`AUTH was answered ${answer}`);
    }
    return wire;
  }

  // ── steps

  phase(to: PhaseName, more: Omit<PhaseRequest, 'to'> = {}): Promise<StepResult> {
    return this.ferry.control.changePhase({ to, ...more });
  }

  /** A step that must succeed; the pause. */
  async goTo(to: PhaseName, more: Omit<PhaseRequest, 'to'> = {}): Promise<number> {
    const result = await this.phase(to, more);
    if (!result.ok) throw new Error(`${to} was refused: ${JSON.stringify(result)}`);
    return result.pauseMs ?? 0;
  }

  /** dual-write, if it is not that already, and a whole backfill. */
  async backfill(): Promise<Status['backfill']> {
    if (this.status.phase === 'source-only') await this.goTo('dual-write');
    await this.ferry.control.backfill('start');
    await this.until(
      'the backfill is over',
      ({ backfill }) => backfill.state === 'done' || backfill.state === 'failed',
    );
    if (this.status.backfill.state !== 'done') throw new Error('the backfill failed');
    return this.status.backfill;
  }

  /** A whole verification, and what it found. */
  async verify(repair = false): Promise<readonly Difference[]> {
    await this.ferry.control.verify({ repair });
    await this.until('the verification is over', ({ verify }) => verify.state !== 'running');
    const { state } = this.status.verify;
    if (state !== 'done') throw new Error(`the verification is ${state}`);
    const found: Difference[] = [];
    for await (const difference of this.ferry.control.differences()) found.push(difference);
    return found;
  }

  /** Everything up to `target-read` with a clean verification: the cutover is possible. */
  async readyForCutover(): Promise<void> {
    await this.backfill();
    const found = await this.verify();
    if (found.length > 0) throw new Error(`the verification found ${JSON.stringify(found)}`);
    await this.goTo('target-read');
  }

  // ── waiting

  async until(what: string, condition: (status: Status) => boolean, withinMs = WAIT_MS): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!condition(this.status)) {
      if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms until ${what}: ${JSON.stringify(this.status)}`);
      await sleep(10);
    }
  }

  /** Nothing dirty, nothing on its way to the mirror, nothing unfenced. */
  settled(withinMs = WAIT_MS): Promise<void> {
    return this.until(
      'the mirror has caught up',
      ({ mirror, source, target }) =>
        mirror.dirtyKeys + mirror.dirtySlots + mirror.backlogOps + mirror.uncertain === 0 &&
        source.state === 'up' &&
        target.state === 'up',
      withinMs,
    );
  }

  /** The strict judge's word on the two servers, read directly. */
  async differences(sourceLogin: string[] = [], targetLogin: string[] = []): Promise<string[]> {
    const [a, b] = await Promise.all([this.onSource(...sourceLogin), this.onTarget(...targetLogin)]);
    try {
      return await differencesBetween(a, b);
    } finally {
      a.close();
      b.close();
    }
  }

  async close(): Promise<void> {
    for (const wire of this.wires) wire.close();
    await this.stop();
    if (this.relays !== null) await Promise.all([this.relays.source.close(), this.relays.target.close()]);
    await Promise.all([this.source.stop(), this.target.stop()]);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
