/**
 * A Ferry that does nothing: FerryControl and MetricsSource with fields to set and a record of what was asked.
 */
import type {
  Actor,
  BackfillAction,
  Difference,
  Explanation,
  FerryControl,
  LeaveAnswer,
  MigrationReport,
  Overview,
  PhaseRequest,
  PreflightReport,
  ReloadAnswer,
  Status,
  StepResult,
} from '../../src/admin/control.js';
import type { MetricsSnapshot, MetricsSource } from '../../src/admin/metrics.js';
import { LatencyHistogram } from '../../src/observe/histogram.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
/** A status that tests may set. */
type FakeStatus = Omit<Status, 'backfill' | 'verify'> & {
  backfill: Writable<Status['backfill']>;
  verify: Writable<Status['verify']>;
};

export class FakeControl implements FerryControl, MetricsSource {
  readonly asked: unknown[] = [];
  /** the answers of the next steps, in order; when there are none, the step is taken */
  answers: StepResult[] = [];
  current: FakeStatus = freshStatus();
  notReady = '';
  /** what a reload meets */
  broken: Error | null = null;
  found: Difference[] = [];
  preflightReport: PreflightReport = { ok: true, findings: [] };
  /** how often the status says "running" after a job was started */
  pollsUntilDone = 1;
  differencesToFind = 0;
  snapshot: MetricsSnapshot = freshSnapshot();
  leaving: LeaveAnswer = freshLeave();
  /** who asked for each step, in order */
  readonly callers: (Actor | undefined)[] = [];
  private polls = 0;

  status(): Status {
    const { backfill, verify } = this.current;
    if ((backfill.state === 'running' || verify.state === 'running') && this.polls++ >= this.pollsUntilDone) {
      if (backfill.state === 'running') Object.assign(backfill, { state: 'done', scanned: 10, copied: 10 });
      if (verify.state === 'running') this.finishVerify();
    }
    return structuredClone(this.current);
  }

  overview(since: number): Overview {
    this.asked.push({ call: 'overview', since });
    return {
      status: this.status(),
      samples: [],
      sampleEveryMs: 1000,
      mirrorLagMs: 0,
      commands: [],
      prefixes: [],
      breakers: [],
      steps: [],
    };
  }

  ready(): { ok: true } | { ok: false; reason: string } {
    return this.notReady === '' ? { ok: true } : { ok: false, reason: this.notReady };
  }

  async changePhase(request: PhaseRequest, by?: Actor): Promise<StepResult> {
    this.callers.push(by);
    this.asked.push({ call: 'phase', ...request });
    const result = this.answers.shift() ?? { ok: true };
    if (result.ok && request.dryRun !== true) this.current.phase = request.to;
    return result;
  }

  async abort(by?: Actor): Promise<StepResult> {
    this.callers.push(by);
    this.asked.push({ call: 'abort' });
    return this.answers.shift() ?? { ok: true };
  }

  async backfill(action: BackfillAction, rateKeysPerSecond?: number, by?: Actor): Promise<StepResult> {
    this.callers.push(by);
    this.asked.push({ call: 'backfill', action, rateKeysPerSecond });
    const result = this.answers.shift() ?? { ok: true };
    if (result.ok && action === 'start') this.current.backfill.state = 'running';
    this.polls = 0;
    return result;
  }

  async verify({ repair }: { repair: boolean }, by?: Actor): Promise<StepResult> {
    this.callers.push(by);
    this.asked.push({ call: 'verify', repair });
    const result = this.answers.shift() ?? { ok: true };
    if (result.ok) this.current.verify.state = 'running';
    if (repair) this.differencesToFind = 0;
    this.polls = 0;
    return result;
  }

  async preflight(): Promise<PreflightReport> {
    this.asked.push({ call: 'preflight' });
    return this.preflightReport;
  }

  differences(): Difference[] {
    return this.found;
  }

  async leave(): Promise<LeaveAnswer> {
    const ok = this.current.phase === 'target-only';
    return { ...this.leaving, ok, reasons: ok ? [] : ['The phase is not target-only.'] };
  }

  reload(by?: Actor): ReloadAnswer {
    this.callers.push(by);
    if (this.broken !== null) throw this.broken;
    return { changed: ['log-level'], needsRestart: ['listen'] };
  }

  explain(args: readonly Buffer[], db: number): Explanation {
    this.asked.push({ call: 'explain', args: args.map(String), db });
    const reason = 'reads go to the source in dual-write';
    const keys = [{ key: String(args[1]), slot: 7, isWritten: false, isDirty: false }];
    return {
      command: 'GET',
      phase: 'dual-write',
      route: 'sent to the authority',
      side: 'source',
      reason,
      mirrored: null,
      keys,
      notes: [],
    };
  }

