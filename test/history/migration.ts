/**
 * One seed: a Ferry in this process between two sides behind slow, breakable wires; clients that work through it;
 * and an operator who, at random moments meanwhile, changes phases, runs backfills and verifications with repair, and
 * loses connections; slots of a Cluster are on the move (resharding.ts). At the end all is judged: what the clients saw,
 * and what both sides hold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ferry, type FerryCounters, startFerry } from '../../src/app.js';
import { defaultConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/observe/log.js';
import { PHASE_RULES, PHASES, type Phase } from '../../src/phases/phase.js';
import type { TestHooks } from '../../src/routing/switchboard.js';
import { Direct, differences } from './compare.js';
import { fill, judge, NARROW, WIDE } from './judge.js';
import { Random } from './random.js';
import { type Resharded, Resharding } from './resharding.js';
import { Rule } from './rule.js';
import type { Site } from './site.js';
import { type Drawn, Workload } from './workload.js';

export type { TestHooks };

/** The two sides that a track of seeds uses one after the other. */
export interface Pair {
  readonly source: Site;
  readonly target: Site;
}

/** How often the nodes of a Cluster sent Ferry elsewhere. */
export interface Redirections {
  readonly moved: number;
  readonly asks: number;
  readonly tryAgain: number;
}

export interface Outcome {
  readonly seed: number;
  /** replies that no single Redis would have given in this order, and servers that differ */
  readonly violations: readonly string[];
  /** whatever else should not be: silence, errors of Ferry's own, jobs that do not end, keys left behind */
  readonly faults: readonly string[];
  readonly counters: FerryCounters;
  readonly commands: number;
  /** client connections that the other side ended */
  readonly closes: number;
  readonly drawn: Drawn;
  /** of a Cluster, if one side is one */
  readonly resharded: Resharded | null;
  readonly redirections: Redirections;
  /** the operator's steps in order; dry runs in parentheses, refused ones with their blockers */
  readonly steps: readonly string[];
}

const QUIET_TIMEOUT_MS = 20_000;
/** Ferry's own log on stderr, to see why a seed fails */
const LOG_LEVEL = process.env.FERRY_HISTORY_LOG ?? 'silent';
const SEED_TIMEOUT_MS = 60_000;
const TIDY_TIMEOUT_MS = 3000;
const STOP_TIMEOUT_MS = 15_000;
const DATABASES = [0, 1];
const CLIENTS = 8;
const BURSTS = 30;

/**
 * varied: calm and rough wires, lost connections, targets that held something, repairs: as the seed says
 * rough: what lets replies of two lanes cross most often, and nothing that would make their harm good again
 */
export type Profile = 'varied' | 'rough';

export async function runSeed(
  seed: number,
  pair: Pair,
  profile: Profile = 'varied',
  hooks: TestHooks = {},
): Promise<Outcome> {
  return new Migrating(seed, pair, profile, hooks).run();
}

class Migrating {
  private readonly random: Random;
  private readonly faulty: boolean;
  private readonly oldTarget: boolean;
  /** in half of the seeds the operator repairs; what a repair makes good again is seen only in the others */
  private readonly repairs: boolean;
  private readonly cluster: Site | null;
  private readonly rule = new Rule();
  private readonly violations: string[] = [];
  private readonly faults: string[] = [];
  private readonly steps: string[] = [];
  private workload!: Workload;
  private ferry!: Ferry;
  private resharding: Resharding | null = null;
  private redirections: Redirections = { moved: 0, asks: 0, tryAgain: 0 };
  private working = true;

  constructor(
    private readonly seed: number,
    private readonly pair: Pair,
    private readonly profile: Profile,
    private readonly hooks: TestHooks,
  ) {
    this.random = new Random(seed ^ 0x5eed);
    const rough = profile === 'rough';
    this.faulty = !rough && seed % 5 < 2;
    this.oldTarget = !rough && seed % 3 === 0;
    this.repairs = !rough && (this.faulty || seed % 2 === 0);
    // some wires are calm, so that much gets done, and some rough, so that much overlaps
    const varied = { delayOneIn: this.random.pick([2, 4, 20]), maxDelayMs: this.random.between(1, 5), zombieMs: 30 };
    const options = rough ? { delayOneIn: 2, maxDelayMs: 8, zombieMs: 0 } : varied;
    pair.source.begin(this.random.fork(), options);
    pair.target.begin(this.random.fork(), options);
    this.cluster = [pair.source, pair.target].find(({ cluster }) => cluster !== null) ?? null;
  }

