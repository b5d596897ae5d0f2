/**
 * The app: builds the parts, connects them, and knows in which order they start and stop.
 *
 *   start   state directory → both sides → phase, mirror → listener → admin API
 *   stop    no new clients → gate closed, drained → durable "clean" → replies taken → everything closed
 *
 * Start-up errors are StartErrors: one sentence and an exit code.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { FerryControl } from './admin/control.js';
import { RunningFerry } from './admin/ferry-control.js';
import type { AdminServer } from './admin/server.js';
import { addressText } from './config/addresses.js';
import type { Config, Endpoint } from './config/config.js';
import { StartError } from './config/errors.js';
import { planReload } from './config/reload.js';
import { refusalOf } from './jobs/adoption.js';
import { Backfill } from './jobs/backfill.js';
import { BypassDetection } from './jobs/bypass/detection.js';
import { BypassWatch } from './jobs/bypass/watch.js';
import { DataLoss } from './jobs/data-loss.js';
import { DirectClients } from './jobs/direct-clients.js';
import { EvictionWatch } from './jobs/eviction.js';
import { KeyComparison } from './jobs/key-comparison.js';
import { Lease, placeText } from './jobs/lease.js';
import { Migration } from './jobs/migration.js';
import { PhaseSwap } from './jobs/phase-swap.js';
import { Repair } from './jobs/repair.js';
import { TrafficRecord } from './jobs/traffic-record.js';
import { Transitions } from './jobs/transition.js';
import { Verify } from './jobs/verify.js';
import { Accounts, UserFile } from './lanes/accounts.js';
import type { NameResolver } from './lanes/discovery/resolver.js';
import { turn } from './lanes/turn.js';
import { cannotBeUsed, reasonOf } from './lanes/unusable.js';
import { Upstream } from './lanes/upstream.js';
import { DirtyKeys } from './ledger/dirty.js';
import { WriteIntent } from './ledger/intent.js';
import { IntentFile } from './ledger/intent-file.js';
import { KnownKeys } from './ledger/known.js';
import { SlotLedger } from './ledger/slots.js';
import { ScriptBook } from './mirror/scripts.js';
import { type Logger, silentLogger } from './observe/log.js';
import { adopt } from './phases/lease-record.js';
import { PHASE_RULES, type Side } from './phases/phase.js';
import { type MigrationState, newState, StateDirectory, StateError } from './phases/state.js';
import { Counters } from './routing/counters.js';
import { Databases } from './routing/databases.js';
import { Switchboard, type TestHooks } from './routing/switchboard.js';
import { Certificates } from './sessions/certificates.js';
import { Listener } from './sessions/listener.js';
import { LoginWatch } from './sessions/logins.js';
import { KeyPrefixes } from './topology/key-prefixes.js';
import { Scope, scopeText } from './topology/scope.js';

export interface FerryOptions {
  /** Reads the configuration again, as at the start; without it a reload only renews TLS files. @throws ConfigError */
  readonly readConfig?: () => Config;
  readonly log?: Logger;
  readonly hooks?: TestHooks;
  /** Who resolves the names of servers; else the system's resolver, or `dns-servers`. */
  readonly resolver?: NameResolver;
}

const CLOCK_EVERY_MS = 5000;
const SETTLE_INTENT_EVERY_MS = 1000;
const STOP_DRAIN_MS = 5000;
/** How long a client may take for its last replies, and to hang up. */
const STOP_LEAVE_MS = 2000;

/** What tests and reports look at, gathered from the parts. */
export interface FerryCounters {
  readonly parked: number;
  readonly joinedCopies: number;
  readonly fallbacks: number;
  readonly cascades: number;
  readonly stalls: number;
  readonly repairs: number;
  readonly chunkedCopies: number;
  readonly targetReads: number;
  readonly replicaReads: number;
  readonly selfCheckMismatches: number;
}

