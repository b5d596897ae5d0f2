/**
 * What the admin API, the command line and the dashboard may ask of a running Ferry. The app implements it.
 *
 * Nothing here throws for a refusal: a step that is not allowed answers with its blockers, and nothing has changed then.
 * A rejected promise means a fault of Ferry.
 */
import type { Endpoint } from '../config/url.js';
import type { BackfillProgress } from '../jobs/backfill.js';
import type { BypassStatus } from '../jobs/bypass/watch.js';
import type { DirectClientsStatus } from '../jobs/direct-clients.js';
import type { Blocker } from '../jobs/migration.js';
import type { TrafficTotals } from '../jobs/traffic-record.js';
import type { StepOutcome, StepRequest } from '../jobs/transition.js';
import type { DifferenceKind, VerifyProgress } from '../jobs/verify.js';
import type { Phase, Side, StepName } from '../phases/phase.js';
import type { Actor, CutoverRecord, HistoryEntry } from '../phases/state.js';
import type { PreflightReport } from '../preflight/finding.js';
import type { Explanation } from '../sessions/explain.js';
import type { ScopeStatus } from './scope-note.js';
import type { Sample, SideLatency } from './timeline.js';

export type { Blocker } from '../jobs/migration.js';
export type { TrafficTotals } from '../jobs/traffic-record.js';
export type { StepOutcome as StepResult, StepRequest as PhaseRequest } from '../jobs/transition.js';
export type { DifferenceKind } from '../jobs/verify.js';
export type { Phase, Side } from '../phases/phase.js';
export type { Actor, CutoverRecord, HistoryEntry } from '../phases/state.js';
export type { PreflightReport } from '../preflight/finding.js';
export type { Explanation } from '../sessions/explain.js';
export type { Sample } from './timeline.js';

export interface VerifyRequest {
  readonly repair: boolean;
  readonly force?: boolean;
}

export interface FerryControl {
  status(): Status;
  /** what the dashboard shows; of the samples only those after `since` (ms since 1970) */
  overview(since: number): Overview;
  ready(): { ok: true } | { ok: false; reason: string };
  /** one step forward or back; cutover, rollback and finalize are such steps too. `by`, here and below: who asks, for the record */
  changePhase(request: StepRequest, by?: Actor): Promise<StepOutcome>;
  /** to the safest phase that can be reached, whatever is going on; with `from` only if that is the phase still */
  abort(by?: Actor, from?: Phase): Promise<StepOutcome>;
  /** starting one that runs already is no refusal; once this resolves, the status says so */
  backfill(action: BackfillAction, rateKeysPerSecond?: number, by?: Actor): Promise<StepOutcome>;
  /**
   * starts a verification of both sides (the status says so once this resolves); `repair` copies what differs. While one
   * runs, whoever asks for as much or less joins it; for `repair`, one that runs without is a refusal. `force`, with it,
   * takes for right what an authority has that lost its data (--lost-data hold)
   */
  verify(request: VerifyRequest, by?: Actor): Promise<StepOutcome>;
  /**
   * Looks at both sides, as `ferry preflight` does, and changes nothing; one at a time.
   * @throws when a side cannot be reached
   */
  preflight(): Promise<PreflightReport>;
  /** of the last verification, those of a running one included */
  differences(): Iterable<Difference> | AsyncIterable<Difference>;
  /** whether Ferry may be taken out, who is still there, and how it is done (leave.ts) */
  leave(): Promise<LeaveAnswer>;
  /**
   * Reads configuration and TLS files again, as at the start.
   * @throws when they are no good (one sentence, without secrets), and nothing has changed then
   */
  reload(by?: Actor): ReloadAnswer;
  /** what would happen to a client's command now, and why; nothing is sent. `args` has at least the name */
  explain(args: readonly Buffer[], db: number): Explanation;
  /** the record of the migration so far */
  report(): MigrationReport;
}

/** `GET /api/status`, as it is sent. */
export interface Status {
  version: string;
  phase: Phase;
  epoch: number;
  authority: Side;
  /** percent of the slots whose reads go to the target in `target-read` */
  share: number;
  listen: string;
  uptimeSeconds: number;
  source: SideStatus;
  target: SideStatus;
  clients: { connected: number; blocked: number; subscribed: number };
  /** `uncertain`: writes of unknown outcome since the start; `mirror.uncertain` is what is still in doubt. */
  commands: { total: number; perSecond: number; fallbacks: number; errors: number; uncertain: number };
  /** How long commands took in the last `seconds`, by the side that answered; null: it answered none. */
  latency: { seconds: number; source: SideLatency | null; target: SideLatency | null };
  /** With keys in several slots: a target that is a Cluster will refuse them after the cutover. */
  crossSlot: { total: number; commands: Record<string, number> };
  mirror: {
    backlogOps: number;
    backlogBytes: number;
    dirtyKeys: number;
    dirtySlots: number;
    /** connections that were lost and are not known to be dead on their servers */
    uncertain: number;
    /** slots in which a write would be found again after a crash of Ferry now */
    markedSlots: number;
    /** slots that were copied again because the process before this one may have been writing there */
    recoveredSlots: number;
    /** keys copied again since this process began */
    repairedKeys: number;
    /** why nothing is sent to it, and what can be done (--lost-data); '' while all is well */
    held: string;
  };
  /** changes that do not come through Ferry */
  bypass: BypassStatus;
  /** clients of the servers past Ferry, while a mirror follows */
  directClients: DirectClientsStatus;
  /** All buffers together; `throttling`: clients that hold much are not read from; `refusing`: some were closed. */
  memory: {
    heldBytes: number;
    limitBytes: number;
    pressure: 'none' | 'throttling' | 'refusing';
    closedClients: number;
  };
  /** what is left out; null: everything is migrated */
  scope: ScopeStatus | null;
  backfill: BackfillProgress;
  verify: VerifyProgress;
  lastCutover: CutoverRecord | null;
}

