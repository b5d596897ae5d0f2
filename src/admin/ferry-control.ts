/** FerryControl over the running parts: what the API, the command line and `ferry.control` in tests talk to. */
import type { Config } from '../config/config.js';
import { VERSION } from '../config/version.js';
import type { Backfill } from '../jobs/backfill.js';
import type { BypassWatch } from '../jobs/bypass/watch.js';
import type { DataLoss } from '../jobs/data-loss.js';
import type { DirectClients } from '../jobs/direct-clients.js';
import type { Migration } from '../jobs/migration.js';
import type { TrafficRecord } from '../jobs/traffic-record.js';
import { phaseChanged, refused, type Transitions } from '../jobs/transition.js';
import type { Verify } from '../jobs/verify.js';
import type { Upstream } from '../lanes/upstream.js';
import { SLOTS } from '../ledger/slots.js';
import { RateMeter } from '../observe/rate.js';
import type { Phase } from '../phases/phase.js';
import type { Actor } from '../phases/state.js';
import type { PreflightReport } from '../preflight/finding.js';
import { preflight } from '../preflight/preflight.js';
import type { Crossings } from '../routing/crossings.js';
import type { ConnectedClient } from '../sessions/clients.js';
import { explain } from '../sessions/explain.js';
import type {
  BackfillAction,
  Difference,
  Explanation,
  FerryControl,
  LeaveAnswer,
  MigrationReport,
  NodeStatus,
  Overview,
  PhaseRequest,
  ReloadAnswer,
  Side,
  SideStatus,
  Status,
  StepResult,
  VerifyRequest,
} from './control.js';
import { leaveAnswer } from './leave.js';
import type { MetricsSnapshot, MetricsSource } from './metrics.js';
import { OverviewSource } from './overview.js';
import { reportOf } from './report.js';
import { scopeStatus } from './scope-note.js';

export interface ControlParts {
  readonly config: Config;
  readonly migration: Migration;
  readonly backfill: Backfill;
  readonly loss: DataLoss;
  readonly verify: Verify;
  readonly bypass: BypassWatch;
  readonly direct: DirectClients;
  readonly transitions: Transitions;
  readonly startedAt: Date;
  readonly traffic: TrafficRecord;
  /** host:port that clients connect to */
  listenAddress(): string;
  clients(): Status['clients'];
  clientList(): ConnectedClient[];
  /** how many patterns of keyspace events they listen to */
  eventPatterns(): number;
}

const RATE_SAMPLE_MS = 500;
/** So long `leave` waits to be told who is on the servers past Ferry. */
const DIRECT_LOOK_MS = 1500;

export class RunningFerry implements FerryControl, MetricsSource {
  private readonly rate = new RateMeter();
  private readonly timer: NodeJS.Timeout;
  private hadFailed = false;
  private preflightRunning: Promise<PreflightReport> | null = null;
  private readonly overviews: OverviewSource;

  constructor(private readonly parts: ControlParts) {
    this.timer = setInterval(() => this.measureRate(), RATE_SAMPLE_MS);
    this.timer.unref();
    const { board } = parts.migration;
    this.overviews = new OverviewSource({
      status: () => this.status(),
      reading: () => ({
        durations: board.counters.durations,
        mirrorOps: Object.entries(board.counters.ops).reduce((sum, [kind, n]) => (kind === 'none' ? sum : sum + n), 0),
        mirrorLagMs: board.mirror?.lane.lagMs ?? 0,
        backlogOps: (board.mirror?.lane.backlogOps ?? 0) + (board.mirror?.copies.active ?? 0),
        backlogBytes: board.mirror?.lane.backlogBytes ?? 0,
        dirtyKeys: board.dirty.size,
      }),
      commands: () => this.commandCounts(),
      prefixes: (limit) => board.prefixSample.top(limit),
      breakers: () => [board.source, board.target].flatMap(breakersOf),
      blockers: (to) => parts.transitions.standing(to),
    });
  }

  stop(): void {
    clearInterval(this.timer);
    this.overviews.stop();
  }

  overview(since: number): Overview {
    return this.overviews.overview(since);
  }

