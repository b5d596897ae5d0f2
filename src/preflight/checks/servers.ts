/** The state and the settings of the servers: roles, a Cluster's health, persistence, buffers, connections. */
import { infoField } from '../../lanes/info.js';
import { bytes, number } from '../../observe/figures.js';
import { type Facts, field, isCluster, numberField, type ServerFacts, type SideFacts } from '../facts.js';
import { blocker, type Finding, note, warning } from '../finding.js';

/** What Ferry opens on a server besides a few for each account and database: lanes of jobs, control, watches. */
const CONNECTIONS_OF_FERRY = 64;
const SLOTS = 16384;
/** Redis' own default. */
const REPLICA_BUFFER_BYTES = 256 * 2 ** 20;

export function checkServers(facts: Facts): Finding[] {
  const { source, target } = facts;
  return [
    ...oneServer(facts),
    ...[source, target].flatMap((side) => [...roles(side), ...cluster(side), ...connections(side), ...buffers(side)]),
    ...persistence(facts),
    ...unread(facts),
  ];
}

/** Two names or addresses may lead to one. */
function oneServer({ source, target }: Facts): Finding[] {
  const known = new Map(source.servers.map((server) => [field(server, 'run_id'), server]));
  const both = target.servers.find((server) => field(server, 'run_id') !== '' && known.has(field(server, 'run_id')));
  if (both === undefined) return [];
  const runId = field(both, 'run_id');
  return [
    blocker(
      'same-server',
      'Source and target are the same server: every write would be mirrored to itself.',
      `run_id ${runId} of ${known.get(runId)!.name} and of ${both.name}`,
      'Give two different servers; look where both names lead.',
    ),
  ];
}

function roles(side: SideFacts): Finding[] {
  const findings: Finding[] = [];
  for (const server of side.servers) {
    if (field(server, 'role') === 'slave') {
      findings.push(
        blocker(
          `${side.side}-is-replica`,
          `The ${side.side} is a replica: it takes no writes, and what it holds may lag behind its master.`,
          `${server.name} follows ${field(server, 'master_host')}:${field(server, 'master_port')}`,
          'Give the URL of the master, or of the sentinels (redis+sentinel://).',
        ),
      );
    }
    if (field(server, 'loading') === '1') {
      findings.push(
        blocker(
          `${side.side}-loading`,
          `The ${side.side} is still loading its data.`,
          `loading:1 on ${server.name}`,
          'Wait until it has loaded.',
        ),
      );
    }
    const [wanted, good] = [server.settings?.get('min-replicas-to-write'), field(server, 'min_slaves_good_slaves')];
    if (good !== '' && Number(wanted) > Number(good)) {
      findings.push(
        blocker(
          `${side.side}-min-replicas`,
          `The ${side.side} refuses writes, because too few of its replicas follow (NOREPLICAS).`,
          `min-replicas-to-write ${wanted}, ${good} good replicas on ${server.name}`,
          'Bring the replicas back, or lower min-replicas-to-write.',
        ),
      );
    }
  }
  return findings;
}

function cluster(side: SideFacts): Finding[] {
  if (!isCluster(side)) return side.servers.flatMap((server) => oneOfCluster(side, server));
  const findings: Finding[] = [];
  const failing = side.servers.filter(({ clusterInfo }) => infoField(clusterInfo, 'cluster_state') === 'fail');
  const slots = side.servers.flatMap(({ ranges }) => ranges).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  if (failing.length > 0 || slots < SLOTS) {
    findings.push(
      blocker(
        `${side.side}-cluster-down`,
        `The Cluster of the ${side.side} is not whole: keys of the missing slots can be neither read nor written.`,
        `${number(slots)} of ${number(SLOTS)} slots are served; cluster_state fail on ${failing.length} of ${side.servers.length} masters`,
        'Repair it first: redis-cli --cluster fix HOST:PORT.',
      ),
    );
  }
  return findings;
}

/** A node that serves all slots by itself is as good as one server. */
function oneOfCluster({ side, endpoint }: SideFacts, { name, clusterInfo }: ServerFacts): Finding[] {
  const [state, size] = [infoField(clusterInfo, 'cluster_state'), infoField(clusterInfo, 'cluster_size')];
  if (state === '' || (state === 'ok' && size === '1')) return [];
  return [
    blocker(
      `${side}-is-cluster`,
      `The ${side} is a node of a Cluster, and its URL speaks of one server: most keys are on other nodes, where Ferry would not look.`,
      `cluster_enabled:1, cluster_state:${state}, cluster_size:${size} on ${name}: ${endpoint.url}`,
      `Give its URL as redis+cluster://HOST:PORT[,HOST:PORT…].`,
    ),
  ];
}

