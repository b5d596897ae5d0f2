/**
 * Builds and replaces what changes with the phase: the mirror, the command table, the lanes of the clients' users.
 *
 * It also hears what happens to the two servers' processes. A new process on the mirror's side means that its data
 * may be anything: nothing is known, the backfill begins again. A new process on the authority's side may have lost
 * what the mirror has: everything is dirty until both sides were swept.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandTable } from '../commands/table.js';
import { StartError } from '../config/errors.js';
import type { Identity } from '../lanes/identity.js';
import { isRefusal, type Right } from '../lanes/rights-probe.js';
import type { ServerNode } from '../lanes/server-node.js';
import type { Upstream } from '../lanes/upstream.js';
import { isAtLeast } from '../lanes/version.js';
import type { IntentFile } from '../ledger/intent-file.js';
import { SLOTS } from '../ledger/slots.js';
import type { CompareFeatures } from '../mirror/logical/pair.js';
import { Mirror } from '../mirror/mirror.js';
import type { Logger } from '../observe/log.js';
import { PHASE_RULES, type Phase } from '../phases/phase.js';
import type { MigrationState } from '../phases/state.js';
import type { Reply } from '../resp/values.js';
import type { Backfill } from './backfill.js';
import type { BypassWatch } from './bypass/watch.js';
import type { DataLoss } from './data-loss.js';
import type { EvictionWatch } from './eviction.js';
import { Failovers } from './failover.js';
import type { Blocker, Migration } from './migration.js';
import type { Swapping } from './transition.js';
import { usedDatabases } from './used-databases.js';
import type { Verify } from './verify.js';
import { unheldOn, withoutPlace } from './without-place.js';

const PREPARE_MS = 3000;
const COPY_WINDOW = 512;

export interface User {
  readonly identity: Identity;
  readonly db: number;
}

/** Clients that listen to both sides, and are to hear each message once. */
export interface Subscribers {
  subscriptionRefusals(): string[];
  settleSubscriptions(limitMs: number): Promise<boolean>;
  phaseChanged(): void;
}

export class PhaseSwap implements Swapping {
  /** Who is connected now; their lanes must work on the new authority. */
  users: () => User[] = () => [];
  /** Calls back as soon as nothing is dirty; the app provides it. */
  whenRepaired: (then: () => void) => void = () => {};
  /** Look for changes behind Ferry; the app provides them. */
  bypass: BypassWatch | null = null;
  eviction: EvictionWatch | null = null;
  /** The clients with subscriptions; the app provides them. */
  subscribers: Subscribers | null = null;
  private prepared: Mirror | null = null;
  /** The table of the new authority's commands: building it takes longer than a pause may. */
  private preparedTable: CommandTable | null = null;
  private looking: Promise<void> | null = null;
  private readonly commands = new Map<Upstream, Reply>();
  private readonly failovers: Failovers;

  constructor(
    private readonly migration: Migration,
    private readonly backfill: Backfill,
    private readonly verify: Verify,
    private readonly intentFile: IntentFile,
    private readonly loss: DataLoss,
    private readonly log: Logger,
  ) {
    this.failovers = new Failovers(migration);
    for (const side of [migration.board.source, migration.board.target]) {
      side.events = {
        onNewProcess: (upstream, node) => this.newProcess(upstream, node),
        onSlotsMoved: (upstream, from, to, slots, mayBePromoted) => {
          this.failovers.slotsMoved(upstream, from, to, slots, mayBePromoted);
        },
        onMaster: (upstream, node) => void this.giveScripts(upstream, node),
        onQuarantine: (upstream, node) => this.quarantine(upstream, node),
        onRights: (upstream, node) => this.tellRights(upstream, node),
        onTrouble: ({ side }, { name: node }, reason) => {
          if (reason === '') this.log.info({ side, node }, 'the server answers again');
          else this.log.warn({ side, node, reason }, 'the server cannot be reached');
        },
        onBlind: ({ side }, reason) => {
          if (reason === '') this.log.info({ side }, 'a sentinel answers again');
          else this.log.warn({ side, reason }, 'a failover would not be noticed');
        },
        onLaneDown: (upstream, lane, reason) =>
          this.log.debug({ side: upstream.side, lane: lane.name, reason }, 'lane down'),
      };
    }
  }

