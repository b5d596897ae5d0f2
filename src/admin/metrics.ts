/**
 * `GET /metrics`: Ferry's own figures and Node's process metrics, as Prometheus text.
 *
 * Nothing is done per command for this: each scrape asks the MetricsSource once and copies its totals. The names are
 * part of the contract with users.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { BackfillProgress } from '../jobs/backfill.js';
import type { VerifyProgress } from '../jobs/verify.js';
import type { LatencyHistogram } from '../observe/histogram.js';
import { PHASES, type Phase } from '../phases/phase.js';
import type { DifferenceKind, Side } from './control.js';

export interface MetricsSource {
  metrics(): MetricsSnapshot;
}

/** Totals are since the start of the process. */
export interface MetricsSnapshot {
  commands: Iterable<{ command: string; side: Side; count: number }>;
  /** in microseconds, from the client's bytes to its reply */
  commandMicros: Readonly<Record<Side, LatencyHistogram>>;
  fallbackReads: number;
  readRepairs: number;
  mirrorOps: Readonly<Record<string, number>>;
  mirrorErrors: number;
  mirrorBacklogBytes: number;
  /** age of the oldest operation that the mirror has not acknowledged */
  mirrorLagSeconds: number;
  dirtyKeys: number;
  uncertainWrites: number;
  /** all buffers together, as last measured */
  bufferBytes: number;
  clientsConnected: number;
  phase: Phase;
  /** by result: copied, failed, warmed (ahead of the scan), left_out */
  backfillKeys: Readonly<Record<string, number>>;
  verifyDifferences: Readonly<Record<DifferenceKind, number>>;
  /** null before the first cutover */
  cutoverPauseSeconds: number | null;
  /** by name, those with keys in several slots of a target that is a Cluster */
  crossSlotCommands: Readonly<Record<string, number>>;
  breakers: Iterable<{ node: string; open: boolean }>;
  sides: Readonly<Record<Side, 'up' | 'down' | 'degraded'>>;
  /** errors that Ferry itself answered */
  errors: number;
  slowCommands: number;
  /** connections that were lost and are not known to be dead on their servers */
  unfencedConnections: number;
  dirtySlots: number;
  mirrorBacklogLimitBytes: number;
  bufferLimitBytes: number;
  /** clients that were closed to free memory */
  clientsClosed: number;
  bypassChanges: number;
  /** over the lanes, as in lanes/traffic.ts */
  bytes: Readonly<Record<Side, { bytesOut: number; bytesIn: number }>>;
  backfill: { state: BackfillProgress['state']; scanned: number; estimated: number };
  verify: { state: VerifyProgress['state']; clean: boolean | null; uncompared: number };
}

const UP = { up: 1, degraded: 0.5, down: 0 } as const;
const BACKFILL_STATES = ['idle', 'running', 'paused', 'done', 'failed'] as const;
const VERIFY_STATES = ['idle', 'running', 'done', 'failed'] as const;
const MICROS_PER_SECOND = 1e6;
const DURATION_BOUNDS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

export class Metrics {
  readonly contentType: string;
  private readonly source: MetricsSource;
  private readonly registry = new Registry();
  private readonly fill: ((snapshot: MetricsSnapshot) => void)[] = [];

  constructor(source: MetricsSource) {
    this.source = source;
    this.contentType = this.registry.contentType;
    collectDefaultMetrics({ register: this.registry });
    this.describe();
  }

  async text(): Promise<string> {
    const snapshot = this.source.metrics();
    for (const fill of this.fill) fill(snapshot);
    return `${await this.registry.metrics()}\n${durationText(snapshot.commandMicros)}`;
  }

  private describe(): void {
    this.counter('commands_total', 'Commands forwarded', ['command', 'side'], (counter, now) => {
      for (const { command, side, count } of now.commands) counter.inc({ command, side }, count);
    });
    this.counter(
      'cross_slot_commands_total',
      'Commands that the Cluster will refuse after the cutover',
      ['command'],
      (counter, now) => {
        for (const [command, count] of Object.entries(now.crossSlotCommands)) counter.inc({ command }, count);
      },
    );
    this.counter('fallback_reads_total', 'Reads asked again on the source', [], (counter, now) => {
      counter.inc(now.fallbackReads);
    });
    this.counter('read_repairs_total', 'Keys copied because a read missed them', [], (counter, now) => {
      counter.inc(now.readRepairs);
    });
    this.counter('mirror_ops_total', 'Operations sent to the mirror', ['class'], (counter, now) => {
      for (const [name, count] of Object.entries(now.mirrorOps)) counter.inc({ class: name }, count);
    });
    this.counter('mirror_errors_total', 'Operations the mirror refused or lost', [], (counter, now) => {
      counter.inc(now.mirrorErrors);
    });
    this.counter('uncertain_writes_total', 'Writes of unknown outcome', [], (counter, now) => {
      counter.inc(now.uncertainWrites);
    });
    this.counter('backfill_keys_total', 'Keys of the backfill', ['result'], (counter, now) => {
      for (const [result, count] of Object.entries(now.backfillKeys)) counter.inc({ result }, count);
    });
    this.gauge('mirror_backlog_bytes', 'Bytes of unacknowledged mirror operations', [], (gauge, now) => {
      gauge.set(now.mirrorBacklogBytes);
    });
    this.gauge('mirror_lag_seconds', 'Age of the oldest unacknowledged mirror operation', [], (gauge, now) => {
      gauge.set(now.mirrorLagSeconds);
    });
    this.gauge('dirty_keys', 'Keys that must be copied again', [], (gauge, now) => gauge.set(now.dirtyKeys));
    this.gauge('buffer_bytes', 'Bytes in all buffers together', [], (gauge, now) => gauge.set(now.bufferBytes));
    this.gauge('clients_connected', 'Connected clients', [], (gauge, now) => gauge.set(now.clientsConnected));
    this.gauge('phase', '1 for the current phase', ['phase'], (gauge, now) => {
      for (const phase of PHASES) gauge.set({ phase }, phase === now.phase ? 1 : 0);
    });
    this.gauge('verify_differences', 'Differences of the last verification', ['kind'], (gauge, now) => {
      for (const [kind, count] of Object.entries(now.verifyDifferences)) gauge.set({ kind }, count);
    });
    this.gauge('cutover_pause_seconds', 'Pause of the last cutover or rollback', [], (gauge, now) => {
      if (now.cutoverPauseSeconds !== null) gauge.set(now.cutoverPauseSeconds);
      else gauge.remove();
    });
    this.describeState();
    this.describeTroubles();
  }

