/**
 * One seed of chaos: a Ferry in this process between two servers, brought to a phase; clients that work through it; one
 * fault of one side meanwhile. Then the fault is over, nobody helps, and all is judged: what clients saw by the history
 * checker, what both sides hold by reading it all.
 *
 * The seed says which fault, on which side, in which phase and when; the schedule is the machine's.
 *
 *   lost        an acknowledged write that no order of the operations explains, or a log entry that is gone
 *   silent      the sides differ although Ferry says that nothing is dirty
 *   unavailable with only the mirror sick: an error that the authority alone would not have given, a closed connection, a
 *               command without an answer while the fault lasts; with the authority sick: an error that is not its own
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ferry, startFerry } from '../../src/app.js';
import { defaultConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/observe/log.js';
import { PHASE_RULES, PHASES, type Phase, type Side } from '../../src/phases/phase.js';
import type { Exchange } from '../history/client.js';
import { Direct, differences } from '../history/compare.js';
import { fill, judge, loadScripts, NARROW, WIDE } from '../history/judge.js';
import { Random } from '../history/random.js';
import { type ErrorReply, show } from '../history/resp.js';
import { Workload } from '../history/workload.js';
import { FAULT_NAMES, FAULTS, type FaultName } from './faults.js';
import { pause, SickNode } from './node.js';

/** What else is not as it should be, all the time. */
export type Leg =
  | 'plain'
  /** Ferry's account on both sides lacks every right that is optional. */
  | 'few rights'
  /** The source's clock is ahead of Ferry's, the target's behind. */
  | 'skewed clocks';

export interface Plan {
  readonly seed: number;
  readonly fault: FaultName;
  readonly side: Side;
  readonly phase: Phase;
  readonly holdMs: number;
  readonly leg: Leg;
}

export interface Verdict extends Plan {
  readonly commands: number;
  readonly acknowledgedWrites: number;
  readonly lost: readonly string[];
  readonly silent: readonly string[];
  readonly unavailable: readonly string[];
  /** whatever else should not be: jobs that do not end, a Ferry that does not stop */
  readonly faults: readonly string[];
  /** client connections that ended */
  readonly closes: number;
  /** the longest wait for a reply while the fault lasted, ms */
  readonly longestWaitMs: number;
  /** from the end of the fault until nothing was dirty, ms */
  readonly repairMs: number;
}

const LOG_LEVEL = process.env.FERRY_CHAOS_LOG ?? 'silent';
const CLIENTS = 6;
const BURSTS = 26;
const LIMIT_MS = 60_000;
const QUIET_WITHIN_MS = 40_000;
/** A command that waits longer than this while only the mirror is sick is one that hangs. */
const PATIENCE_MS = 1000;
/** A server that answers no handshake for so long counts as away, and clients are closed as by one that died. */
const AWAY_MS = 10_000;
const LOOK_MS = 20;
const TIMEOUTS = { targetReadMs: 150, silentConnectionMs: 1000 };
const SHIFTS_MS = [2 * 3_600_000, -90_000] as const;
const SIDES = ['source', 'target'] as const;
const DATABASES = [0, 1];
const LOGIN = new Set(['AUTH', 'HELLO', 'SELECT']);

/** `lap`: how often all of a fault's sides and phases have had their turn. */
export type HoldMs = (random: Random, fault: FaultName, lap: number) => number;

/** Every fault on every side in every phase comes round before anything repeats; `holdMs` by the length of the run. */
export function planOf(seed: number, holdMs: HoldMs, faults = FAULT_NAMES, leg: Leg = 'plain'): Plan {
  const random = new Random(seed ^ 0xc4a05);
  const fault = faults[seed % faults.length]!;
  const round = Math.floor(seed / faults.length);
  const phase = PHASES[(round + seed) % PHASES.length]!;
  const side = SIDES[Math.floor(round / PHASES.length + seed) % 2]!;
  return {
    seed,
    fault,
    side,
    phase,
    holdMs: holdMs(random, fault, Math.floor(round / (PHASES.length * SIDES.length))),
    leg,
  };
}