  /** At the start of the process: resumes the phase found in the state directory. */
  async begin(isFirstStart: boolean): Promise<void> {
    const { board, state } = this.migration;
    for (const side of [board.source, board.target]) for (const node of side.masters) this.tellRights(side, node);
    await Promise.all([this.learnCommands(board.authority, true), this.learnCommands(board.follower, false)]);
    board.table = this.tableFor(board.authority, board.follower);
    if (!board.rules.mirrored) {
      await this.migration.update({ clean: false }); // it is carried into the mirrored phases
      return;
    }
    const unheld = isFirstStart
      ? await withoutPlace(board.source, board.target)
      : unheldOn(board.authority, await usedDatabases(board.authority), board.follower);
    // clients that are being served must not be left alone for what somebody put into another database meanwhile
    if (unheld !== null && isFirstStart) throw new StartError(1, unheld.message);
    if (unheld !== null) this.log.error({ reason: unheld.message }, 'databases not mirrored');
    for (const db of (await usedDatabases(board.authority)).keys()) {
      if (!board.follower.holds(db)) continue;
      await board.databases
        .admit(db, board.follower)
        .catch((error: Error) => this.log.error({ db, reason: error.message }, 'database not mirrored'));
    }
    board.mirror = this.makeMirror(board.authority, board.follower);
    void this.bypass?.tick();
    if (isFirstStart) {
      const empty = await usedDatabases(board.target).then(
        (used) => used.size === 0,
        () => false,
      );
      board.targetProven = empty;
      board.intent.enable(null);
      await this.migration.update({ targetProven: empty, clean: false, processes: this.migration.board.processes });
      return;
    }
    // While no Ferry ran, somebody may have written to one side alone: nothing is taken over unseen.
    this.migration.hazard('Ferry was restarted');
    board.targetProven = false;
    if (!isSame(board.processes, state.processes)) this.loss.weigh();
    await this.recover(state);
    if (state.backfill.state === 'running') this.backfill.resume();
    else if (state.backfill.state !== 'done') return;
    else if (board.dirty.isClean) this.verify.start(true);
    else this.whenRepaired(() => this.verify.start(true));
  }

  /** Makes dirty what may differ since the last process ended: nothing when it had drained, else what it was writing. */
  private async recover(state: MigrationState): Promise<void> {
    const { board } = this.migration;
    const { processes } = board;
    const areSame = isKnown(processes) && isSame(processes, state.processes);
    let marked: Uint8Array | null = null;
    if (areSame) marked = state.clean ? new Uint8Array(SLOTS) : await this.intentFile.load();
    marked ??= new Uint8Array(SLOTS).fill(1);
    if (board.hooks.intent === false) marked.fill(0);
    for (let slot = 0; slot < SLOTS; slot++) if (marked[slot] !== 0) board.dirty.markSlot(slot, true);
    // their bits stay until they are copied: this process may be killed as well
    board.intent.enable(marked);
    await board.intent.committed();
    const { dirtySlots } = board.dirty;
    board.counters.recoveredSlots = dirtySlots;
    const history = this.migration.note(
      `restarted${state.clean ? '' : ' uncleanly'}: ${dirtySlots} slots to copy again`,
    );
    await this.migration.update({ targetProven: false, clean: false, processes, history });
    if (dirtySlots > 0) this.log.warn({ slots: dirtySlots, of: SLOTS }, 'slots are copied again after an unclean end');
  }