export interface Ferry {
  readonly port: number;
  readonly adminPort: number;
  readonly control: FerryControl;
  readonly counters: FerryCounters;
  /** Resolves with the reason when it ended by itself: another process serves the pair now. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export async function startFerry(config: Config, options: FerryOptions = {}): Promise<Ferry> {
  const directory = new StateDirectory(config.stateDir);
  const opened = await openState(directory, config);
  try {
    return await startFrom(opened, directory, config, options);
  } catch (error) {
    // refused before anybody was served: the next start is the first one again, of whatever pair
    if (opened.isFirstStart) await directory.remove(opened.state.migrationId);
    throw error instanceof StateError ? new StartError(2, error.message) : error;
  }
}

/** A start that fails leaves nothing open: else the process would not end. */
async function startFrom(
  opened: OpenedState,
  directory: StateDirectory,
  config: Config,
  options: FerryOptions,
): Promise<Ferry> {
  const log = options.log ?? silentLogger();
  const startedAt = new Date();
  let { state, isFirstStart } = opened;
  // a part of the names of all connections: what an earlier process left shows by it
  const holder = randomBytes(4).toString('hex');
  const where = `process ${process.pid} on ${hostname()}`;

  const prefixes = Object.keys(config.dbPrefix).length === 0 ? null : new KeyPrefixes(config.dbPrefix);
  // a prefix on the Cluster is another place than its own database
  const isPrefixed = config.target.kind === 'cluster' && prefixes?.has(config.source.db) === true;
  const isMapped = config.source.db !== config.target.db && !isPrefixed;
  const mappedDb = isMapped ? config.source.db : -1;
  const scope = Scope.of(config.scope);
  if (scope?.hasPatterns === true && Object.values(config.scripts).includes('replay')) {
    log.warn(
      'a replayed script that touches keys which it does not name may change keys of the target that are left out',
    );
  }
  const certificates = openCertificates(config);
  const accounts = await openAccounts(config);
  const openSides = async (): Promise<{ source: Upstream; target: Upstream; lease: Lease }> => {
    const name = `ferry:${state.migrationId}:${state.epoch}:${holder}`;
    const source = openSide('source', config, accounts, -1, prefixes, scope, name, options.resolver);
    const target = openSide('target', config, accounts, mappedDb, prefixes, scope, name, options.resolver);
    const lease = new Lease({ sides: { source, target }, db: config.source.db, holder, where, log });
    try {
      await connectSides(source, target, state, isFirstStart, log);
    } catch (error) {
      source.close();
      target.close();
      throw error;
    }
    return { source, target, lease };
  };
  let { source, target, lease } = await openSides();
  // it takes a while to load, and there is time while the lease is looked at again
  let loadingAdmin: Promise<typeof import('./admin/server.js')>;
  const stopSides = (): void => {
    source.close();
    target.close();
  };
  try {
    const verdict = await lease.look(state);
    if (verdict.kind !== 'ours') {
      const refusal = await refusalOf(verdict, directory.path, config.adopt, { source, target }, lease);
      if (refusal !== null) throw new StartError(1, refusal);
      const changed = changedMapping({ ...verdict.record, dbPrefix: verdict.record.dbPrefix ?? state.dbPrefix }, state);
      if (changed !== null) throw new StartError(2, changed);
      log.warn(
        { epoch: verdict.record.epoch, phase: verdict.record.phase },
        'the state of the migration is adopted from the servers',
      );
      state = adopt(state, verdict.record);
      const { epoch, phase } = state;
      const event = `adopted from the servers: ${phase}, epoch ${epoch}; what was recorded before is lost`;
      state = { ...state, history: [...state.history, { at: new Date().toISOString(), event }] };
      isFirstStart = false;
      // the connections are named by the migration
      stopSides();
      ({ source, target, lease } = await openSides());
    }
    await lease.acquire(state, config.takeover);
    loadingAdmin = import('./admin/server.js');
    // a first start touches nothing that another process may have, so it looks again when it is about to serve
    if (!isFirstStart) await lease.confirm();
    await directory.save(state);
    // whoever had them is dead, or cut off: what it left in its connections must not run after a repair
    const isOlder = (name: string): boolean =>
      name.startsWith(`ferry:${state.migrationId}:`) && !name.includes(`:${holder}`);
    if (!isFirstStart) await Promise.all([source, target].map((side) => side.fencePredecessors(isOlder)));
  } catch (error) {
    stopSides();
    throw error;
  }

  const [seedA, seedB] = [randomBytes(4).readUInt32LE(), randomBytes(4).readUInt32LE()];
  const hooks = options.hooks ?? {};
  const ledger = new SlotLedger(turn);
  ledger.admissionOff = hooks.admission === false;
  const intentFile = new IntentFile(config.stateDir, state.migrationId);
  const intent = new WriteIntent(intentFile);
  intent.onFailure = (error) => {
    log.error({ reason: error.message }, 'the write-intent bitmap cannot be written: a crash now costs a full sweep');
  };
  const board = new Switchboard(
    config,
    source,
    target,
    ledger,
    new KnownKeys(config.limits.knownKeys, config.limits.deadlines, seedA, seedB),
    new DirtyKeys(config.limits.dirtyKeys, scope),
    intent,
    new Databases([source, target], config.source.db, scope),
    new Counters(),
    new ScriptBook(config.scripts),
    hooks,
    state.phase,
    state.epoch,
  );
  board.share = state.share;
  const migration = new Migration(board, log, directory, state);
  board.dirty.onSlotMarked = () => migration.hazard('more keys were dirty than can be remembered one by one');
  const backfill = new Backfill(migration);
  const comparison = new KeyComparison(migration);
  const verify = new Verify(migration, comparison);
  const repair = new Repair(migration);
  repair.isBackfilling = () => backfill.isRunning;
  migration.publish = (changed) => lease.publish(changed);
  repair.agrees = async (db, key) => (await comparison.differenceIn(db, key)) === null;
  const loss = new DataLoss(migration);
  const swap = new PhaseSwap(migration, backfill, verify, intentFile, loss, log);
  const bypass = new BypassWatch(migration, new BypassDetection(migration, comparison));
  swap.bypass = bypass;
  const direct = new DirectClients(migration);
  const eviction = new EvictionWatch(
    migration,
    () => bypass.detection.isLive,
    (why) => swap.doubtMirror(why),
  );
  swap.eviction = eviction;
  verify.watched = () => bypass.tick();
  verify.evicted = (side) => eviction.evicted(side);
  const transitions = new Transitions({ migration, backfill, verify, bypass, direct }, repair, swap);

  const listener = new Listener(board, certificates);
  board.memory.watch(() => listener.clients.byId.values(), {
    unsentBytes: () => source.unsentBytes() + target.unsentBytes(),
    partialBytes: () => source.partialBytes() + target.partialBytes(),
    mirrorBytes: () => board.mirror?.lane.heldBytes ?? 0,
    copyBytes: () => board.mirror?.copies.heldBytes ?? 0,
  });
  // what the servers answer may wait for clients that do not read it
  for (const side of [source, target]) side.traffic.onIn = (bytes) => board.memory.arrived(bytes);
  const logins = new LoginWatch(board, listener.clients, log, config.reverifySeconds);
  const renewal = renewCredentials([source, target], config, log);
  swap.subscribers = listener.clients;
  swap.whenRepaired = (then) => repair.whenClean(then);
  swap.users = () =>
    [...listener.clients.byId.values()].map((session) => ({ identity: session.identity, db: session.db }));
  let port = 0;
  const traffic = new TrafficRecord(board, config.stateDir, state.migrationId);
  const control = new RunningFerry({
    config,
    migration,
    backfill,
    verify,
    loss,
    bypass,
    direct,
    transitions,
    startedAt,
    traffic,
    listenAddress: () => config.listen.path ?? `${config.listen.host}:${port}`,
    clients: () => ({
      connected: listener.clients.byId.size,
      blocked: listener.clients.blocked,
      subscribed: listener.clients.subscribed,
    }),
    clientList: () => listener.clients.connected(),
    eventPatterns: () => listener.clients.eventPatterns(),
  });
  board.describe = () => control.infoText();
  control.onReload = () => {
    const plan = planReload(board.config, options.readConfig?.() ?? board.config);
    // everything that can fail comes before anything takes effect
    const renewals = [listener.prepare(plan.config.tls), source.tls.prepare(), target.tls.prepare()];
    for (const renew of renewals) renew();
    const { rateKeysPerSecond } = plan.config.backfill;
    if (rateKeysPerSecond !== board.config.backfill.rateKeysPerSecond) backfill.setRate(rateKeysPerSecond);
    board.config = plan.config;
    log.level = plan.config.logLevel;
    log.info({ changed: plan.changed, needsRestart: plan.needsRestart }, 'the configuration was read again');
    return plan;
  };

  let admin: AdminServer | null = null;
  const clock = setInterval(() => {
    for (const side of [source, target]) if (side.state !== 'down') side.refresh().catch(() => {});
  }, CLOCK_EVERY_MS);
  const intents = setInterval(() => intent.settle(board, board.config.limits.intentIdleMs), SETTLE_INTENT_EVERY_MS);
  const closeAll = async (): Promise<void> => {
    clearInterval(clock);
    clearInterval(intents);
    clearInterval(renewal);
    lease.stop();
    logins.stop();
    board.memory.stop();
    control.stop();
    eviction.stop();
    bypass.stop();
    direct.stop();
    listener.closeAll();
    verify.stop();
    await backfill.stop().catch(() => {});
    await repair.stop();
    await admin?.stop();
    board.mirror?.close();
    stopSides();
    traffic.stop();
    await intent.committed();
    await intentFile.close();
  };
  try {
    await swap.begin(isFirstStart);
    const { startAdminServer } = await loadingAdmin;
    await lease.confirm();
    port = await listen(listener, config);
    admin = await startAdminServer(control, control, config.admin, log);
    traffic.begin();
  } catch (error) {
    await lease.release(migration.state, isFirstStart);
    await closeAll();
    throw error;
  }
  log.info(
    {
      listen: config.listen.path ?? `${config.listen.host}:${port}`,
      phase: board.phase,
      source: source.endpoint.url,
      target: target.endpoint.url,
    },
    'ferry is ready',
  );

  let stopping: Promise<void> | null = null;
  const ended = new Promise<string>((resolve) => {
    lease.onLost = (other) => {
      log.fatal(
        { holder: other.holder, where: other.where },
        'another Ferry serves this pair now: this one stops at once',
      );
      board.closeGate();
      stopping ??= closeAll();
      void stopping.finally(() =>
        resolve(`Another Ferry (${other.holder}) has taken over this pair${placeText(other)}.`),
      );
    };
  });
  board.onFlushed = () => lease.renew();
  lease.begin();

  const adminPort = admin.port;
  return {
    port,
    adminPort,
    control,
    get counters() {
      const c = board.counters;
      return {
        parked: ledger.parkedEver,
        joinedCopies: c.joinedCopies,
        fallbacks: c.fallbacks,
        cascades: c.cascades,
        stalls: c.stalls,
        repairs: c.repairs,
        chunkedCopies: c.chunkedCopies,
        targetReads: c.targetReads,
        replicaReads: c.replicaReads,
        selfCheckMismatches: c.selfCheckMismatches,
      };
    },
    ended,
    stop() {
      stopping ??= (async () => {
        listener.stopAccepting();
        verify.stop();
        await backfill.stop().catch(() => {});
        await repair.hold(STOP_DRAIN_MS);
        board.closeGate();
        const drained = await board.drained(STOP_DRAIN_MS);
        await board.keepDirtyMarks();
        await migration.keep({ clean: drained && board.dirty.isClean && !board.isUnfenced });
        await listener.clients.leave(STOP_LEAVE_MS);
        await lease.release(migration.state);
        await closeAll();
        log.info({ drained }, 'ferry has stopped');
      })();
      return stopping;
    },
  };
}

async function openAccounts(config: Config): Promise<Accounts> {
  const { credentials, mapUsers, usersFile } = config;
  try {
    const users = usersFile === null ? null : new UserFile(usersFile);
    const accounts = new Accounts({ source: config.source, target: config.target }, credentials, mapUsers, users);
    for (const own of [accounts.own.source, accounts.own.target]) if (own.changes) await own.refresh();
    return accounts;
  } catch (error) {
    throw new StartError(2, `The credentials cannot be read: ${reasonOf(error)}. Check the files and commands given.`);
  }
}

function openSide(
  side: Side,
  config: Config,
  accounts: Accounts,
  mappedDb: number,
  prefixes: KeyPrefixes | null,
  scope: Scope | null,
  name: string,
  resolver: NameResolver | undefined,
): Upstream {
  try {
    return new Upstream({
      side,
      endpoint: config[side],
      accounts,
      mappedDb,
      prefixes,
      scope,
      connectionName: `${name}${side[0]}`,
      rename: config.rename[side],
      topology: config.topology,
      timeouts: config.timeouts,
      resolver,
    });
  } catch (error) {
    throw new StartError(2, `The TLS files of the ${side} cannot be read: ${reasonOf(error)}. Check its URL.`);
  }
}

/** Null: clients get no TLS. */
function openCertificates({ tls }: Config): Certificates | null {
  if (tls === null) return null;
  try {
    return new Certificates(tls);
  } catch (error) {
    throw new StartError(2, `The TLS files for clients cannot be used: ${reasonOf(error)}.`);
  }
}

/** Secrets that change are read again now and then, and told to what is open. */
function renewCredentials(sides: readonly Upstream[], config: Config, log: Logger): NodeJS.Timeout {
  return setInterval(() => {
    for (const side of sides) {
      if (!side.own.changes) continue;
      side.own.refresh().then(
        (changed) => (changed ? side.renewLogin() : undefined),
        (error: Error) => log.warn({ side: side.side, reason: error.message }, 'credentials not read again'),
      );
    }
  }, config.credentials.refreshSeconds * 1000);
}

interface OpenedState {
  readonly state: MigrationState;
  /** There was none; it is on disk already, so that one who cannot write there learns it first. */
  readonly isFirstStart: boolean;
}

async function openState(directory: StateDirectory, config: Config): Promise<OpenedState> {
  const source = placeOf(config.source);
  const target = placeOf(config.target);
  if (source === target) {
    throw new StartError(2, `Source and target are the same server and database (${source}): give two different ones.`);
  }
  let found: MigrationState | null;
  try {
    found = await directory.load();
  } catch (error) {
    throw new StartError(2, (error as StateError).message);
  }
  if (found === null) {
    const state = { ...newState(source, target, config.phase), ...mappingIn(config) };
    try {
      await directory.save({ ...state, clean: false });
    } catch (error) {
      throw new StartError(2, (error as StateError).message);
    }
    return { state, isFirstStart: true };
  }
  if (found.source !== source || found.target !== target) {
    throw new StartError(
      2,
      `The state directory ${directory.path} belongs to the migration ${found.source} → ${found.target}, not to ${source} → ${target}: use another --state-dir.`,
    );
  }
  const asked = mappingIn(config);
  // nothing is on the target yet
  if (found.phase === 'source-only') return { state: { ...found, ...asked }, isFirstStart: false };
  const changed = changedMapping(found, asked);
  if (changed !== null) throw new StartError(2, changed);
  return { state: found, isFirstStart: false };
}

/**
 * Why a migration cannot go on with other keys, or other names for them, than it began with; null when it does not.
 * `asked`: as it is configured now.
 */
function changedMapping(
  { phase, scope, dbPrefix }: Pick<MigrationState, 'phase' | 'scope' | 'dbPrefix'>,
  asked: Pick<MigrationState, 'scope' | 'dbPrefix'>,
): string | null {
  const began = scope ?? '';
  const wanted = asked.scope ?? '';
  if (began !== wanted && PHASE_RULES[phase].mirrored) {
    return `The migration began with ${began || 'every key'}, and now ${wanted || 'every key'} is to be migrated: what is on either side, and what is known of it, belongs to the former. Go back to source-only first, or give the same --include and --exclude.`;
  }
  const names = textOf(dbPrefix ?? {});
  const wantedNames = textOf(asked.dbPrefix ?? {});
  if (names === wantedNames || phase === 'source-only') return null;
  return `Keys went to the Cluster with ${names}, and ${wantedNames} would look for them under other names: go back to source-only first, or give the same --db-prefix.`;
}

/** Which keys are to be on the target, and under which names. */
function mappingIn({ source, target, dbPrefix, scope }: Config): Required<Pick<MigrationState, 'dbPrefix' | 'scope'>> {
  // prefixes mean something for a Cluster only
  const isCluster = source.kind === 'cluster' || target.kind === 'cluster';
  return { dbPrefix: isCluster ? dbPrefix : {}, scope: scopeText(scope) };
}

function textOf(dbPrefix: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(dbPrefix).map(([db, prefix]) => `${db}=${prefix}`);
  return pairs.length === 0 ? 'no --db-prefix' : `--db-prefix ${pairs.join(',')}`;
}

/**
 * What the state directory knows a side by: `host:port/db` or a path, `cluster:host:port,host:port` and
 * `sentinel:host:port,host:port/master-name/db`. The order in which addresses are given does not matter.
 */
function placeOf(endpoint: Endpoint): string {
  const { kind, path, host, port, db, master } = endpoint;
  if (kind === 'standalone') return path ?? `${host}:${port}/${db}`;
  const addresses = endpoint.addresses.map(addressText).sort().join(',');
  return kind === 'cluster' ? `cluster:${addresses}` : `sentinel:${addresses}/${master}/${db}`;
}

/** Both must answer at the first start; later only the authority's side must. */
async function connectSides(
  source: Upstream,
  target: Upstream,
  state: MigrationState,
  isFirstStart: boolean,
  log: Logger,
): Promise<void> {
  const { authority } = PHASE_RULES[state.phase];
  const asked = [source, target].map((side) => ({ side, connected: side.connect() }));
  for (const { connected } of asked) connected.catch(() => {}); // each is waited for in its turn
  for (const { side, connected } of asked) {
    try {
      await connected;
    } catch (error) {
      if (isFirstStart || side.side === authority) throw cannotBeUsed(side.side, side.endpoint, error);
      log.warn({ side: side.side, reason: reasonOf(error) }, 'not reachable at start');
    }
  }
  if (state.phase !== 'target-only') refuseOneServer(source, target);
}

/** Two names or addresses may lead to one server: each of its writes would be mirrored to itself. */
function refuseOneServer(source: Upstream, target: Upstream): void {
  const known = new Set(source.runId.split(' '));
  if (!target.runId.split(' ').some((runId) => runId !== '' && known.has(runId))) return;
  const urls = `${source.endpoint.url} and ${target.endpoint.url}`;
  throw new StartError(2, `Source and target are the same server (${urls} lead to it): give two different ones.`);
}

async function listen(listener: Listener, config: Config): Promise<number> {
  const { host, port, path } = config.listen;
  try {
    return await listener.listen(config.listen);
  } catch (error) {
    const where = path ?? `${host}:${port}`;
    throw new StartError(2, `Cannot listen on ${where}: ${reasonOf(error)}. Choose another --listen.`);
  }
}