/** Two servers that a track of seeds uses one after the other. */
export interface Pair {
  readonly source: SickNode;
  readonly target: SickNode;
}

export async function startPair(seed: number, leg: Leg = 'plain'): Promise<Pair> {
  const random = new Random(seed);
  const [sourceShiftMs, targetShiftMs] = leg === 'skewed clocks' ? SHIFTS_MS : [0, 0];
  const [source, target] = await Promise.all([
    SickNode.start(random.fork(), sourceShiftMs),
    SickNode.start(random.fork(), targetShiftMs),
  ]);
  return { source, target };
}

/** `timeouts`: other ones than Ferry is given here, to see what they are for. */
export async function runOrdeal(plan: Plan, pair: Pair, timeouts = TIMEOUTS): Promise<Verdict> {
  return new Ordeal(plan, pair, timeouts).run();
}

class Ordeal {
  private readonly random: Random;
  private readonly lost: string[] = [];
  private readonly silent: string[] = [];
  private readonly unavailable: string[] = [];
  private readonly faults: string[] = [];
  private workload!: Workload;
  private ferry!: Ferry;
  private struckAt = Number.POSITIVE_INFINITY;
  private liftedAt = Number.POSITIVE_INFINITY;
  private backAt = Number.POSITIVE_INFINITY;
  private longestWaitMs = 0;
  private repairMs = 0;

  constructor(
    private readonly plan: Plan,
    private readonly pair: Pair,
    private readonly timeouts: typeof TIMEOUTS,
  ) {
    this.random = new Random(plan.seed ^ 0x5eed);
  }