  async prepare(to: Phase): Promise<Blocker[]> {
    const { board } = this.migration;
    const rules = PHASE_RULES[to];
    const authority = rules.authority === 'source' ? board.source : board.target;
    const follower = rules.authority === 'source' ? board.target : board.source;
    const blockers: Blocker[] = [];
    if (authority !== board.authority) {
      blockers.push(...(await this.checkLogins(authority)));
      for (const reason of this.subscribers?.subscriptionRefusals() ?? []) {
        const message = `The ${authority.side} refuses a client's subscription: ${reason}`;
        blockers.push({ code: 'subscription-refused', message });
      }
    }
    const needsMirror = rules.mirrored && (board.mirror === null || authority !== board.authority);
    if (!needsMirror) return blockers;
    await this.learnCommands(follower, false);
    await this.learnCommands(authority, false);
    for (const db of new Set(this.users().map((user) => user.db))) {
      await board.databases
        .prove(db)
        .catch((error: Error) =>
          blockers.push({ code: 'database-unusable', message: `Clients use it: ${error.message}.` }),
        );
    }
    if (authority !== board.authority) {
      blockers.push(...(await this.checkScripts(authority)));
      await this.bypass?.detection.prepare(authority);
    }
    this.prepared = this.makeMirror(authority, follower);
    if (authority !== board.authority) this.preparedTable = this.tableFor(authority, follower);
    if (!(await becomes(() => this.prepared!.lane.isUp, PREPARE_MS))) {
      const reason = this.prepared.lane.lastError;
      blockers.push({
        code: 'mirror-down',
        message: `The ${follower.side} is not connected${reason === '' ? '' : ` (${reason})`}: wait until it is back.`,
      });
    }
    return blockers;
  }

  draining(): void {
    this.looking = this.eviction?.look() ?? null;
  }

  async settle(limitMs: number): Promise<boolean> {
    const untilMs = performance.now() + limitMs;
    const looked = this.looking?.then(() => this.eviction?.lookAgain());
    const [areHeard] = await Promise.all([this.subscribers?.settleSubscriptions(limitMs), looked]);
    if (areHeard === false) return false;
    return (await this.bypass?.detection.settle(untilMs - performance.now())) ?? true;
  }

  unprepare(): void {
    this.prepared?.close();
    this.prepared = null;
    this.preparedTable = null;
    this.bypass?.detection.unprepare();
  }

  swap(to: Phase, epoch: number): void {
    const { board } = this.migration;
    const before = board.authority;
    const old = board.mirror;
    board.setPhase(to, epoch);
    if (!board.rules.mirrored) {
      board.intent.disable();
      board.mirror = null;
      board.known.forget();
      board.dirty.clearAll();
      old?.close();
    } else if (this.prepared !== null) {
      if (old === null) board.intent.enable(null);
      board.mirror = this.prepared;
      this.prepared = null;
      old?.close();
    }
    this.subscribers?.phaseChanged();
    this.bypass?.detection.swapped();
    void this.bypass?.tick();
    if (board.authority !== before) board.table = this.preparedTable ?? this.tableFor(board.authority, board.follower);
    this.preparedTable = null;
  }

  /** Every user and database in use now must be served by the new authority. */
  private async checkLogins(authority: Upstream): Promise<Blocker[]> {
    const seen = new Set<string>();
    const blockers: Blocker[] = [];
    for (const { identity, db: used } of this.users()) {
      // what is left out need not be there
      const db = this.migration.board.databases.isMigrated(used) ? used : authority.logicalDb(authority.endpoint.db);
      const name = `${identity.name}/${db}`;
      if (seen.has(name)) continue;
      seen.add(name);
      const refusal = await authority.tryLane(identity, db);
      if (refusal === null) continue;
      const who = identity.name === '' ? 'clients that do not authenticate' : `the user "${identity.name}"`;
      blockers.push({
        code: 'login-refused',
        message: `The ${authority.side} does not take ${who} in database ${db}: ${refusal}`,
      });
    }
    return blockers;
  }

