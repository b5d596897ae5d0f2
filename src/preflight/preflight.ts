/**
 * The preflight: looks at both sides, by commands that only read, and judges what it saw.
 *
 *   facts    both sides at once (gather.ts), then a paced sample of the source's keys (sample.ts)
 *   checks   pure functions over the facts, one file for each subject (checks/)
 *   words    text.ts and html.ts
 *
 * A server that cannot be reached is a StartError 3; what a server does not tell is a finding.
 */
import type { Config } from '../config/config.js';
import { StartError } from '../config/errors.js';
import { reasonOf } from '../lanes/unusable.js';
import { Scope } from '../topology/scope.js';
import { checkClocks } from './checks/clocks.js';
import { checkContents } from './checks/contents.js';
import { checkKeys } from './checks/keys.js';
import { checkMemory } from './checks/memory.js';
import { checkRights } from './checks/rights.js';
import { checkScope, withinScope } from './checks/scope.js';
import { checkServers } from './checks/servers.js';
import { checkTraffic } from './checks/traffic.js';
import { checkVersions } from './checks/versions.js';
import { type OpenSide, openSide } from './connect.js';
import type { Facts, LiveFacts, Sample, SideFacts } from './facts.js';
import { type PreflightReport, reportOf } from './finding.js';
import { gatherSide } from './gather.js';
import { sampleKeys } from './sample.js';

export const DEFAULT_SAMPLE = 10_000;
export const DEFAULT_MAX_SECONDS = 55;

export interface PreflightOptions {
  /** keys to look at; default DEFAULT_SAMPLE */
  readonly sample?: number;
  /** for the sample; default DEFAULT_MAX_SECONDS */
  readonly maxSeconds?: number;
  /** what a Ferry that runs on this pair has seen */
  readonly live?: LiveFacts | null;
  onProgress?(done: number, wanted: number): void;
}

export interface Preflight {
  readonly facts: Facts;
  readonly report: PreflightReport;
}

const CHECKS: readonly ((facts: Facts) => ReturnType<typeof checkVersions>)[] = [
  checkServers,
  checkVersions,
  checkScope,
  checkContents,
  checkMemory,
  checkRights,
  checkClocks,
  checkTraffic,
  checkKeys,
];

/** @throws StartError 3 when a side cannot be reached, 2 when its files or credentials are no good */
export async function preflight(config: Config, options: PreflightOptions = {}): Promise<Preflight> {
  const facts = await gather(config, options);
  return { facts, report: judge(facts) };
}

export function judge(facts: Facts): PreflightReport {
  return reportOf(CHECKS.flatMap((check) => check(facts)));
}

async function gather(config: Config, options: PreflightOptions): Promise<Facts> {
  const opened = await Promise.allSettled([openSide('source', config), openSide('target', config)]);
  const sides = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of opened) if (one.status === 'rejected') throw one.reason;
    const [open, openTarget] = sides as [OpenSide, OpenSide];
    const [source, target] = await Promise.all([gatherSide(open), gatherSide(openTarget)]);
    const { sample, rdbVersion } = await sampleOf(open, source, options);
    const within = withinScope(sample, Scope.of(config.scope));
    return { config, source: withRdbVersion(source, rdbVersion), target, ...within, live: options.live ?? null };
  } finally {
    for (const side of sides) side.close();
  }
}

async function sampleOf(
  side: OpenSide,
  facts: SideFacts,
  options: PreflightOptions,
): Promise<{ sample: Sample; rdbVersion: number | null }> {
  try {
    return await sampleKeys(side, facts, {
      keys: options.sample ?? DEFAULT_SAMPLE,
      maxSeconds: options.maxSeconds ?? DEFAULT_MAX_SECONDS,
      onProgress: options.onProgress,
    });
  } catch (error) {
    const why = `The source ${side.endpoint.url} was lost while its keys were looked at: ${reasonOf(error)}.`;
    throw new StartError(3, why);
  }
}

/** A payload that was seen says it for servers that have no functions to dump. */
function withRdbVersion(side: SideFacts, rdbVersion: number | null): SideFacts {
  if (rdbVersion === null) return side;
  const servers = side.servers.map((server) => ({ ...server, rdbVersion: server.rdbVersion ?? rdbVersion }));
  return { ...side, servers };
}