function connections(side: SideFacts): Finding[] {
  return side.servers.flatMap((server) => {
    const limit = numberField(server, 'maxclients') || Number(server.settings?.get('maxclients') ?? 0);
    const used = numberField(server, 'connected_clients');
    if (limit === 0 || limit - used >= CONNECTIONS_OF_FERRY) return [];
    return [
      warning(
        'maxclients',
        `The ${side.side} is close to its limit of connections: Ferry's may be refused, and then clients too.`,
        `${number(used)} of maxclients ${number(limit)} on ${server.name}; Ferry needs up to ${CONNECTIONS_OF_FERRY}, and a few for each user and database`,
        `CONFIG SET maxclients ${number(limit + 1000).replaceAll(',', '')} on ${server.name}.`,
      ),
    ];
  });
}

/** `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60` */
function buffers(side: SideFacts): Finding[] {
  const findings: Finding[] = [];
  for (const server of side.servers) {
    const words = (server.settings?.get('client-output-buffer-limit') ?? '').split(/\s+/);
    const limitOf = (...names: string[]): number => {
      const at = words.findIndex((word) => names.includes(word));
      return at < 0 ? 0 : Number(words[at + 1]) || 0;
    };
    const normal = limitOf('normal');
    const replica = limitOf('slave', 'replica');
    if (normal > 0) {
      findings.push(
        warning(
          'output-buffer-normal',
          `The ${side.side} disconnects clients whose replies pile up; Ferry carries many clients over one connection, and would lose it with all of theirs.`,
          `client-output-buffer-limit normal ${bytes(normal)} on ${server.name}`,
          'CONFIG SET client-output-buffer-limit "normal 0 0 0" there: Ferry has limits of its own.',
        ),
      );
    }
    if (replica > 0 && replica < REPLICA_BUFFER_BYTES && numberField(server, 'connected_slaves') > 0) {
      findings.push(
        warning(
          'output-buffer-replica',
          `The ${side.side} disconnects replicas that fall behind by little; ${side.side === 'target' ? 'a backfill writes fast enough for that' : 'more load may do that'}, and each full resynchronization costs more.`,
          `client-output-buffer-limit replica ${bytes(replica)} on ${server.name}`,
          'CONFIG SET client-output-buffer-limit "replica 268435456 67108864 60" there, or slow the backfill down (--backfill-rate).',
        ),
      );
    }
  }
  return findings;
}

/** null: nobody says. */
function persists(server: ServerFacts): boolean | null {
  const save = server.settings?.get('save');
  const aof = field(server, 'aof_enabled');
  if (aof === '1' || (save !== undefined && save !== '')) return true;
  return save === undefined || aof === '' ? null : false;
}

function persistence({ source, target }: Facts): Finding[] {
  const findings: Finding[] = [];
  const lasting = source.servers.filter((server) => persists(server) === true);
  const lossy = target.servers.filter((server) => persists(server) === false);
  if (lasting.length > 0 && lossy.length > 0) {
    findings.push(
      warning(
        'target-persistence',
        'The source keeps its data on disk, and the target does not: after the cutover a restart loses everything.',
        `neither AOF nor save on ${lossy.map(({ name }) => name).join(', ')}`,
        'CONFIG SET appendonly yes (or save "3600 1 300 100") there, and in its configuration file. Meanwhile ferry serve --lost-data hold keeps the source as it is if that happens.',
      ),
    );
  }
  const aofs = (side: SideFacts): boolean => side.servers.some((server) => field(server, 'aof_enabled') === '1');
  if (
    aofs(source) &&
    !aofs(target) &&
    lossy.length === 0 &&
    target.servers.every(({ settings }) => settings !== null)
  ) {
    findings.push(
      note(
        'target-aof',
        'The source writes an append-only file, and the target only snapshots: a crash there loses minutes instead of a second.',
        'aof_enabled:1 on the source, 0 on the target',
        'CONFIG SET appendonly yes on the target, if the data is worth it.',
      ),
    );
  }
  for (const side of [source, target]) {
    for (const server of side.servers) {
      const failed = [
        field(server, 'rdb_last_bgsave_status') === 'err' &&
          server.settings?.get('stop-writes-on-bgsave-error') !== 'no',
        field(server, 'aof_last_write_status') === 'err',
      ];
      if (!failed.includes(true)) continue;
      findings.push(
        blocker(
          `${side.side}-disk`,
          `The ${side.side} cannot write to its disk, and refuses writes because of it (MISCONF).`,
          `rdb_last_bgsave_status ${field(server, 'rdb_last_bgsave_status')}, aof_last_write_status ${field(server, 'aof_last_write_status')} on ${server.name}`,
          'Look into its log; free some room on the disk.',
        ),
      );
    }
  }
  return findings;
}

function unread({ source, target }: Facts): Finding[] {
  return [source, target].flatMap((side) => {
    if (side.unread.length === 0) return [];
    return [
      note(
        `${side.side}-unread`,
        `Some things of the ${side.side} could not be read, so what depends on them was not checked.`,
        `refused: ${side.unread.join(', ')}`,
        'Nothing on a managed service that withholds them: look in its console instead. Else allow them to the account that preflight uses.',
      ),
    ];
  });
}