  /** Every script and function that clients call must be there too: a NOSCRIPT would be Ferry's fault. */
  private async checkScripts(authority: Upstream): Promise<Blocker[]> {
    const { board } = this.migration;
    const blockers: Blocker[] = [];
    try {
      const shas = board.scripts.allShas();
      if (shas.length > 0) blockers.push(...(await this.missingScripts(authority, shas)));
    } catch (error) {
      const message = `Clients run scripts by SHA-1, and whether the ${authority.side} has them cannot be found out (${(error as Error).message}): allow Ferry SCRIPT EXISTS and SCRIPT LOAD there, or make sure of it and force the step.`;
      blockers.push({ code: 'scripts-missing', message });
    }
    try {
      const libraries = async (side: Upstream): Promise<Map<string, string>> =>
        librariesOf(await side.call('FUNCTION', 'LIST', 'WITHCODE'));
      const here = await libraries(board.authority);
      const there = here.size === 0 ? here : await libraries(authority);
      const lacking = [...here].filter(([name, code]) => there.get(name) !== code);
      if (lacking.length > 0) {
        const message = `The ${authority.side} lacks these libraries of functions, or has them with another text: ${lacking.map(([name]) => name).join(', ')}. Load them there with FUNCTION LOAD REPLACE.`;
        blockers.push({ code: 'functions-missing', message });
      }
    } catch (error) {
      const reason = (error as Error).message;
      this.log.warn({ side: authority.side, reason }, 'functions not compared');
      if (this.functionsCalled) {
        const message = `Clients call functions, and whether the ${authority.side} has them cannot be found out (${reason}): allow Ferry FUNCTION LIST on both sides, or make sure of it and force the step.`;
        blockers.push({ code: 'functions-missing', message });
      }
    }
    return blockers;
  }

  private get functionsCalled(): boolean {
    const { table, counters } = this.migration.board;
    return ['fcall', 'fcall_ro'].some((name) => counters.commandsById[table.byName(name)?.id ?? -1]! > 0);
  }

  private async missingScripts(authority: Upstream, shas: readonly string[]): Promise<Blocker[]> {
    const { board } = this.migration;
    const found = await existOnAll(authority, shas);
    const missing: string[] = [];
    for (const [i, sha] of shas.entries()) {
      if (found[i] === true) continue;
      const body = board.scripts.bodyOf(sha);
      if (body === undefined) missing.push(sha);
      else await authority.callEach('SCRIPT', 'LOAD', body);
    }
    // one that nobody has answers NOSCRIPT on both sides
    const here = missing.length === 0 ? [] : await existOnAll(board.authority, missing);
    const lost = missing.filter((_, i) => here[i] === true);
    if (lost.length === 0) return [];
    const shown = lost.slice(0, 5).join(', ') + (lost.length > 5 ? ', …' : '');
    const message = `Clients run ${lost.length} scripts by SHA-1 that the ${authority.side} does not have and whose text Ferry never saw (${shown}): load them there with SCRIPT LOAD.`;
    return [{ code: 'scripts-missing', message }];
  }