  async run(): Promise<Outcome> {
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-history-'));
    try {
      await this.begin(stateDir);
      try {
        await within(SEED_TIMEOUT_MS, 'the clients and the operator', this.meanwhile());
        await within(SEED_TIMEOUT_MS, 'the judgement', this.judge());
      } catch (error) {
        this.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      const counters = { ...this.ferry.counters };
      await within(STOP_TIMEOUT_MS, 'stopping Ferry', this.ferry.stop()).catch((error: Error) => {
        this.faults.push(error.message);
      });
      await Promise.all([this.pair.source.end(), this.pair.target.end()]).catch((error: Error) => {
        this.faults.push(`after the seed: ${error.message}`);
      });
      return {
        seed: this.seed,
        violations: this.violations,
        faults: [...this.faults, ...this.workload.complaints],
        counters,
        commands: this.workload.commands,
        closes: this.workload.closes,
        drawn: this.workload.drawn,
        resharded: this.resharding?.done ?? null,
        redirections: this.redirections,
        steps: this.steps,
      };
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  }

  private async begin(stateDir: string): Promise<void> {
    const { random, seed } = this;
    const options = { seed, clients: CLIENTS, burstsPerClient: BURSTS, wide: WIDE, narrow: NARROW };
    const two = seed % 6 === 1 && this.cluster === null;
    // in a phase without a mirror FLUSHALL is the Cluster's own affair, and may miss keys of a slot on the move
    const mayMiss = this.cluster !== null && this.cluster === this.pair.source;
    const flags = {
      flushes: seed % 7 === 0 && !mayMiss,
      aborts: seed % 4 === 0,
      databases: two ? 2 : 1,
      // what is forced because of crossings would be forced whatever else stands against it
      ...(this.cluster === null
        ? {}
        : { cluster: { crossings: !this.faulty, isTarget: this.cluster === this.pair.target, ruled: this.ruled } }),
    } as const;
    // the listener's port is known only later, when the values that both servers begin with are there
    const planned = new Workload({ ...options, ...flags });
    this.workload = planned;
    const [source, target] = await Promise.all([this.pair.source.ports(), this.pair.target.ports()]);
    await fill(source, planned);
    await empty(target);
    if (this.oldTarget) await fill(target, new Workload({ ...options, ...flags, seed: seed + 500_000 }));
    if (this.cluster !== null) await redirectionsOf(this.cluster, true);
    const config = defaultConfig({
      source: this.pair.source.url,
      target: this.pair.target.url,
      listen: { host: '127.0.0.1', port: 0 },
      admin: { port: 0 },
      stateDir,
      // whatever the target holds may be replaced
      adopt: true,
      phase: random.oneIn(3) && this.profile === 'varied' ? 'source-only' : 'dual-write',
      ack: random.oneIn(5) ? 'both' : 'authority',
      limits: {
        bigKeyBytes: 4096,
        // small enough to overflow at times
        dirtyKeys: random.pick([4, 1000]),
        knownKeys: random.pick([64, 4096, 4096]),
        deadlines: random.pick([16, 4096]),
        copyBudgetBytes: random.pick([20_000, 1 << 24]),
        sessionWindow: random.pick([3, 1024]),
      },
      logLevel: 'silent',
    });
    this.ferry = await within(
      STOP_TIMEOUT_MS,
      'starting Ferry',
      startFerry(config, { hooks: this.hooks, log: createLogger(LOG_LEVEL) }),
    );
  }

  /** Clients and operator side by side, until the clients are done. */
  private async meanwhile(): Promise<void> {
    const clients = this.workload.run(this.ferry.port).finally(() => {
      this.working = false;
    });
    const operator = this.operate();
    const saboteur = this.faulty ? this.sabotage() : Promise.resolve();
    await Promise.all([clients, operator, saboteur, this.reshard()]);
    if (this.cluster !== null) this.redirections = await redirectionsOf(this.cluster, false);
    if (!this.faulty && this.workload.closes > 0) {
      this.faults.push(`${this.workload.closes} client connections were closed although nothing was broken`);
    }
  }

  private async reshard(): Promise<void> {
    const cluster = this.cluster?.cluster;
    if (cluster === undefined || cluster === null) return;
    this.resharding = new Resharding(cluster, this.random.fork(), () => this.working);
    await this.resharding.run();
  }

  private readonly ruled = (from: number, to: number): boolean =>
    this.rule.mayHaveBeen(this.cluster === this.pair.target ? 'target' : 'source', from, to);

  // ---- the operator

  private get phase(): Phase {
    return this.ferry.control.status().phase;
  }

  private async operate(): Promise<void> {
    const { random } = this;
    while (this.working) {
      await sleep(random.below(15));
      const { phase } = this;
      const back = random.oneIn(6);
      if (phase === 'source-only') await this.step('dual-write');
      else if (this.ferry.control.status().backfill.state !== 'done') {
        if (random.oneIn(8)) await this.step(phase === 'dual-write' ? 'target-read' : 'dual-write');
        else if (phase === 'dual-write' && random.oneIn(15)) await this.step('source-only');
        else await this.backfill();
      } else if (phase === 'dual-write') await this.step(back && random.oneIn(3) ? 'source-only' : 'target-read');
      else if (phase === 'target-read') await this.fromTargetRead(back);
      else {
        await this.verify(this.repairs);
        if (!random.oneIn(3)) await this.step('target-read');
      }
    }
  }

  private async fromTargetRead(back: boolean): Promise<void> {
    const { random } = this;
    if (random.oneIn(8)) await this.ferry.control.changePhase({ to: 'target-read', share: random.below(101) });
    else if (back) await this.step('dual-write');
    else if (random.oneIn(2)) await this.repairNow();
    else await this.step('target-first');
  }

  private async step(to: Phase): Promise<void> {
    const dryRun = this.random.oneIn(10);
    // what nothing broke is equal without a verification that says so: the backfill is enough
    const force = to === 'target-first' && !this.faulty;
    this.rule.begins(PHASE_RULES[to].authority, this.workload.clock.tick());
    const result = await this.tolerate(this.ferry.control.changePhase({ to, dryRun, force }));
    this.rule.is(this.ferry.control.status().authority, this.workload.clock.tick());
    if (result?.ok) this.steps.push(dryRun ? `(${to})` : to);
    else if (result !== null) this.steps.push(`${to}: ${result.blockers.map((blocker) => blocker.code).join('+')}`);
  }

  private async backfill(): Promise<void> {
    if (!(await this.tolerate(this.ferry.control.backfill('start')))?.ok) return;
    await this.until(() => this.ferry.control.status().backfill.state !== 'running' || this.random.oneIn(30));
    if (this.ferry.control.status().backfill.state === 'done') this.steps.push('backfill');
  }

  private repairNow(): Promise<void> {
    return this.repairs ? this.verify(true) : sleep(10);
  }

  private async verify(repair: boolean): Promise<void> {
    if (!(await this.tolerate(this.ferry.control.verify({ repair })))?.ok) return;
    await this.until(() => this.ferry.control.status().verify.state !== 'running');
    this.steps.push('verify');
  }

  /** With broken connections a step may fail in any way, as long as it is tried again. */
  private async tolerate<T>(step: Promise<T>): Promise<T | null> {
    try {
      return await step;
    } catch (error) {
      if (!this.faulty) throw error;
      return null;
    }
  }

  // ---- the saboteur

  private async sabotage(): Promise<void> {
    const { random } = this;
    for (let left = random.between(1, 6); left > 0 && this.working; left--) {
      await sleep(random.between(5, 90));
      if (!this.working) return;
      const site = random.oneIn(2) ? this.pair.source : this.pair.target;
      if (random.oneIn(2)) site.cut(random);
      else await site.kill(random);
    }
  }

  // ---- the judgement

  private async judge(): Promise<void> {
    await this.settle();
    // a replica of Redis 7.0 does not know how many entries a consumer group has read: the one that was promoted differs
    // from what the other side was given, and a promotion asks for a new verification anyway
    if ((this.resharding?.done.promotions ?? 0) > 0) await this.verify(true);
    const [source, target] = await Promise.all([this.pair.source.ports(), this.pair.target.ports()]);
    const databases = this.cluster === null ? DATABASES : [0];
    for (const line of await differences(source, target, databases, isFerrys)) {
      this.violations.push(`source and target differ: ${line}`);
    }
    await this.verify(false);
    const { verify } = this.ferry.control.status();
    if (verify.clean !== true) this.faults.push(`the last verification is not clean: ${JSON.stringify(verify)}`);
    for (const key of await leftOver(source, target)) this.faults.push(`Ferry left ${key} behind`);
    const authority = this.ferry.control.status().authority;
    this.violations.push(...(await judge(this.workload, authority === 'source' ? source : target)));
  }

  /** A mirrored phase, the backfill done, nothing dirty, nothing on its way. */
  private async settle(): Promise<void> {
    if (this.phase === 'source-only') await this.step('dual-write');
    const deadlineMs = performance.now() + QUIET_TIMEOUT_MS;
    let quietFor = 0;
    while (quietFor < 3) {
      const { phase, backfill, mirror, verify } = this.ferry.control.status();
      if (performance.now() > deadlineMs) {
        throw new Error(
          `not quiet after ${QUIET_TIMEOUT_MS} ms: ${JSON.stringify({ phase, backfill, mirror, verify })}`,
        );
      }
      if (phase === 'source-only') await this.step('dual-write');
      const canBackfill = PHASES.indexOf(phase) < PHASES.indexOf('target-first');
      if (canBackfill && backfill.state !== 'done' && backfill.state !== 'running') await this.backfill();
      const busy = mirror.backlogOps + mirror.dirtyKeys + mirror.dirtySlots > 0 || verify.state === 'running';
      quietFor = busy || (canBackfill && this.ferry.control.status().backfill.state !== 'done') ? 0 : quietFor + 1;
      await sleep(5);
    }
  }

  private async until(done: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + QUIET_TIMEOUT_MS;
    while (!done()) {
      if (performance.now() > deadlineMs) {
        const { backfill, verify, mirror } = this.ferry.control.status();
        throw new Error(`a job does not end: ${JSON.stringify({ backfill, verify, mirror })}`);
      }
      await sleep(2);
    }
  }
}

function isFerrys(key: string): boolean {
  return key.startsWith('__ferry:');
}

/** Ferry's own keys that stay: not the lease, and not those that end by themselves. */
async function leftOver(source: readonly number[], target: readonly number[]): Promise<string[]> {
  const deadlineMs = performance.now() + TIDY_TIMEOUT_MS;
  for (;;) {
    const found = [...(await ownKeys('source', source)), ...(await ownKeys('target', target))];
    if (found.length === 0 || performance.now() > deadlineMs) return found;
    await sleep(50);
  }
}

async function ownKeys(side: string, ports: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  for (const db of ports.length > 1 ? [0] : DATABASES) {
    const servers = await Direct.open(ports, db);
    const keys = (await servers.askEach([['KEYS', '__ferry:*']])).flatMap(([names]) => names as string[]);
    for (const key of keys) {
      const [type, ttl] = await servers.ask([
        ['TYPE', key],
        ['PTTL', key],
      ]);
      if (key !== '__ferry:lease' && ttl === -1) found.push(`${key} (${type}) in db ${db} of the ${side}`);
    }
    servers.drop();
  }
  return found;
}

async function empty(ports: readonly number[]): Promise<void> {
  const servers = await Direct.open(ports, 0);
  await servers.askEach([['FLUSHALL'], ['SCRIPT', 'FLUSH']]);
  servers.drop();
}

/** Since they were last counted `anew`. */
async function redirectionsOf(site: Site, anew: boolean): Promise<Redirections> {
  const servers = await Direct.open(site.allPorts, 0);
  const texts = (await servers.askEach([['INFO', 'errorstats']])).map(([text]) => text as string);
  if (anew) await servers.askEach([['CONFIG', 'RESETSTAT']]);
  servers.drop();
  const count = (word: string): number =>
    texts.reduce((sum, text) => sum + Number(new RegExp(`errorstat_${word}:count=(\\d+)`).exec(text)?.[1] ?? 0), 0);
  return { moved: count('MOVED'), asks: count('ASK'), tryAgain: count('TRYAGAIN') };
}

function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: not done after ${limitMs} ms`)), limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
