/**
 * May Ferry be taken out, and how: who still comes through it, what each application must change, what will be different
 * without it, and the steps in their order. Pure: everything was looked at before (`LeaveFacts`).
 *
 *   source-only, target-only   yes: one side has the data, and nothing is mirrored
 *   any other phase            no: without Ferry the two sides would drift apart; the steps say what comes first
 *   and                        no, while somebody uses a database that only Ferry keeps apart (--db-prefix)
 *
 * A *change* must be made in an application, or beside it; a *caution* is to be known before.
 */
import { addressText } from '../config/addresses.js';
import type { Config, Endpoint } from '../config/config.js';
import { LEASE_KEY } from '../phases/lease-record.js';
import { PHASE_RULES, type Phase, type Side } from '../phases/phase.js';
import type { ConnectedClient } from '../sessions/clients.js';
import { scopeText } from '../topology/scope.js';
import type { LeaveAnswer, LeaveNote, LeavingClients } from './control.js';

export interface LeaveFacts {
  readonly phase: Phase;
  readonly config: Pick<
    Config,
    'source' | 'target' | 'listen' | 'tls' | 'mapUsers' | 'usersFile' | 'rename' | 'dbPrefix' | 'scope'
  >;
  readonly clients: readonly ConnectedClient[];
  /** how many are on the servers past Ferry; null: nobody can tell */
  readonly direct: Readonly<Record<Side, number | null>>;
  /** host:port of the authority's servers, as far as they are known */
  readonly nodes: readonly string[];
  readonly isReachable: boolean;
  /** of commands that Ferry took apart for a Cluster, by name */
  readonly splits: ReadonlyMap<string, number>;
  /** of all commands since this process began, by name, lower case */
  readonly commands: ReadonlyMap<string, number>;
  /** how many patterns of keyspace events clients listen to */
  readonly eventPatterns: number;
  /** when the phase began; null: the record does not say */
  readonly since: string | null;
}

/** Who sent something so lately counts as active. */
const ACTIVE_SECONDS = 60;
const GROUPS_MAX = 50;
/** What is about all keys, and on a Cluster is answered by each node for its own. */
const ABOUT_ALL_KEYS = ['keys', 'scan', 'dbsize', 'randomkey', 'flushall', 'flushdb'];

export function leaveAnswer(facts: LeaveFacts): LeaveAnswer {
  const { phase, config, direct } = facts;
  const end = config[PHASE_RULES[phase].authority];
  const reasons = reasonsOf(facts, end);
  const isOver = isAtAnEnd(phase);
  return {
    ok: reasons.length === 0,
    pointTo: end.url,
    reasons,
    connection: {
      kind: end.kind,
      path: end.path ?? null,
      nodes: end.kind === 'sentinel' || facts.nodes.length === 0 ? end.addresses.map(addressText) : [...facts.nodes],
      master: end.master ?? null,
      db: end.db,
      tls: end.tls !== undefined,
    },
    clients: leavingClients(facts.clients),
    direct: { ...direct },
    changes: isOver ? changesOf(facts, end) : [],
    cautions: isOver ? cautionsOf(facts, end) : [],
    steps: isOver ? stepsOf(facts) : firstSteps(phase),
  };
}

/** Nothing is mirrored: one side has everything. */
function isAtAnEnd(phase: Phase): boolean {
  return !PHASE_RULES[phase].mirrored;
}

function reasonsOf({ phase, config, clients }: LeaveFacts, end: Endpoint): string[] {
  if (!isAtAnEnd(phase)) {
    return [
      `The phase is ${phase}: without Ferry the two sides would drift apart. Finalize, or go back to source-only.`,
    ];
  }
  if (end.kind !== 'cluster') return [];
  return Object.entries(config.dbPrefix).flatMap(([db, prefix]) => {
    const there = clients.filter((client) => client.db === Number(db)).length;
    if (there === 0) return [];
    return [
      `${clientsText(there)} in database ${db}, which only Ferry keeps apart: on the Cluster its keys are named '${prefix}…' (--db-prefix). Without Ferry they would find none of their keys. The application must use those names itself first.`,
    ];
  });
}

function firstSteps(phase: Phase): string[] {
  switch (phase) {
    case 'target-first':
      return [
        'When the target has proven itself: ferry finalize (the source is not written any more then, for good). Then ferry leave again.',
        'Or give the migration up: ferry rollback, ferry phase dual-write, ferry phase source-only. Then ferry leave again.',
      ];
    default:
      return [
        'Go on to the end: ferry migrate --until target-first, later ferry finalize. Then ferry leave again.',
        `Or give the migration up: ${phase === 'target-read' ? 'ferry phase dual-write, ' : ''}ferry phase source-only. Then ferry leave again.`,
      ];
  }
}

// ── who is there