  private makeMirror(authority: Upstream, follower: Upstream): Mirror {
    const { board } = this.migration;
    // without its COMMAND a side has what its version has
    const has = (side: Upstream, name: string, major: number, minor: number): boolean =>
      this.commands.has(side)
        ? this.tableOf(side).byName(name)?.exists === true
        : isAtLeast(side.version, major, minor);
    const may = (side: Upstream, right: Right): boolean => !side.missingRights.includes(right);
    const canDump = has(authority, 'dump', 2, 6) && may(authority, 'DUMP');
    const canRestore = has(follower, 'restore', 2, 6) && may(follower, 'RESTORE');
    const features = (side: Upstream): CompareFeatures => ({
      hashFieldTtl: has(side, 'hpexpiretime', 7, 4),
      smismember: has(side, 'smismember', 6, 2),
    });
    let isTold = false;
    const mirror: Mirror = new Mirror({
      authority,
      mirror: follower,
      ledger: board.ledger,
      known: board.known,
      dirty: board.dirty,
      ownWrites: board.ownWrites,
      usedDbs: board.databases.used,
      scope: board.scope,
      get backlogLimitBytes() {
        return board.backlogLimitBytes;
      },
      get mayWait() {
        return board.mirrorMayWait;
      },
      counters: board.counters,
      scripts: board.scripts,
      onMirrored: board.hooks.onMirrored ?? null,
      onCopyAppended: board.hooks.at === undefined ? null : () => board.hooks.at!('copy-appended'),
      copy: {
        get budgetBytes() {
          return board.memory.isOver ? 0 : board.config.limits.copyBudgetBytes;
        },
        get bigKeyBytes() {
          return board.config.limits.bigKeyBytes;
        },
        window: COPY_WINDOW,
        hasExpireTime: has(authority, 'pexpiretime', 7, 0),
        hasDump: canDump && canRestore,
        hashFieldTtl: has(authority, 'hpexpiretime', 7, 4),
        entriesRead: has(follower, 'pexpiretime', 7, 0), // both came with 7.0
      },
      compare: { a: features(authority), b: features(follower) },
      onMismatch: () => {
        this.log.warn({ side: follower.side }, 'the mirror does not hold what it was given: somebody else changes it');
        this.doubtMirror(`the ${follower.side} answered a write otherwise than the ${authority.side}`);
      },
      onHazard: (what) => this.migration.hazard(what),
      onEmpty: () => {
        if (board.gateClosed) board.checkDrained();
      },
      onUp: () => {
        isTold = false;
        this.log.info({ side: follower.side }, 'the mirror is connected');
      },
      onDown: (reason) => {
        if (reason === 'closed' || isTold) return; // every further attempt would say the same
        isTold = true;
        this.log.warn({ side: follower.side, reason }, 'the mirror is not connected: writes make keys dirty');
      },
    });
    return mirror;
  }

  /** Where it is refused the shipped list stands in; what a side then lacks shows by its errors, and becomes dirty. */
  private async learnCommands(side: Upstream, isRequired: boolean): Promise<void> {
    try {
      this.commands.set(side, (await side.call('COMMAND')) as Reply);
    } catch (error) {
      if (isRequired && !isRefusal(error)) throw error;
      this.log.warn({ side: side.side, reason: (error as Error).message }, 'COMMAND was not answered');
    }
  }

  private tableOf(side: Upstream): CommandTable {
    const reply = this.commands.get(side);
    return reply === undefined ? CommandTable.offline() : CommandTable.fromServer(reply);
  }

  private tableFor(authority: Upstream, follower: Upstream): CommandTable {
    const { rename } = this.migration.board.config;
    const own = this.commands.get(authority);
    if (own === undefined) return CommandTable.offline();
    const aliases = new Map(
      [...Object.entries(rename.source), ...Object.entries(rename.target)]
        .filter(([, renamed]) => renamed !== '')
        .map(([name, renamed]) => [renamed, name]),
    );
    const table = CommandTable.fromServer(own, { aliases });
    const theirs = this.commands.get(follower);
    if (theirs !== undefined) table.setMirror(theirs);
    else if (follower.missingRights.includes('COMMAND')) table.assumeMirror();
    return table;
  }

  private async noteProcesses(): Promise<void> {
    await this.migration.board.keepDirtyMarks();
    if (this.migration.unsettled > 0) return; // what a promoted server lacks is not known yet
    await this.migration.keep({ processes: this.migration.board.processes });
  }

  /** The two sides may differ anywhere, until a verification says otherwise. */
  doubtMirror(why: string): void {
    const { board } = this.migration;
    this.migration.hazard(why);
    board.known.forget();
    board.targetProven = false;
    void this.migration.keep({ targetProven: false });
  }