  private describeState(): void {
    this.gauge('side_up', '1 while the side answers; a Cluster with nodes away is 0.5', ['side'], (gauge, now) => {
      for (const side of ['source', 'target'] as const) gauge.set({ side }, UP[now.sides[side]]);
    });
    this.gauge('backfill_state', '1 for what the backfill is', ['state'], (gauge, now) => {
      for (const state of BACKFILL_STATES) gauge.set({ state }, state === now.backfill.state ? 1 : 0);
    });
    this.gauge('backfill_scanned_keys', 'Keys that the backfill has seen', [], (gauge, now) =>
      gauge.set(now.backfill.scanned),
    );
    this.gauge('backfill_estimated_keys', 'About how many there are', [], (gauge, now) =>
      gauge.set(now.backfill.estimated),
    );
    this.gauge('verify_state', '1 for what the verification is', ['state'], (gauge, now) => {
      for (const state of VERIFY_STATES) gauge.set({ state }, state === now.verify.state ? 1 : 0);
    });
    this.gauge('verify_uncompared_keys', 'Too big and too busy to be compared', [], (gauge, now) =>
      gauge.set(now.verify.uncompared),
    );
    this.gauge('verify_clean', '1: the last verification found no difference', [], (gauge, now) => {
      if (now.verify.clean !== null) gauge.set(now.verify.clean ? 1 : 0);
      else gauge.remove();
    });
  }

  private describeTroubles(): void {
    this.counter('errors_total', 'Errors that Ferry itself answered', [], (counter, now) => counter.inc(now.errors));
    this.counter('slow_commands_total', 'Commands over slowlog-ms', [], (counter, now) =>
      counter.inc(now.slowCommands),
    );
    this.counter('clients_closed_total', 'Clients closed to free memory', [], (counter, now) =>
      counter.inc(now.clientsClosed),
    );
    this.counter('bypass_changes_total', 'Keys that others changed', [], (counter, now) =>
      counter.inc(now.bypassChanges),
    );
    this.counter('bytes_total', 'Bytes to and from the servers', ['side', 'direction'], (counter, now) => {
      for (const side of ['source', 'target'] as const) {
        counter.inc({ side, direction: 'out' }, now.bytes[side].bytesOut);
        counter.inc({ side, direction: 'in' }, now.bytes[side].bytesIn);
      }
    });
    this.gauge('unfenced_connections', 'Lost connections that may still write', [], (gauge, now) =>
      gauge.set(now.unfencedConnections),
    );
    this.gauge('dirty_slots', 'Slots that must be swept', [], (gauge, now) => gauge.set(now.dirtySlots));
    this.gauge('mirror_backlog_limit_bytes', 'Beyond it, keys become dirty', [], (gauge, now) =>
      gauge.set(now.mirrorBacklogLimitBytes),
    );
    this.gauge('buffer_limit_bytes', 'The limit for all buffers together', [], (gauge, now) =>
      gauge.set(now.bufferLimitBytes),
    );
    this.gauge('breaker_open', '1 while a node is not asked because it failed', ['node'], (gauge, now) => {
      for (const { node, open } of now.breakers) gauge.set({ node }, open ? 1 : 0);
    });
  }

  private counter<L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    fill: (counter: Counter<L>, snapshot: MetricsSnapshot) => void,
  ): void {
    const counter = new Counter({ name: `ferry_${name}`, help, labelNames, registers: [this.registry] });
    this.fill.push((snapshot) => {
      counter.reset();
      fill(counter, snapshot);
    });
  }

  private gauge<L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    fill: (gauge: Gauge<L>, snapshot: MetricsSnapshot) => void,
  ): void {
    const gauge = new Gauge({ name: `ferry_${name}`, help, labelNames, registers: [this.registry] });
    this.fill.push((snapshot) => {
      gauge.reset();
      fill(gauge, snapshot);
    });
  }
}

/**
 * The one histogram, written here: prom-client can only count one value by value, and Ferry's own histograms have done
 * that already.
 */
function durationText(commandMicros: MetricsSnapshot['commandMicros']): string {
  const name = 'ferry_command_duration_seconds';
  const lines = [`# HELP ${name} Time from a command to its reply`, `# TYPE ${name} histogram`];
  for (const [side, micros] of Object.entries(commandMicros)) {
    for (const le of DURATION_BOUNDS_SECONDS) {
      lines.push(`${name}_bucket{le="${le}",side="${side}"} ${micros.countUpTo(le * MICROS_PER_SECOND)}`);
    }
    lines.push(`${name}_bucket{le="+Inf",side="${side}"} ${micros.count}`);
    lines.push(`${name}_sum{side="${side}"} ${micros.sum / MICROS_PER_SECOND}`);
    lines.push(`${name}_count{side="${side}"} ${micros.count}`);
  }
  return `${lines.join('\n')}\n`;
}
