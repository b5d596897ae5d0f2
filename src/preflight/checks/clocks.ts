/** Clocks and replication: what differs between the servers' times, and how far replicas are behind. */

import { number } from '../../observe/figures.js';
import { type Facts, field, numberField, type SideFacts } from '../facts.js';
import { blocker, type Finding, note, warning } from '../finding.js';

/** Below it Ferry does not even translate. */
const SKEW_NOTED_MS = 250;
const SKEW_WARNED_MS = 2000;
const LAG_BYTES = 16 * 2 ** 20;
const LAG_SECONDS = 10;

export function checkClocks(facts: Facts): Finding[] {
  return [...skew(facts), ...[facts.source, facts.target].flatMap(replicas), ...fewerReplicas(facts)];
}

function skew({ source, target }: Facts): Finding[] {
  const offsets = (side: SideFacts): { name: string; ms: number }[] =>
    side.servers.flatMap(({ name, clockOffsetMs: ms }) => (ms === null ? [] : [{ name, ms }]));
  const [here, there] = [offsets(source), offsets(target)];
  if (here.length === 0 || there.length === 0) return [];
  let worst = { ms: 0, text: '' };
  for (const a of here) {
    for (const b of there) {
      const ms = Math.abs(a.ms - b.ms);
      const ahead = b.ms > a.ms ? 'ahead of' : 'behind';
      if (ms > worst.ms) worst = { ms, text: `${b.name} is ${number(ms)} ms ${ahead} ${a.name}` };
    }
  }
  if (worst.ms < SKEW_NOTED_MS) return [];
  const make = worst.ms < SKEW_WARNED_MS ? note : warning;
  return [
    make(
      'clock-skew',
      'The clocks of source and target differ. Ferry translates deadlines, so that keys die on both sides at one moment; what the application stores as times, and streams’ ids, it does not.',
      worst.text,
      'Let both hosts follow the same time servers (chronyc tracking, timedatectl).',
    ),
  ];
}

function replicas(side: SideFacts): Finding[] {
  const findings: Finding[] = [];
  for (const server of side.servers) {
    const offset = numberField(server, 'master_repl_offset');
    for (const [, index, words] of server.info.matchAll(/^slave(\d+):(.*?)\r?$/gm)) {
      const parts = new Map(words!.split(',').map((pair) => pair.split('=') as [string, string]));
      const behind = offset - (Number(parts.get('offset')) || 0);
      const lag = Number(parts.get('lag')) || 0;
      const state = parts.get('state');
      if (state === 'online' && lag < LAG_SECONDS && behind < LAG_BYTES) continue;
      findings.push(
        warning(
          'replica-lag',
          `A replica of the ${side.side} is behind: a failover now would lose what it lacks.`,
          `replica ${index} of ${server.name} (${parts.get('ip')}:${parts.get('port')}): state ${state}, ${number(behind)} bytes and ${lag} s behind`,
          'Wait until it has caught up, or find out why it does not.',
        ),
      );
    }
    const link = field(server, 'master_link_status');
    if (link === 'down') {
      findings.push(
        blocker(
          'replica-link-down',
          `The ${side.side} is a replica without its master.`,
          `master_link_status:down on ${server.name}`,
          'Give the URL of the master.',
        ),
      );
    }
  }
  return findings;
}

function fewerReplicas({ source, target }: Facts): Finding[] {
  const withReplica = (side: SideFacts): boolean =>
    side.servers.every((server) => numberField(server, 'connected_slaves') > 0);
  const isTold = [...source.servers, ...target.servers].every((server) => field(server, 'connected_slaves') !== '');
  if (!isTold || !withReplica(source) || withReplica(target)) return [];
  const without = target.servers.filter((server) => numberField(server, 'connected_slaves') === 0);
  return [
    warning(
      'target-replicas',
      'The source has replicas, and the target does not: after the cutover the loss of one server loses data.',
      `no replica of ${without.map(({ name }) => name).join(', ')}`,
      'Add replicas before the cutover; added during the backfill they cost it time.',
    ),
  ];
}
