/**
 * What changes when the configuration is read again while Ferry runs, and what would need another start.
 *
 * Pure: `planReload` compares the running configuration with the wanted one. Limits, rates, the log level, small switches
 * and TLS files can change; where the data is, who may come in, and what the state on disk or a table's size depends on,
 * cannot. Names of options are told, never their values, since some are secret.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Config, deepFreeze } from './config.js';
import { isOptionName, type OptionName } from './options.js';

export interface ReloadPlan {
  /** What runs from now on. */
  readonly config: Config;
  readonly changed: readonly OptionName[];
  /** Wanted, and not changed: Ferry must be started again for it. */
  readonly needsRestart: readonly OptionName[];
}

/** What `planReload` changes; of the TLS files the contents too, as long as TLS stays on. */
export const RELOADABLE: ReadonlySet<OptionName> = new Set<OptionName>([
  'on-uncertain',
  'read-repair',
  'allow-unknown-keys',
  'client-idle-seconds',
  'memory-limit',
  'client-output-bytes',
  'mirror-backlog-bytes',
  'max-clients',
  'accept-rate',
  'max-unauthenticated',
  'auth-timeout-seconds',
  'copy-budget-bytes',
  'big-key-bytes',
  'session-window',
  'intent-idle-ms',
  'backfill-rate',
  'scan-count',
  'warm-first',
  'slowlog-ms',
  'direct-clients',
  'known-clients',
  'drain-timeout-ms',
  'max-pause-ms',
  'tls-cert',
  'tls-key',
  'tls-ca',
  'tls-sni',
  'log-level',
]);

export function planReload(now: Config, wanted: Config): ReloadPlan {
  const { dirtyKeys, knownKeys, deadlines } = now.limits;
  const config: Config = deepFreeze({
    ...now,
    onUncertain: wanted.onUncertain,
    readRepair: wanted.readRepair,
    allowUnknownKeys: wanted.allowUnknownKeys,
    clientIdleSeconds: wanted.clientIdleSeconds,
    slowlogMs: wanted.slowlogMs,
    limits: { ...wanted.limits, dirtyKeys, knownKeys, deadlines },
    backfill: wanted.backfill,
    cutover: wanted.cutover,
    tls: now.tls === null || wanted.tls === null ? now.tls : { ...wanted.tls, clientAuth: now.tls.clientAuth },
    directClients: wanted.directClients,
    logLevel: wanted.logLevel,
  });
  const names = Object.keys(VALUES).filter(isOptionName);
  const differing = (a: Config, b: Config): OptionName[] =>
    names.filter((name) => !isDeepStrictEqual(VALUES[name](a), VALUES[name](b)));
  return { config, changed: differing(now, config), needsRestart: differing(config, wanted) };
}

/** Where each option is in the configuration. */
const VALUES: Readonly<Record<OptionName, (config: Config) => unknown>> = {
  source: (c) => c.source,
  target: (c) => c.target,
  listen: (c) => c.listen,
  admin: (c) => [c.admin.host, c.admin.port],
  token: (c) => c.admin.token,
  'state-dir': (c) => c.stateDir,
  phase: (c) => c.phase,
  takeover: (c) => c.takeover,
  adopt: (c) => c.adopt,
  ack: (c) => c.ack,
  'on-uncertain': (c) => c.onUncertain,
  'read-repair': (c) => c.readRepair,
  'rename-source': (c) => c.rename.source,
  'rename-target': (c) => c.rename.target,
  'allow-unknown-keys': (c) => c.allowUnknownKeys,
  'tls-cert': (c) => c.tls?.cert,
  'tls-key': (c) => c.tls?.key,
  'tls-ca': (c) => c.tls?.ca ?? null,
  'tls-client-auth': (c) => c.tls?.clientAuth,
  'tls-sni': (c) => c.tls?.sni,
  'users-file': (c) => c.usersFile,
  'map-users': (c) => c.mapUsers,
  'source-credentials-file': (c) => c.credentials.source.file,
  'target-credentials-file': (c) => c.credentials.target.file,
  'source-credentials-command': (c) => c.credentials.source.command,
  'target-credentials-command': (c) => c.credentials.target.command,
  'credentials-refresh-seconds': (c) => c.credentials.refreshSeconds,
  'reverify-seconds': (c) => c.reverifySeconds,
  'client-idle-seconds': (c) => c.clientIdleSeconds,
  scripts: (c) => c.scripts,
  'db-prefix': (c) => c.dbPrefix,
  include: (c) => c.scope.include,
  exclude: (c) => c.scope.exclude,
  'include-dbs': (c) => c.scope.includeDbs,
  'exclude-dbs': (c) => c.scope.excludeDbs,
  'replica-reads': (c) => c.replicaReads,
  announce: (c) => c.announce,
  'topology-refresh': (c) => c.topology.refreshMs,
  'redirect-wait': (c) => c.topology.redirectWaitMs,
  'dns-servers': (c) => c.topology.dnsServers,
  'dns-refresh': (c) => c.topology.dnsRefreshMs,
  'memory-limit': (c) => c.limits.memoryBytes,
  'client-output-bytes': (c) => c.limits.clientOutputBytes,
  'mirror-backlog-bytes': (c) => c.limits.mirrorBacklogBytes,
  'max-clients': (c) => c.limits.maxClients,
  'accept-rate': (c) => c.limits.acceptRate,
  'max-unauthenticated': (c) => c.limits.maxUnauthenticated,
  'auth-timeout-seconds': (c) => c.limits.authTimeoutSeconds,
  'dirty-keys': (c) => c.limits.dirtyKeys,
  'known-keys': (c) => c.limits.knownKeys,
  deadlines: (c) => c.limits.deadlines,
  'copy-budget-bytes': (c) => c.limits.copyBudgetBytes,
  'big-key-bytes': (c) => c.limits.bigKeyBytes,
  'session-window': (c) => c.limits.sessionWindow,
  'intent-idle-ms': (c) => c.limits.intentIdleMs,
  'target-read-timeout-ms': (c) => c.timeouts.targetReadMs,
  'silent-connection-ms': (c) => c.timeouts.silentConnectionMs,
  'settle-ms': (c) => c.settleMs,
  eviction: (c) => c.eviction,
  'lost-data': (c) => c.lostData,
  'detect-bypass': (c) => c.detectBypass.mode,
  'direct-clients': (c) => c.directClients.mode,
  'known-clients': (c) => c.directClients.known,
  'detect-bypass-rate': (c) => c.detectBypass.maxWritesPerSecond,
  'backfill-rate': (c) => c.backfill.rateKeysPerSecond,
  'scan-count': (c) => c.backfill.scanCount,
  'warm-first': (c) => c.backfill.warmsFirst,
  'drain-timeout-ms': (c) => c.cutover.drainTimeoutMs,
  'max-pause-ms': (c) => c.cutover.maxPauseMs,
  'slowlog-ms': (c) => c.slowlogMs,
  'log-level': (c) => c.logLevel,
};