  report(): MigrationReport {
    const { version, source, target } = this.current;
    const startedAt = '2026-01-01T00:00:00.000Z';
    const by = { name: 'anna@ops', address: '10.0.0.7' };
    const phases = [{ phase: 'dual-write' as const, epoch: 1, at: startedAt, forced: false, by }];
    const side = { answered: 3, commands: 5, bytesOut: 1500, bytesIn: 700 };
    return {
      version,
      startedAt,
      writtenAt: startedAt,
      source: source.url,
      target: target.url,
      phases,
      forced: [],
      cutovers: [],
      pauses: [],
      verifications: [{ at: startedAt, result: '10 keys compared, nothing differs' }],
      traffic: { since: startedAt, isWhole: true, source: side, target: { ...side, answered: 0 } },
      history: [{ at: startedAt, event: 'source-only → dual-write', by }],
      risks: ['<b>Nobody</b> was asked.'],
      status: this.status(),
    };
  }

  metrics(): MetricsSnapshot {
    return this.snapshot;
  }

  private finishVerify(): void {
    const { verify } = this.current;
    verify.state = 'done';
    verify.finishedAt = '2026-01-01T00:00:00.000Z';
    verify.differences.value = this.differencesToFind;
    verify.clean = this.differencesToFind === 0;
  }
}

export function freshStatus(): Status {
  const side = { kind: 'standalone', state: 'up', version: '7.0.15' } as const;
  return {
    version: '0.1.0',
    phase: 'source-only',
    epoch: 1,
    authority: 'source',
    share: 100,
    listen: '127.0.0.1:6380',
    uptimeSeconds: 1,
    source: { ...side, url: 'redis://a', reason: '', missingRights: [], nodes: [] },
    target: { ...side, url: 'redis://b', reason: '', missingRights: [], nodes: [] },
    clients: { connected: 0, blocked: 0, subscribed: 0 },
    commands: { total: 0, perSecond: 0, fallbacks: 0, errors: 0, uncertain: 0 },
    latency: { seconds: 10, source: null, target: null },
    crossSlot: { total: 0, commands: {} },
    memory: { heldBytes: 0, limitBytes: 1 << 30, pressure: 'none', closedClients: 0 },
    mirror: {
      backlogOps: 0,
      backlogBytes: 0,
      dirtyKeys: 0,
      dirtySlots: 0,
      uncertain: 0,
      markedSlots: 0,
      recoveredSlots: 0,
      repairedKeys: 0,
      held: '',
    },
    bypass: { mode: 'auto', state: 'off', sign: '', refusal: '', found: 0, lastFoundAt: null },
    directClients: { source: null, target: null },
    scope: null,
    backfill: {
      state: 'idle',
      scanned: 0,
      copied: 0,
      failed: 0,
      estimated: 10,
      keysPerSecond: 0,
      etaSeconds: null,
      warmed: 0,
      leftOut: 0,
    },
    verify: {
      state: 'idle',
      compared: 0,
      differences: { missing: 0, extra: 0, type: 0, value: 0, ttl: 0 },
      evicted: 0,
      uncompared: 0,
      clean: null,
      finishedAt: null,
    },
    lastCutover: null,
  };
}

function freshLeave(): LeaveAnswer {
  return {
    ok: false,
    pointTo: 'redis://b',
    reasons: [],
    connection: { kind: 'standalone', path: null, nodes: ['b:6379'], master: null, db: 0, tls: false },
    clients: { connected: 0, active: 0, activeWithinSeconds: 60, groups: [], moreGroups: 0 },
    direct: { source: 0, target: 0 },
    changes: [],
    cautions: [],
    steps: [],
  };
}

function freshSnapshot(): MetricsSnapshot {
  return {
    commands: [{ command: 'get', side: 'source', count: 3 }],
    commandMicros: { source: new LatencyHistogram(), target: new LatencyHistogram() },
    fallbackReads: 1,
    readRepairs: 2,
    mirrorOps: { replay: 3, copy: 4 },
    mirrorErrors: 5,
    mirrorBacklogBytes: 6,
    mirrorLagSeconds: 0.5,
    dirtyKeys: 7,
    uncertainWrites: 8,
    bufferBytes: 9,
    clientsConnected: 9,
    phase: 'dual-write',
    backfillKeys: { copied: 10, failed: 1 },
    verifyDifferences: { missing: 1, extra: 0, type: 0, value: 0, ttl: 0 },
    cutoverPauseSeconds: null,
    crossSlotCommands: { MULTI: 12 },
    breakers: [{ node: '127.0.0.1:1', open: true }],
    sides: { source: 'up', target: 'degraded' },
    errors: 0,
    slowCommands: 0,
    unfencedConnections: 0,
    dirtySlots: 0,
    mirrorBacklogLimitBytes: 1 << 28,
    bufferLimitBytes: 1 << 30,
    clientsClosed: 0,
    bypassChanges: 0,
    bytes: { source: { bytesOut: 11, bytesIn: 12 }, target: { bytesOut: 13, bytesIn: 14 } },
    backfill: { state: 'idle', scanned: 0, estimated: 0 },
    verify: { state: 'idle', clean: null, uncompared: 2 },
  };
}