  async run(): Promise<Verdict> {
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-chaos-'));
    try {
      await within('the beginning', this.begin(stateDir));
      try {
        await within('the clients and the fault', this.meanwhile(), LIMIT_MS + 4 * this.plan.holdMs);
        await within('the judgement', this.judge());
      } catch (error) {
        this.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      await within('stopping Ferry', this.ferry.stop()).catch((error: Error) => this.faults.push(error.message));
      return {
        ...this.plan,
        commands: this.workload.commands,
        acknowledgedWrites: this.workload.acknowledgedWrites,
        lost: this.lost,
        silent: this.silent,
        unavailable: this.unavailable,
        faults: this.faults,
        closes: this.workload.closes,
        longestWaitMs: Math.round(this.longestWaitMs),
        repairMs: Math.round(this.repairMs),
      };
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  }

  private get fault(): (typeof FAULTS)[FaultName] {
    return FAULTS[this.plan.fault];
  }

  private get isAuthoritySick(): boolean {
    return PHASE_RULES[this.plan.phase].authority === this.plan.side;
  }

  // ── before

  private async begin(stateDir: string): Promise<void> {
    const { pair, plan } = this;
    this.workload = new Workload({
      seed: plan.seed,
      clients: CLIENTS,
      burstsPerClient: BURSTS,
      wide: WIDE,
      narrow: NARROW,
      flushes: false,
      aborts: false,
      databases: 1,
      extraPatienceMs: 2 * plan.holdMs,
      paceMs: (300 + plan.holdMs * 1.5) / BURSTS,
      excuses: (exchange, error) => this.isExcused(exchange, error),
    });
    await empty(pair.target);
    await fill([pair.source.port], this.workload);
    await pair.source.tell(['FUNCTION', 'FLUSH']);
    await loadScripts([pair.source.port]);
    const config = defaultConfig({
      source: pair.source.url(plan.leg === 'few rights'),
      target: pair.target.url(plan.leg === 'few rights'),
      listen: { host: '127.0.0.1', port: 0 },
      admin: { port: 0 },
      stateDir,
      adopt: true,
      phase: plan.phase === 'source-only' ? 'source-only' : 'dual-write',
      timeouts: this.timeouts,
      limits: { bigKeyBytes: 4096, dirtyKeys: this.random.pick([4, 1000]) },
      logLevel: 'silent',
    });
    this.ferry = await startFerry(config, { log: createLogger(LOG_LEVEL) });
    await this.reach(plan.phase);
  }

  private async reach(phase: Phase): Promise<void> {
    const { control } = this.ferry;
    if (phase === 'source-only') return;
    await control.backfill('start');
    await this.until('the backfill', () => control.status().backfill.state === 'done');
    await control.verify({ repair: true });
    await this.until('the verification', () => control.status().verify.state !== 'running');
    for (const next of PHASES.slice(PHASES.indexOf('target-read'), PHASES.indexOf(phase) + 1)) {
      // without the rights some risks can be ruled out by nobody, and each is a blocker that wants to be overruled
      const step = await control.changePhase({ to: next, force: this.plan.leg === 'few rights' });
      if (!step.ok) throw new Error(`no step to ${next}: ${JSON.stringify(step.blockers)}`);
    }
  }

  // ── meanwhile

  private async meanwhile(): Promise<void> {
    await Promise.all([this.workload.run(this.ferry.port), this.strike()]);
    if (!this.isAuthoritySick) {
      const { closes } = this.workload;
      if (closes > 0)
        this.unavailable.push(`${closes} client connections were closed although only the mirror was sick`);
    } else if (this.fault.closes === undefined && this.plan.holdMs < AWAY_MS && this.workload.closes > 0) {
      this.unavailable.push(`${this.workload.closes} client connections were closed although no connection was lost`);
    }
    this.unavailable.push(...this.workload.complaints);
  }

  private async strike(): Promise<void> {
    const { clock } = this.workload;
    await pause(this.random.between(40, 200));
    const node = this.pair[this.plan.side];
    this.struckAt = clock.tick();
    try {
      await this.fault.act(node, () => this.hold(), this.random.fork());
    } finally {
      this.liftedAt = clock.tick();
      this.liftedMs = performance.now();
    }
    // Ferry hears of it with its next attempt to connect
    await this.until('the side is back', () => this.ferry.control.status()[this.plan.side].state === 'up');
    this.backAt = clock.tick();
  }

  private liftedMs = 0;

  /** Looks on how long clients wait, too. */
  private async hold(): Promise<void> {
    const fromMs = performance.now();
    let hung = '';
    let lagMs = 0;
    for (let lastMs = fromMs; lastMs < fromMs + this.plan.holdMs; ) {
      await pause(LOOK_MS);
      // a machine that has no time for this process or for the healthy server keeps clients waiting as well
      if (!this.isAuthoritySick) await this.pair[PHASE_RULES[this.plan.phase].authority].tell(['PING']);
      const nowMs = performance.now();
      lagMs += Math.max(0, nowMs - lastMs - 2 * LOOK_MS);
      lastMs = nowMs;
      for (const { sentMs, args } of this.workload.waiting) {
        this.longestWaitMs = Math.max(this.longestWaitMs, nowMs - sentMs);
        if (nowMs - sentMs > PATIENCE_MS + 3 * lagMs) hung ||= args.join(' ').slice(0, 80);
      }
    }
    if (hung !== '' && !this.isAuthoritySick) {
      this.unavailable.push(
        `no answer for ${Math.round(this.longestWaitMs)} ms (${Math.round(lagMs)} lag) while only the mirror was sick: ${hung}`,
      );
    }
  }

  /** An error of the authority's own, in reply to what was sent before the fault was over. */
  private isExcused(exchange: Exchange, error: ErrorReply): boolean {
    if (!this.isAuthoritySick || exchange.answeredAt < this.struckAt) return false;
    const { refusals } = this.fault;
    // a server that is not there, or does not answer, can verify no login
    if (LOGIN.has(exchange.args[0]!) && error.word === 'FERRY') return exchange.sentAt <= this.backAt;
    if (exchange.sentAt > this.liftedAt) return false;
    // what was refused while it was queued aborts its EXEC, which does not say why
    return refusals !== undefined && (refusals.test(error.text) || error.word === 'EXECABORT');
  }

  // ── after

  private async judge(): Promise<void> {
    const { plan, fault, pair } = this;
    const { control } = this.ferry;
    const mirrored = PHASE_RULES[plan.phase].mirrored;
    if (mirrored) {
      await this.settled();
      this.repairMs = performance.now() - this.liftedMs;
      // what a server forgot by itself shows when both sides are compared: the verification's business
      if (fault.forgets && plan.fault === 'eviction') await this.verified(true);
      const aheadMs = plan.leg === 'skewed clocks' ? SHIFTS_MS[0] - SHIFTS_MS[1] : 0;
      for (const line of await differences([pair.source.port], [pair.target.port], DATABASES, isFerrys, aheadMs)) {
        this.silent.push(`source and target differ: ${line}`);
      }
      await this.verified(false);
      const { verify } = control.status();
      if (verify.clean !== true) this.faults.push(`the last verification is not clean: ${JSON.stringify(verify)}`);
    }
    if (control.status().phase !== plan.phase) this.faults.push(`the phase is ${control.status().phase}`);
    if (fault.forgets && this.isAuthoritySick) return;
    const authority = pair[control.status().authority];
    this.lost.push(...(await judge(this.workload, [authority.port])));
  }

  private async verified(repair: boolean): Promise<void> {
    const { control } = this.ferry;
    await control.verify({ repair });
    await this.until('a verification', () => control.status().verify.state !== 'running');
    if (repair) await this.settled();
  }

  /** The backfill done again if it has to be, nothing dirty, nothing on its way; by Ferry alone. */
  private async settled(): Promise<void> {
    let quiet = 0;
    await this.until('the repair', () => {
      const { backfill, mirror, verify, source, target } = this.ferry.control.status();
      const busy = mirror.backlogOps + mirror.dirtyKeys + mirror.dirtySlots > 0 || verify.state === 'running';
      const whole = backfill.state === 'done' && source.state === 'up' && target.state === 'up';
      quiet = busy || !whole ? 0 : quiet + 1;
      return quiet >= 5;
    });
  }

  private async until(what: string, done: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + QUIET_WITHIN_MS;
    while (!done()) {
      if (performance.now() > deadlineMs) {
        const { backfill, verify, mirror, source, target } = this.ferry.control.status();
        const states = { source: source.state, target: target.state };
        throw new Error(`${what} does not end: ${JSON.stringify({ backfill, verify, mirror, ...states })}`);
      }
      await pause(4);
    }
  }
}

export function show1({ seed, fault, side, phase, holdMs, leg }: Plan): string {
  return `seed ${seed}: ${fault} of the ${side} in ${phase} for ${holdMs} ms${leg === 'plain' ? '' : `, with ${leg}`}`;
}

export function wrongIn({ lost, silent, unavailable, faults }: Verdict): string[] {
  return [
    ...lost.map((line) => `lost: ${line}`),
    ...silent.map((line) => `silent: ${line}`),
    ...unavailable.map((line) => `unavailable: ${line}`),
    ...faults.map((line) => `fault: ${line}`),
  ];
}

function isFerrys(key: string): boolean {
  return key.startsWith('__ferry:');
}

async function empty(node: SickNode): Promise<void> {
  const servers = await Direct.open([node.port], 0);
  const [replies] = await servers.askEach([['FLUSHALL'], ['SCRIPT', 'FLUSH'], ['FUNCTION', 'FLUSH']]);
  servers.drop();
  if (replies!.some((reply) => reply !== 'OK')) throw new Error(`not emptied: ${replies!.map(show).join()}`);
}

function within<T>(what: string, promise: Promise<T>, limitMs = LIMIT_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: not done after ${limitMs} ms`)), limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
