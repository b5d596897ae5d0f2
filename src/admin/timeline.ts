/**
 * The last minutes, one sample per second, for whoever opens the dashboard now.
 *
 * Nothing is counted per command for this: each tick reads running totals and keeps what they grew by. Memory is bounded:
 * the oldest sample goes when there are more than KEPT.
 */
import { LatencyHistogram } from '../observe/histogram.js';
import type { Side } from '../phases/phase.js';

export const SAMPLE_EVERY_MS = 1000;
/** Five minutes. */
const KEPT = 300;
const SIDES = ['source', 'target'] as const;
/** Long enough for a p99 of a quiet application, short enough to see what a step changed. */
export const LATENCY_SECONDS = 10;
const LATENCY_TICKS = (LATENCY_SECONDS * 1000) / SAMPLE_EVERY_MS;

/** What is read at each tick: totals since the start, and how things stand now. */
export interface Reading {
  readonly durations: Readonly<Record<Side, LatencyHistogram>>;
  readonly mirrorOps: number;
  readonly mirrorLagMs: number;
  readonly backlogOps: number;
  readonly backlogBytes: number;
  readonly dirtyKeys: number;
}

/** Of the commands that a side answered, from a command's bytes to its reply. */
export interface SideLatency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Of the commands that this side answered. */
export interface SideSample {
  readonly perSecond: number;
  /** null: it answered none */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface Sample {
  /** ms since 1970, when it was taken; always rising, a moment past the one before when the clock was set back */
  readonly at: number;
  readonly source: SideSample;
  readonly target: SideSample;
  readonly mirrorPerSecond: number;
  readonly mirrorLagMs: number;
  readonly backlogOps: number;
  readonly backlogBytes: number;
  readonly dirtyKeys: number;
}

export class Timeline {
  private readonly samples: Sample[] = [];
  private readonly before = { source: new LatencyHistogram(), target: new LatencyHistogram() };
  private readonly grown = new LatencyHistogram();
  /** the totals as they were at the last ticks, and at the start; oldest first */
  private readonly earlier = { source: [new LatencyHistogram()], target: [new LatencyHistogram()] };
  private opsBefore = 0;
  private tickedMs: number;

  constructor(nowMs: number) {
    this.tickedMs = nowMs;
  }

  /** `nowMs` is of a clock that only goes on; `at` is the time of day. */
  tick(reading: Reading, nowMs: number, at: number): void {
    const seconds = (nowMs - this.tickedMs) / 1000;
    if (seconds <= 0) return;
    this.tickedMs = nowMs;
    const [source, target] = SIDES.map((side) => this.sideSample(side, reading.durations[side], seconds));
    const { mirrorOps, mirrorLagMs, backlogOps, backlogBytes, dirtyKeys } = reading;
    const mirrorPerSecond = Math.max(0, mirrorOps - this.opsBefore) / seconds;
    this.opsBefore = mirrorOps;
    this.samples.push({
      at: Math.max(at, (this.samples.at(-1)?.at ?? 0) + 1),
      source: source!,
      target: target!,
      mirrorPerSecond: tenths(mirrorPerSecond),
      mirrorLagMs: tenths(mirrorLagMs),
      backlogOps,
      backlogBytes,
      dirtyKeys,
    });
    if (this.samples.length > KEPT) this.samples.shift();
  }

  /** Those taken after a moment, oldest first. */
  since(at: number): Sample[] {
    return this.samples.filter((sample) => sample.at > at);
  }

  /** Of the last LATENCY_SECONDS, or of all the time since the start; null: the side answered nothing. */
  latency(side: Side): SideLatency | null {
    const { grown, before } = this;
    grown.setDifference(before[side], this.earlier[side][0]!);
    if (grown.count === 0) return null;
    return { p50Ms: grown.percentile(50) / 1000, p99Ms: grown.percentile(99) / 1000 };
  }

  private sideSample(side: Side, durations: LatencyHistogram, seconds: number): SideSample {
    const { before, grown } = this;
    grown.setDifference(durations, before[side]);
    before[side].copyFrom(durations);
    this.remember(side);
    if (grown.count === 0) return { perSecond: 0, p50Ms: null, p99Ms: null };
    return {
      perSecond: tenths(grown.count / seconds),
      p50Ms: grown.percentile(50) / 1000,
      p99Ms: grown.percentile(99) / 1000,
    };
  }

  private remember(side: Side): void {
    const earlier = this.earlier[side];
    // the one that is too old becomes the newest: nothing is allocated after the first seconds
    const total = earlier.length > LATENCY_TICKS ? earlier.shift()! : new LatencyHistogram();
    total.copyFrom(this.before[side]);
    earlier.push(total);
  }
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