/** Those with the same name, user and host are one group; the most active group first. */
function leavingClients(clients: readonly ConnectedClient[]): LeavingClients {
  const groups = new Map<string, LeavingClients['groups'][number]>();
  let active = 0;
  for (const { address, name, user, db, idleMs, isWaiting } of clients) {
    const host = address.replace(/:\d+$/, '');
    const key = JSON.stringify([name, user, host]);
    let group = groups.get(key);
    if (group === undefined) {
      group = { name, user, host, connected: 0, active: 0, waiting: 0, idleSeconds: Number.POSITIVE_INFINITY, dbs: [] };
      groups.set(key, group);
    }
    const isActive = idleMs <= ACTIVE_SECONDS * 1000;
    if (isActive) active++;
    group.connected++;
    if (isActive) group.active++;
    if (isWaiting) group.waiting++;
    group.idleSeconds = Math.min(group.idleSeconds, Math.max(0, Math.floor(idleMs / 1000)));
    if (!group.dbs.includes(db)) group.dbs.push(db);
  }
  const sorted = [...groups.values()].sort((a, b) => b.active - a.active || b.connected - a.connected);
  for (const { dbs } of sorted) dbs.sort((a, b) => a - b);
  return {
    connected: clients.length,
    active,
    activeWithinSeconds: ACTIVE_SECONDS,
    groups: sorted.slice(0, GROUPS_MAX),
    moreGroups: Math.max(0, sorted.length - GROUPS_MAX),
  };
}

// ── what is to be changed

function changesOf({ phase, config, nodes }: LeaveFacts, end: Endpoint): LeaveNote[] {
  const { authority } = PHASE_RULES[phase];
  const changes = [connectionChange(end, nodes)];
  const add = (code: string, message: string): void => {
    changes.push({ code, message });
  };
  if (end.username !== null || end.password !== null) {
    add(
      'account',
      `The application logs in with an account of its own: the one in Ferry's connection string is Ferry's. Who used that one through Ferry needs another, with the rights on keys and channels that the application needs.`,
    );
  }
  if (end.tls !== undefined && config.tls === null) {
    add(
      'tls',
      `The ${authority} is reached over TLS, and Ferry was reached without: turn TLS on in the client, and give it the authority that signed the server's certificate${end.tls.cert === undefined ? '' : ', and a client certificate'}.`,
    );
  } else if (end.tls !== undefined) {
    add('tls', `The ${authority} shows another certificate than Ferry: the client must trust the one that signed it.`);
  } else if (config.tls !== null) {
    add(
      'tls',
      `The ${authority} speaks no TLS, as Ferry did: turn it off in the client, and see who can listen there.`,
    );
  }
  if (authority === 'target') {
    const mapped = Object.entries(config.mapUsers).map(([name, { username }]) => `${name} → ${username ?? 'default'}`);
    if (mapped.length > 0) {
      add(
        'users',
        `These users have another account on the target (--map-users), and log in with that one's name and password: ${mapped.join(', ')}.`,
      );
    }
  }
  if (config.usersFile !== null) {
    add(
      'users-file',
      `Users of Ferry's own file are no users of the ${authority}: each logs in with the account that the file gives it there.`,
    );
  }
  if (end.kind !== 'cluster' && config.source.db !== config.target.db && authority === 'target') {
    add(
      'database',
      `What is database ${config.source.db} through Ferry is database ${config.target.db} there: a SELECT ${config.source.db} in the application must become SELECT ${config.target.db}.`,
    );
  }
  const renamed = Object.entries(config.rename[authority]).map(([name, there]) =>
    there === '' ? `${name.toUpperCase()} is disabled` : `${name.toUpperCase()} is ${there.toUpperCase()}`,
  );
  if (renamed.length > 0) {
    add('renamed-commands', `Commands have other names there, which Ferry translated: ${renamed.join(', ')}.`);
  }
  return changes;
}

function connectionChange(end: Endpoint, nodes: readonly string[]): LeaveNote {
  const code = 'connection';
  const given = end.addresses.map(addressText).join(', ');
  switch (end.kind) {
    case 'cluster': {
      const known = nodes.length === 0 ? given : nodes.join(', ');
      return {
        code,
        message: `Connect to the Cluster with a cluster-aware client (one that follows MOVED; most have a class of their own for it), with these nodes to begin with: ${known}. Through Ferry a plain client was enough.`,
      };
    }
    case 'sentinel':
      return {
        code,
        message: `Connect by the sentinels, with a client that asks them: ${given}, master name ${end.master}, database ${end.db}. An address of the master alone would not survive its next failover.`,
      };
    default: {
      const where = end.path ?? `${end.host}:${end.port}`;
      return { code, message: `Connect to ${where}, database ${end.db}.` };
    }
  }
}

// ── what will be different