  status(): Status {
    const { migration, backfill, verify } = this.parts;
    const { board } = migration;
    const { counters, mirror, dirty } = board;
    return {
      version: VERSION,
      phase: board.phase,
      epoch: board.epoch,
      authority: board.rules.authority,
      share: board.share,
      listen: this.parts.listenAddress(),
      uptimeSeconds: Math.round((Date.now() - this.parts.startedAt.getTime()) / 100) / 10,
      source: sideStatus(board.source),
      target: sideStatus(board.target),
      clients: this.parts.clients(),
      commands: {
        total: counters.commands,
        perSecond: Math.round(this.rate.perSecond()),
        fallbacks: counters.fallbacks + counters.cascades,
        errors: counters.errors,
        uncertain: counters.uncertainWrites,
      },
      latency: this.overviews.latency(),
      crossSlot: { total: board.crossings.total, commands: crossingsOf(board.crossings) },
      mirror: {
        // copies on their way count: 0 means that nothing is owed to the mirror
        backlogOps: (mirror?.lane.backlogOps ?? 0) + (mirror?.copies.active ?? 0),
        backlogBytes: mirror?.lane.backlogBytes ?? 0,
        dirtyKeys: dirty.size,
        dirtySlots: dirty.dirtySlots,
        uncertain: board.source.unfenced + board.target.unfenced,
        markedSlots: board.intent.size,
        recoveredSlots: counters.recoveredSlots,
        repairedKeys: counters.repairs,
        held: this.parts.loss.text,
      },
      bypass: this.parts.bypass.status,
      directClients: this.parts.direct.status,
      memory: {
        heldBytes: board.memory.heldBytes,
        limitBytes: board.config.limits.memoryBytes,
        pressure: board.memory.pressure,
        closedClients: board.memory.evicted,
      },
      scope: scopeStatus(board.config.scope, board.phase, backfill),
      backfill: backfill.progress,
      verify: verify.progress,
      lastCutover: migration.state.lastCutover,
    };
  }

  ready(): { ok: true } | { ok: false; reason: string } {
    const { board } = this.parts.migration;
    // while some of a Cluster's nodes are away, the others' slots are served
    if (board.authority.state === 'down') return { ok: false, reason: `the ${board.authority.side} is not reachable` };
    return { ok: true };
  }

  changePhase(request: PhaseRequest, by?: Actor): Promise<StepResult> {
    return this.parts.transitions.change(request, by);
  }

  /**
   * The safest phase: whichever side has the authority keeps it, and nothing depends on the other any more. Before
   * the cutover that is `dual-write` (reads go home); after it the target is the truth, and only a rollback, with
   * its guards, leads back.
   */
  async abort(by?: Actor, from?: Phase): Promise<StepResult> {
    const { migration, backfill, verify } = this.parts;
    const { board } = migration;
    if (from !== undefined && from !== board.phase) return phaseChanged(from, board.phase);
    verify.stop();
    if (backfill.isRunning) backfill.pause();
    void this.note('asked to abort', by);
    switch (board.phase) {
      case 'target-first':
        return this.changePhase({ to: 'target-read' }, by);
      case 'target-read':
        return this.changePhase({ to: 'dual-write' }, by);
      case 'target-only':
        return {
          ok: false,
          error: 'The migration is finalized.',
          blockers: [{ code: 'finalized', message: 'target-only cannot be undone.' }],
        };
      default:
        return { ok: true, note: `The phase is ${board.phase}: the source serves everything already.` };
    }
  }

  async backfill(action: BackfillAction, rateKeysPerSecond?: number, by?: Actor): Promise<StepResult> {
    const { migration, backfill } = this.parts;
    const { phase } = migration.board;
    if (rateKeysPerSecond !== undefined) backfill.setRate(rateKeysPerSecond);
    if ((action === 'start' || action === 'resume') && phase !== 'dual-write' && phase !== 'target-read') {
      const message = `The backfill runs in dual-write or target-read, and the phase is ${phase}.`;
      return refused('wrong-phase', message);
    }
    const state = backfill.progress.state;
    if (action === 'start' && state === 'paused') backfill.resume();
    else if (action === 'start' && state !== 'running') backfill.start();
    else if (action === 'pause') backfill.pause();
    else if (action === 'resume') backfill.resume();
    else if (action === 'cancel') backfill.cancel();
    void this.note(`backfill ${action}${rateText(rateKeysPerSecond)}`, by);
    return { ok: true };
  }

  preflight(): Promise<PreflightReport> {
    this.preflightRunning ??= this.lookAround().finally(() => {
      this.preflightRunning = null;
    });
    return this.preflightRunning;
  }

  private async lookAround(): Promise<PreflightReport> {
    const { config, migration } = this.parts;
    const live = { crossings: crossingsOf(migration.board.crossings) };
    return (await preflight(config, { live })).report;
  }

