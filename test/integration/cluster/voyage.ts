/**
 * A Ferry in this process between two deployments of any kind, with everything that a journey needs of it: steps that
 * must succeed, waiting with a deadline, and the strict judge's word on both sides. Closes what it opened.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Difference, PhaseRequest, Status, StepResult } from '../../../src/admin/control.js';
import { type Ferry, startFerry } from '../../../src/app.js';
import { type ConfigOverrides, defaultConfig, type PhaseName } from '../../../src/config/config.js';
import { createLogger } from '../../../src/observe/log.js';
import { differencesBetweenAll } from '../journey/judge.js';
import { sleep } from '../journey/stage.js';
import { type Deployment, deploy, type Kind, wiresOf } from './deployment.js';

const WAIT_MS = 40_000;

export class Voyage {
  private constructor(
    readonly source: Deployment,
    readonly target: Deployment,
    readonly ferry: Ferry,
    private readonly stateDir: string,
  ) {}

  static async open(source: Kind, target: Kind, config: ConfigOverrides = {}): Promise<Voyage> {
    const [a, b] = await Promise.all([deploy(source), deploy(target)]);
    return Voyage.between(a, b, config);
  }

  /** Between deployments that run already; they are the voyage's from now on. */
  static async between(a: Deployment, b: Deployment, config: ConfigOverrides = {}): Promise<Voyage> {
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-voyage-'));
    const logLevel = (process.env.FERRY_TEST_LOG ?? 'silent') as 'silent';
    const ferry = await startFerry(
      defaultConfig({
        source: a.url,
        target: b.url,
        listen: { host: '127.0.0.1', port: 0 },
        admin: { port: 0 },
        stateDir,
        logLevel,
        ...config,
      }),
      { log: createLogger(logLevel) },
    ).catch((error: Error) => {
      rmSync(stateDir, { recursive: true, force: true });
      throw error;
    });
    return new Voyage(a, b, ferry, stateDir);
  }

  get status(): Status {
    return this.ferry.control.status();
  }

  phase(to: PhaseName, more: Omit<PhaseRequest, 'to'> = {}): Promise<StepResult> {
    return this.ferry.control.changePhase({ to, ...more });
  }

  /** A step that must succeed, though a key may be dirty for a moment; the pause. */
  async goTo(to: PhaseName, more: Omit<PhaseRequest, 'to'> = {}): Promise<number> {
    const until = Date.now() + WAIT_MS;
    for (;;) {
      const result = await this.phase(to, more);
      if (result.ok) return result.pauseMs ?? 0;
      if (Date.now() > until) throw new Error(`${to} was refused: ${JSON.stringify(result)}`);
      await sleep(100);
      if (result.blockers.some(({ code }) => code === 'not-verified')) await this.verify();
    }
  }

  async backfill(): Promise<void> {
    await this.ferry.control.backfill('start');
    await this.until('the backfill is over', ({ backfill }) => /done|failed/.test(backfill.state));
    if (this.status.backfill.state !== 'done') throw new Error('the backfill failed');
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

  /** Everything up to `target-read` with a clean verification. */
  async readyForCutover(): Promise<void> {
    await this.goTo('dual-write');
    await this.backfill();
    const found = await this.verify();
    if (found.length > 0) throw new Error(`the verification found ${JSON.stringify(found)}`);
    await this.goTo('target-read');
  }

  async until(what: string, condition: (status: Status) => boolean, withinMs = WAIT_MS): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!condition(this.status)) {
      if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms until ${what}: ${JSON.stringify(this.status)}`);
      await sleep(10);
    }
  }

  /** Nothing dirty, nothing on its way to the mirror, nothing unfenced, every server there. */
  settled(): Promise<void> {
    return this.until(
      'the mirror has caught up',
      ({ mirror, source, target }) =>
        mirror.dirtyKeys + mirror.dirtySlots + mirror.backlogOps + mirror.uncertain === 0 &&
        source.state === 'up' &&
        target.state === 'up',
    );
  }

  /** The strict judge's word on the two deployments, read directly. */
  async differences(): Promise<string[]> {
    const [a, b] = await Promise.all([wiresOf(this.source), wiresOf(this.target)]);
    try {
      return await differencesBetweenAll(a, b);
    } finally {
      for (const wire of [...a, ...b]) wire.close();
    }
  }

  async close(): Promise<void> {
    await this.ferry.stop();
    await Promise.all([this.source.stop(), this.target.stop()]);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