function cautionsOf(facts: LeaveFacts, end: Endpoint): LeaveNote[] {
  const { phase, config, direct, splits, commands, eventPatterns } = facts;
  const { authority } = PHASE_RULES[phase];
  const other = authority === 'target' ? 'source' : 'target';
  const cautions: LeaveNote[] = [];
  const add = (code: string, message: string): void => {
    cautions.push({ code, message });
  };
  if (!facts.isReachable) add('not-reachable', `The ${authority} does not answer now: this is no time to move to it.`);
  const there = direct[other];
  if (there === null) {
    add(
      'other-side-unknown',
      `Who is connected to the ${other} cannot be listed (it is away, or CLIENT LIST is not allowed): make sure that no application is. What is written there is in no place that counts.`,
    );
  } else if (there > 0) {
    add(
      'clients-on-other-side',
      `${clientsText(there)} connected to the ${other}: what is written there is in no place that counts. Monitors may stay (--known-clients).`,
    );
  }
  const leftOut = scopeText(config.scope);
  if (leftOut !== '' && authority === 'target') {
    add(
      'left-out',
      `Keys were left out of the migration (${leftOut}) and are on the source only: copy what is needed.`,
    );
  }
  if (end.kind !== 'cluster') return cautions;
  for (const [db, prefix] of Object.entries(config.dbPrefix)) {
    add(
      'db-prefix',
      `What clients of Ferry know as database ${db} is on the Cluster under names that begin with '${prefix}' (--db-prefix): without Ferry an application must use those names, and no SELECT.`,
    );
  }
  if (splits.size > 0) {
    const names = [...splits].sort(([, a], [, b]) => b - a).map(([name, times]) => `${name.toUpperCase()} (${times})`);
    add(
      'split-commands',
      `Since this Ferry started it took commands apart whose keys are in several slots: ${names.join(', ')}. The Cluster refuses them (CROSSSLOT): the client must do that, or the keys need a common hash tag.`,
    );
  }
  const aboutAll = ABOUT_ALL_KEYS.filter((name) => (commands.get(name) ?? 0) > 0);
  if (aboutAll.length > 0) {
    const names = aboutAll.map((name) => `${name.toUpperCase()} (${commands.get(name)})`);
    add(
      'whole-keyspace',
      `Since this Ferry started clients sent commands about all keys, which Ferry asked of every node: ${names.join(', ')}. A node of the Cluster answers for its own keys only.`,
    );
  }
  if (eventPatterns > 0) {
    add(
      'keyspace-events',
      'Clients listen to keyspace events, which Ferry gathers from all nodes: a node of the Cluster tells of its own keys only, so a client must listen on each.',
    );
  }
  return cautions;
}

// ── the way out

function stepsOf({ phase, config, clients, since }: LeaveFacts): string[] {
  const isFinalized = phase === 'target-only';
  const connected = clients.length;
  const steps = [
    'Write the record while Ferry runs: ferry report --html FILE.',
    'Try the new connection from where the application runs: network, TLS, login and rights. Make the changes listed here.',
    `Move the application over one instance at a time, while Ferry serves the others. Both ways lead to the ${PHASE_RULES[phase].authority}, so they may be used side by side for as long as you like. (A client that waits in Ferry, as with BLPOP, notices what comes past Ferry up to a quarter of a second later.)`,
    `Wait until nobody is connected through Ferry: ferry leave says who is. ${connected === 0 ? 'Now nobody is.' : `Now ${clientsText(connected)}.`}`,
    'Stop Ferry with SIGTERM (systemctl stop, docker stop). It answers what it has, and ends.',
  ];
  if (!isFinalized) {
    steps.push(
      `Look that Ferry's own key is gone from both sides, as it should be after a clean stop; else remove it: ${removal(config.source)} and ${removal(config.target)}`,
      'The target is as the migration left it: empty it if it is not to be used.',
    );
    return steps;
  }
  steps.push(
    `Remove Ferry's own key from the source, where it stays as a mark that this migration is over: ${removal(config.source)} — from the target the clean stop removes it; after a crash: ${removal(config.target)}`,
    `The source has everything up to the finalizing${since === null ? '' : ` (${since})`} and grows old since; keys with a time to live go on expiring there. Keep it, or a snapshot of it (BGSAVE), until the target has backups of its own that you have restored once; let no application write to it. Then turn it off.`,
    "Afterwards Ferry's state directory, its accounts on both sides and its alerts can go.",
  );
  return steps;
}

/** With redis-cli, which asks for the password if there is one. */
function removal(side: Endpoint): string {
  const login = side.username === null && side.password === null ? '' : ' --askpass';
  const user = side.username === null ? '' : ` --user ${side.username}`;
  const tls = side.tls === undefined ? '' : ' --tls';
  const del = `DEL ${LEASE_KEY}`;
  if (side.path !== undefined) return `redis-cli -s ${side.path} -n ${side.db}${user}${login} ${del}`;
  const { host, port } = side.addresses[0] ?? side;
  switch (side.kind) {
    case 'cluster':
      return `redis-cli -c -h ${host} -p ${port}${tls}${user}${login} ${del}`;
    case 'sentinel':
      return `redis-cli -h MASTER -p PORT${tls}${user}${login} -n ${side.db} ${del} (the master of ${side.master})`;
    default:
      return `redis-cli -h ${host} -p ${port}${tls}${user}${login} -n ${side.db} ${del}`;
  }
}

function clientsText(count: number): string {
  return count === 1 ? '1 client is' : `${count} clients are`;
}