  async verify(request: VerifyRequest, by?: Actor): Promise<StepResult> {
    const { migration, verify, loss } = this.parts;
    if (!migration.board.rules.mirrored) {
      const message = `There is nothing to verify in ${migration.board.phase}: no side follows the other.`;
      return refused('wrong-phase', message);
    }
    if (loss.text !== '') {
      if (!request.repair || request.force !== true) {
        const blockers = [{ code: 'data-lost', message: loss.text }];
        return { ok: false, error: 'Nothing can be compared now.', blockers };
      }
      loss.follow();
      void this.note('what the authority has is taken for right', by);
    }
    const asked = request.repair ? 'verification asked for, with repair' : 'verification asked for';
    if (!verify.isRunning) {
      verify.start(request.repair);
      void this.note(asked, by);
      return { ok: true };
    }
    const running = verify.isRepairing ? 'with repair' : 'without repair';
    if (request.repair && !verify.isRepairing) {
      const message = `A verification ${running} is under way, and what it found would stay: ask again when it is over.`;
      return refused('verification-running', message);
    }
    void this.note(`${asked}: one ${running} was under way`, by);
    return { ok: true, note: `A verification ${running} was under way already.` };
  }

  differences(): Iterable<Difference> {
    return this.parts.verify.differences();
  }

  async leave(): Promise<LeaveAnswer> {
    const { config, migration, direct, clientList, eventPatterns } = this.parts;
    const { board, state } = migration;
    const past = await direct.now(DIRECT_LOOK_MS);
    const { phase, authority } = board;
    return leaveAnswer({
      phase,
      config,
      clients: clientList(),
      direct: { source: past.source?.length ?? null, target: past.target?.length ?? null },
      nodes: authority.hasSlots ? nodesOf(authority).map(({ address }) => address) : [],
      isReachable: authority.state !== 'down',
      splits: board.counters.splits,
      commands: new Map(this.commandCounts().map(({ command, count }) => [command, count])),
      eventPatterns: eventPatterns(),
      since: state.history.filter(({ event }) => event.includes(`→ ${phase}`)).at(-1)?.at ?? null,
    });
  }

  explain(args: readonly Buffer[], db: number): Explanation {
    return explain(this.parts.migration.board, args, db);
  }

  report(): MigrationReport {
    const { migration, transitions, startedAt, traffic } = this.parts;
    const { state } = migration;
    const { dryRuns } = transitions;
    return reportOf({ state, dryRuns, startedAt, now: new Date(), traffic: traffic.totals(), status: this.status() });
  }

  metrics(): MetricsSnapshot {
    const { migration, backfill, verify } = this.parts;
    const { board } = migration;
    const { counters, mirror } = board;
    counters.settleSides(board.rules.authority);
    const { totals } = backfill;
    return {
      commands: (['source', 'target'] as const).flatMap((side) =>
        this.countsIn(counters.bySide[side]).map(({ command, count }) => ({ command, side, count })),
      ),
      commandMicros: counters.durations,
      fallbackReads: counters.fallbacks + counters.cascades,
      readRepairs: counters.readRepairs,
      mirrorOps: counters.ops,
      mirrorErrors: counters.mirrorErrors,
      mirrorBacklogBytes: mirror?.lane.backlogBytes ?? 0,
      mirrorLagSeconds: (mirror?.lane.lagMs ?? 0) / 1000,
      dirtyKeys: board.dirty.size + Math.min(1, board.dirty.dirtySlots) * (board.dirty.dirtySlots / SLOTS),
      uncertainWrites: counters.uncertainWrites,
      bufferBytes: board.memory.heldBytes,
      clientsConnected: this.parts.clients().connected,
      phase: board.phase,
      backfillKeys: {
        copied: totals.copied,
        failed: totals.failed,
        warmed: totals.warmed,
        left_out: totals.leftOut,
      },
      verifyDifferences: verify.progress.differences,
      cutoverPauseSeconds: migration.state.lastCutover === null ? null : migration.state.lastCutover.pauseMs / 1000,
      crossSlotCommands: crossingsOf(board.crossings),
      breakers: [board.source, board.target].flatMap(breakersOf),
      sides: { source: board.source.state, target: board.target.state },
      errors: counters.errors,
      slowCommands: board.noticed.slow.total,
      unfencedConnections: board.source.unfenced + board.target.unfenced,
      dirtySlots: board.dirty.dirtySlots,
      mirrorBacklogLimitBytes: board.config.limits.mirrorBacklogBytes,
      bufferLimitBytes: board.config.limits.memoryBytes,
      clientsClosed: board.memory.evicted,
      bypassChanges: this.parts.bypass.status.found,
      bytes: { source: board.source.traffic, target: board.target.traffic },
      backfill: backfill.progress,
      verify: verify.progress,
    };
  }