/** `GET /api/dashboard`, as it is sent. */
export interface Overview {
  status: Status;
  /** of the last minutes, oldest first */
  samples: Sample[];
  sampleEveryMs: number;
  /** age of the oldest operation that the mirror has not acknowledged, or of the last one that it has */
  mirrorLagMs: number;
  /** the most frequent ones, since the start */
  commands: { command: string; count: number }[];
  /** what the keys of sampled commands begin with, `share` from 0 to 1; '' for keys without a prefix */
  prefixes: { prefix: string | { base64: string }; share: number }[];
  breakers: { side: Side; node: string; open: boolean }[];
  /** those possible from here, forward first */
  steps: NextStep[];
}

export interface NextStep {
  to: Phase;
  step: StepName;
  /** as far as looking tells; a dry run finds out more */
  blockers: Blocker[];
}

export interface SideStatus {
  kind: 'standalone' | 'sentinel' | 'cluster';
  /** without its password */
  url: string;
  state: 'up' | 'down' | 'degraded';
  /** why it is not up, as far as a server or the network said, or would not be after a failover; else empty */
  reason: string;
  /** of the server; empty while it was never reached */
  version: string;
  /** what Ferry's account may not do there, as far as Ferry would */
  missingRights: string[];
  /** of a Cluster: its masters, in the order of their slots; empty for the others */
  nodes: NodeStatus[];
}

export interface NodeStatus {
  /** host:port */
  address: string;
  state: 'up' | 'down';
  /** how many it serves */
  slots: number;
}

export const BACKFILL_ACTIONS = ['start', 'pause', 'resume', 'cancel'] as const;
export type BackfillAction = (typeof BACKFILL_ACTIONS)[number];

export interface Difference {
  db: number;
  key: Buffer;
  kind: DifferenceKind;
  /** what differs, in a few words that name the sides */
  detail: string;
  /** what each side holds, where that can be said by itself: its type, its length */
  source?: string;
  target?: string;
}

export interface LeaveAnswer {
  ok: boolean;
  /** where the application must point before Ferry stops */
  pointTo: string;
  /** why Ferry must stay */
  reasons: string[];
  /** what `pointTo` says, in parts */
  connection: {
    kind: Endpoint['kind'];
    /** a UNIX socket */
    path: string | null;
    /** host:port: the server; nodes of a Cluster; sentinels */
    nodes: string[];
    /** what the sentinels call it */
    master: string | null;
    db: number;
    tls: boolean;
  };
  /** those that come through Ferry now */
  clients: LeavingClients;
  /** how many are on the servers past Ferry; null: it cannot be told */
  direct: { source: number | null; target: number | null };
  /** what each application, or who runs it, has to change */
  changes: LeaveNote[];
  /** what to know before */
  cautions: LeaveNote[];
  /** what to do, in this order; where `ok` is false, what comes first */
  steps: string[];
}

export interface LeaveNote {
  code: string;
  message: string;
}

export interface LeavingClients {
  connected: number;
  /** those that sent something within `activeWithinSeconds` */
  active: number;
  activeWithinSeconds: number;
  /** by name, user and host; the most active first */
  groups: {
    /** CLIENT SETNAME; '' if they have none */
    name: string;
    user: string;
    host: string;
    connected: number;
    active: number;
    /** they wait for data, listen or monitor: meant to be silent */
    waiting: number;
    /** of the one that sent something last */
    idleSeconds: number;
    /** databases, as they call them */
    dbs: number[];
  }[];
  /** those that are not listed */
  moreGroups: number;
}

/** Names of options. */
export interface ReloadAnswer {
  readonly changed: readonly string[];
  /** wanted, and not possible while Ferry runs: nothing of it has changed */
  readonly needsRestart: readonly string[];
}

export interface MigrationReport {
  version: string;
  /** when this process began, and when the report was asked for */
  startedAt: string;
  writtenAt: string;
  source: string;
  target: string;
  /** `by`, here and below: who asked; missing: nobody, it happened by itself, or the record is of before it said so */
  phases: { phase: Phase; epoch: number; at: string; forced: boolean; by?: Actor }[];
  /** forced steps, with what stood in their way; null: the record does not say */
  forced: { at: string; event: string; by?: Actor; passed: readonly Blocker[] | null }[];
  /** all swaps of the authority that the record has */
  cutovers: (CutoverRecord & { by?: Actor })[];
  /** whenever clients waited for a swap, or for a dry run of a step since this process began */
  pauses: { at: string; what: string; pauseMs: number; by?: Actor }[];
  verifications: { at: string; result: string }[];
  /** commands and bytes of each side since the migration began */
  traffic: TrafficTotals;
  /** everything that was noted, oldest first: steps, forced ones, verifications, pauses, losses */
  history: readonly HistoryEntry[];
  /** what is not covered or was forced, in sentences */
  risks: string[];
  status: Status;
}