  /** What is dirty now may yet be written by a connection that nobody can kill. */
  private quarantine(upstream: Upstream, node: ServerNode): void {
    const { board } = this.migration;
    board.dirty.quarantineAll();
    this.log.warn(
      { side: upstream.side, node: node.name, settleMs: board.config.settleMs },
      'a lost connection cannot be killed there: its keys are copied twice, and count as dirty until both copies agree',
    );
    if (board.rules.mirrored) this.migration.hazard(`a lost connection to ${node.name} could not be fenced`);
  }

  private tellRights(upstream: Upstream, node: ServerNode): void {
    const missing = [...(node.missingRights ?? [])];
    const where = { side: upstream.side, node: node.name };
    if (missing.length > 0) this.log.warn({ ...where, missing }, "Ferry's account may not do everything there");
    const { mirror, authority } = this.migration.board;
    const needed: Right = upstream === authority ? 'DUMP' : 'RESTORE';
    if (mirror !== null && missing.includes(needed)) mirror.copies.logical = true;
  }

  /** A master that joined, or was promoted, knows none of the scripts that clients call by their SHA-1. */
  private async giveScripts(upstream: Upstream, node: ServerNode): Promise<void> {
    const { board } = this.migration;
    if (!upstream.isRouted || upstream !== board.authority) return; // the mirror's lane gives them itself
    try {
      for (const body of board.scripts.allBodies()) await node.call('SCRIPT', 'LOAD', body);
    } catch (error) {
      this.log.warn({ node: node.name, reason: (error as Error).message }, 'scripts not given to a new master');
    }
  }

  private newProcess(upstream: Upstream, node: ServerNode): void {
    const { board } = this.migration;
    void this.giveScripts(upstream, node);
    if (!board.rules.mirrored) return;
    this.log.warn({ side: upstream.side, node: node.name }, 'another server process answers now');
    if (upstream === board.authority) this.loss.weigh();
    // noted when what it means is on disk: a restart must not take the new one for the one that was the same
    queueMicrotask(() => void this.noteProcesses());
    if (upstream.hasSlots) {
      // of several servers one is another now: what it serves may be anything
      this.migration.hazard(`${node.name} of the ${upstream.side} is another process`);
      board.known.forget();
      for (const slot of upstream.map.slotsOf(node.index)) {
        upstream.map.touch(slot);
        board.dirty.markSlot(slot, true);
      }
      // behind a prefix a key lies in another slot than the ledger counts it in
      if (upstream.prefixes !== null) board.dirty.markAll();
      return;
    }
    this.doubtMirror(`the ${upstream.side} is another process`);
    this.verify.stop();
    if (upstream === board.authority || board.phase === 'target-first') board.dirty.markAll();
    else this.backfill.restart(`the ${upstream.side} is another process`);
  }
}

interface Processes {
  readonly source: string;
  readonly target: string;
}

function isKnown({ source, target }: Processes): boolean {
  return source !== '' && target !== '';
}

function isSame(a: Processes, b: Processes | undefined): boolean {
  return b !== undefined && a.source === b.source && a.target === b.target;
}

/** SCRIPT EXISTS, of every master. */
async function existOnAll(side: Upstream, shas: readonly string[]): Promise<boolean[]> {
  const answers = (await side.callEach('SCRIPT', 'EXISTS', ...shas)) as number[][];
  return shas.map((_, i) => answers.every((found) => Number(found[i]) === 1));
}

/** FUNCTION LIST WITHCODE: name → text. */
function librariesOf(reply: unknown): Map<string, string> {
  const libraries = new Map<string, string>();
  for (const fields of reply as unknown[][]) {
    const field = (name: string): string => String(fields[fields.findIndex((f) => String(f) === name) + 1]);
    libraries.set(field('library_name'), field('library_code'));
  }
  return libraries;
}

async function becomes(condition: () => boolean, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > until) return false;
    await sleep(5);
  }
  return true;
}