  /** The app's part of `reload`. @throws when something is wrong, and nothing has changed then */
  onReload: () => ReloadAnswer = () => ({ changed: [], needsRestart: [] });

  reload(by?: Actor): ReloadAnswer {
    const { changed, needsRestart } = this.onReload();
    const what = changed.length === 0 ? 'nothing has changed' : `changed: ${changed.join(', ')}`;
    void this.note(`configuration read again, ${what}`, by);
    return { changed, needsRestart };
  }

  /** The text of INFO ferry and FERRY STATUS. */
  infoText(): string {
    const lines: string[] = ['# Ferry'];
    const add = (prefix: string, value: unknown): void => {
      if (value !== null && typeof value === 'object') {
        for (const [name, part] of Object.entries(value))
          add(prefix === '' ? snake(name) : `${prefix}_${snake(name)}`, part);
      } else lines.push(`${prefix}:${value ?? ''}`);
    };
    const { source, target, crossSlot, directClients, ...status } = this.status();
    add('', status);
    add('direct_clients', { source: directClients.source?.length, target: directClients.target?.length });
    for (const [side, { nodes, missingRights, ...rest }] of [
      ['source', source] as const,
      ['target', target] as const,
    ]) {
      add(side, rest);
      add(`${side}_missing_rights`, missingRights.join(','));
      for (const [i, { address, state, slots }] of nodes.entries()) {
        add(`${side}_node${i}`, `address=${address},state=${state},slots=${slots}`);
      }
    }
    add('cross_slot_total', crossSlot.total);
    add(
      'cross_slot_commands',
      Object.entries(crossSlot.commands)
        .map((pair) => pair.join('='))
        .join(','),
    );
    return `${lines.join('\r\n')}\r\n`;
  }

  /** A backfill that failed says so in the log only; its end is saved with its state (jobs/migration.ts). */
  private noteFailure(): void {
    const hasFailed = this.parts.backfill.progress.state === 'failed';
    if (hasFailed && !this.hadFailed) void this.note('backfill failed: the log says why', undefined);
    this.hadFailed = hasFailed;
  }

  private commandCounts(): { command: string; count: number }[] {
    return this.countsIn(this.parts.migration.board.counters.commandsById);
  }

  private countsIn(byId: Float64Array): { command: string; count: number }[] {
    return this.parts.migration.board.table
      .all()
      .filter(({ id }) => byId[id]! > 0)
      .map(({ id, name }) => ({ command: name, count: byId[id]! }));
  }

  /** A line of the record. Nobody waits for the disk: what was asked for is under way all the same. */
  private note(event: string, by: Actor | undefined): Promise<void> {
    const { migration } = this.parts;
    return migration.keep({ history: migration.note(event, { by }) });
  }

  private measureRate(): void {
    this.noteFailure();
    this.rate.sample(this.parts.migration.board.counters.commands, performance.now());
  }
}

function sideStatus(upstream: Upstream): SideStatus {
  const { kind, url } = upstream.endpoint;
  return {
    kind,
    url,
    state: upstream.state,
    reason: upstream.trouble,
    version: upstream.version,
    missingRights: upstream.missingRights,
    nodes: nodesOf(upstream),
  };
}

function nodesOf({ hasSlots, map, masters }: Upstream): NodeStatus[] {
  if (!hasSlots) return [];
  const order = map.owners();
  const slots = new Map<number, number>();
  for (let slot = 0; slot < SLOTS; slot++) slots.set(map.owner[slot]!, (slots.get(map.owner[slot]!) ?? 0) + 1);
  const place = (index: number): number => (order.includes(index) ? order.indexOf(index) : order.length);
  return [...masters]
    .sort((a, b) => place(a.index) - place(b.index))
    .map(({ name, state, index }) => ({ address: name, state, slots: slots.get(index) ?? 0 }));
}

/** One server at a fixed address by its connection string, others by their own addresses. */
function breakersOf({ side, isRouted, masters, endpoint }: Upstream): { side: Side; node: string; open: boolean }[] {
  return masters.map(({ name, breaker }) => ({ side, node: isRouted ? name : endpoint.url, open: breaker.isOpen }));
}

function crossingsOf({ byName }: Crossings): Record<string, number> {
  return Object.fromEntries([...byName].map(([name, { count }]) => [name, count]));
}

function rateText(keysPerSecond: number | undefined): string {
  if (keysPerSecond === undefined) return '';
  return keysPerSecond === 0 ? ', as fast as it can' : `, at most ${keysPerSecond} keys a second`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
