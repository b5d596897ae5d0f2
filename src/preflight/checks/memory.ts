/**
 * Will the data fit, and will it stay: what the source's data takes, what the target may take, and who evicts.
 *
 * What is needed is the source's memory without what belongs to the process and its connections. On a Cluster each master
 * needs room for its part of the slots; the parts are weighed by the sampled keys.
 */

import { bytes, number } from '../../observe/figures.js';
import { keySlot } from '../../topology/crc16.js';
import { type Facts, field, numberField, type Sample, type ServerFacts, type SideFacts } from '../facts.js';
import { blocker, type Finding, note, warning } from '../finding.js';
import { percent } from '../wording.js';

/** Allocators, rehashing and the copies' staging keys want some room. */
const HEADROOM = 1.1;
/** Below it the sample says little about how keys are spread. */
const WEIGHED_FROM = 1000;
const FRAGMENTED = 1.5;
/** Small servers are always "fragmented". */
const FRAGMENTED_FROM_BYTES = 256 * 2 ** 20;

export function checkMemory(facts: Facts): Finding[] {
  return [...room(facts), ...eviction(facts), ...fragmentation(facts.source)];
}

/**
 * Of a server: what its data takes. What a replica is behind by, beyond the backlog, is in mem_clients_slaves; since 7.0
 * mem_total_replication_buffers has both once more. https://redis.io/commands/info
 */
export function datasetBytes(server: ServerFacts): number {
  const overhead =
    numberField(server, 'used_memory_startup') +
    numberField(server, 'mem_clients_normal') +
    numberField(server, 'mem_clients_slaves') +
    numberField(server, 'mem_aof_buffer') +
    numberField(server, 'mem_replication_backlog');
  return Math.max(0, numberField(server, 'used_memory') - overhead);
}

function room({ source, target, sample, leftOut }: Facts): Finding[] {
  const all = source.servers.reduce((sum, server) => sum + datasetBytes(server), 0);
  const needed = all * (1 - (leftOut?.bytesShare ?? 0));
  if (all === 0) {
    return [
      note(
        'memory-unknown',
        'How much memory the data needs could not be read.',
        `INFO of the source says nothing about memory`,
        'Allow Ferry INFO there, or compare the sizes by hand.',
      ),
    ];
  }
  const findings: Finding[] = [];
  const parts = partsOf(target, sample);
  for (const [i, server] of target.servers.entries()) {
    const here = needed * parts[i]!;
    const limit = numberField(server, 'maxmemory');
    const machine = numberField(server, 'total_system_memory');
    const own = numberField(server, 'used_memory_startup');
    const present = datasetBytes(server);
    const share = target.servers.length === 1 ? '' : ` (its part: ${percent(parts[i]!, 1)})`;
    const evidence = `the data takes ${bytes(here)} on the source${share}; ${server.name} holds ${bytes(present)} now`;
    if (limit > 0 && here + own > limit) {
      findings.push(
        blocker(
          'target-memory',
          'The data does not fit into the target: the backfill would fail, or evict what it copied.',
          `${evidence}, maxmemory ${bytes(limit)}`,
          `Raise it on ${server.name}: CONFIG SET maxmemory ${Math.ceil((here * HEADROOM + own) / 2 ** 20)}mb, or use a larger server.`,
        ),
      );
    } else if (limit > 0 && here * HEADROOM + own > limit) {
      findings.push(
        warning(
          'target-memory-tight',
          'The data fits into the target with less than a tenth to spare.',
          `${evidence}, maxmemory ${bytes(limit)}`,
          `Give ${server.name} at least ${bytes(here * HEADROOM + own)}.`,
        ),
      );
    } else if (limit === 0 && machine > 0 && here * HEADROOM > machine) {
      findings.push(
        blocker(
          'target-memory',
          'The data does not fit into the memory of the machine that the target runs on.',
          `${evidence}, the machine has ${bytes(machine)}`,
          'Use a larger machine.',
        ),
      );
    }
  }
  return findings;
}

/** Which part of the data each of the side's servers will hold. */
function partsOf({ servers }: SideFacts, sample: Sample): number[] {
  if (servers.length === 1) return [1];
  const owner = new Int16Array(16384).fill(-1);
  for (const [i, { ranges }] of servers.entries()) {
    for (const [from, to] of ranges) owner.fill(i, from, to + 1);
  }
  const weights = new Array<number>(servers.length).fill(0);
  if (sample.keys.length >= WEIGHED_FROM) {
    for (const { key, bytes: size } of sample.keys) {
      const at = owner[keySlot(key, 0, key.length)]!;
      if (at >= 0) weights[at] = weights[at]! + (size ?? 1);
    }
  } else for (const at of owner) if (at >= 0) weights[at] = weights[at]! + 1;
  const all = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  return weights.map((weight) => weight / all);
}

function eviction({ config, source, target }: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const server of target.servers) {
    const policy = policyOf(server);
    if (policy === '' || policy === 'noeviction') continue;
    const limit = numberField(server, 'maxmemory');
    const evidence = `maxmemory-policy ${policy}, maxmemory ${limit === 0 ? 'without limit' : bytes(limit)} on ${server.name}`;
    const fix = 'Set CONFIG SET maxmemory-policy noeviction there; for a cache, start Ferry with --eviction allow.';
    if (limit === 0 || config.eviction === 'allow') {
      findings.push(
        warning('target-eviction', 'The target may evict keys by itself once it has a limit to reach.', evidence, fix),
      );
    } else {
      findings.push(
        blocker(
          'target-eviction',
          'The target evicts keys by itself: what was copied may be gone again, and the cutover is refused.',
          evidence,
          fix,
        ),
      );
    }
  }
  for (const server of source.servers) {
    const policy = policyOf(server);
    const limit = numberField(server, 'maxmemory');
    const evicted = numberField(server, 'evicted_keys');
    if (policy === '' || policy === 'noeviction' || limit === 0) continue;
    findings.push(
      warning(
        'source-eviction',
        'The source evicts keys by itself, and tells nobody: each is a difference until the next verification.',
        `maxmemory-policy ${policy}, ${bytes(numberField(server, 'used_memory'))} of ${bytes(limit)} used, ${number(evicted)} keys evicted on ${server.name}`,
        'Raise maxmemory there for the time of the migration; for a cache, start Ferry with --eviction allow.',
      ),
    );
  }
  return findings;
}

function policyOf(server: ServerFacts): string {
  return field(server, 'maxmemory_policy') || (server.settings?.get('maxmemory-policy') ?? '');
}

function fragmentation(source: SideFacts): Finding[] {
  return source.servers.flatMap((server) => {
    const ratio = Number(field(server, 'mem_fragmentation_ratio')) || 0;
    const used = numberField(server, 'used_memory');
    if (ratio < FRAGMENTED || used < FRAGMENTED_FROM_BYTES) return [];
    return [
      note(
        'fragmentation',
        'The source takes much more memory of its machine than its data needs; the target will begin without that.',
        `mem_fragmentation_ratio ${ratio}, ${bytes(used)} used, ${bytes(numberField(server, 'used_memory_rss'))} taken on ${server.name}`,
        'Nothing: what the target needs is reckoned without it.',
      ),
    ];
  });
}
