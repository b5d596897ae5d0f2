/**
 * `GET /api/dashboard`: everything the page at `/` shows, in one answer, and the last minutes kept for it; how long commands
 * took lately, for the status.
 *
 * Reading only. The blockers of the next steps are what the guards say now; a dry run of the step says more.
 */
import { PHASES, stepBetween } from '../phases/phase.js';
import type { Blocker, NextStep, Overview, Side, Status } from './control.js';
import { keyAsJson } from './differences.js';
import { LATENCY_SECONDS, type Reading, SAMPLE_EVERY_MS, Timeline } from './timeline.js';

const TOP_COMMANDS = 10;
const TOP_PREFIXES = 10;

export interface OverviewParts {
  status(): Status;
  reading(): Reading;
  commands(): { command: string; count: number }[];
  prefixes(limit: number): { prefix: Buffer; share: number }[];
  breakers(): { side: Side; node: string; open: boolean }[];
  blockers(to: Status['phase']): Blocker[];
}

export class OverviewSource {
  private readonly timeline = new Timeline(performance.now());
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly parts: OverviewParts) {
    this.timer = setInterval(
      () => this.timeline.tick(this.parts.reading(), performance.now(), Date.now()),
      SAMPLE_EVERY_MS,
    );
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  latency(): Status['latency'] {
    const { timeline } = this;
    return { seconds: LATENCY_SECONDS, source: timeline.latency('source'), target: timeline.latency('target') };
  }

  /** With the samples taken after `since` only. */
  overview(since: number): Overview {
    const { parts } = this;
    const status = parts.status();
    return {
      status,
      samples: this.timeline.since(since),
      sampleEveryMs: SAMPLE_EVERY_MS,
      mirrorLagMs: Math.round(parts.reading().mirrorLagMs * 10) / 10,
      commands: parts
        .commands()
        .sort((a, b) => b.count - a.count)
        .slice(0, TOP_COMMANDS),
      prefixes: parts.prefixes(TOP_PREFIXES).map(({ prefix, share }) => ({ prefix: keyAsJson(prefix), share })),
      breakers: parts.breakers(),
      steps: this.nextSteps(status.phase),
    };
  }

  /** Forward first. */
  private nextSteps(phase: Status['phase']): NextStep[] {
    const at = PHASES.indexOf(phase);
    return [PHASES[at + 1], PHASES[at - 1]].flatMap((to) => {
      const step = to === undefined ? null : stepBetween(phase, to);
      if (to === undefined || step === null || step === 'stay') return [];
      return [{ to, step, blockers: this.parts.blockers(to) }];
    });
  }
}
