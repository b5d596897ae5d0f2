/**
 * What a phase costs: Ferry in one of them against Ferry in `source-only`, in turns, each with servers of its own.
 *
 *   dual-write     SET: each is done twice
 *   target-read    GET, after everything was copied and verified: no read may need the source
 */
import type { FerryProcess } from '../../src/cli/demo/ferry.js';
import type { Contest, Contestant } from '../harness/contest.js';
import { asContestant } from '../harness/site.js';
import { atLeast, type Bar, compared, type Measure } from '../report/measure.js';
import { migrated } from './migrated.js';
import type { Row, RowContext, RowOutcome } from './row.js';
import { type Test, workload } from './workloads.js';

const PIPELINES = [1, 16] as const;

export const dualWrite: Row = {
  id: 'dual-write',
  title: 'dual-write SET against own source-only',
  bar: '≥ 0.9× without pipeline, ≥ 0.75× with 16',
  async measure(context) {
    return againstPlain(context, { row: 'dual-write', phase: 'dual-write', test: 'set', bars: { 1: 0.9, 16: 0.75 } });
  },
};

export const targetRead: Row = {
  id: 'target-read',
  title: 'target-read GET, all on the target, against own source-only',
  bar: '≥ 0.95×',
  async measure(context) {
    return againstPlain(context, {
      row: 'target-read',
      phase: 'target-read',
      test: 'get',
      bars: { 1: 0.95, 16: 0.95 },
    });
  },
};

interface Question {
  readonly row: string;
  readonly phase: 'dual-write' | 'target-read';
  readonly test: Test;
  /** by pipeline */
  readonly bars: Readonly<Record<(typeof PIPELINES)[number], number>>;
}

async function againstPlain(context: RowContext, { row, phase, test, bars }: Question): Promise<RowOutcome> {
  const site = context.site();
  const plain = await migrated(site, { phase: 'source-only' });
  const other = await migrated(site, { phase });
  const contestants = [asContestant(phase, other.ferry), asContestant('source-only', plain.ferry)];
  const before = await other.ferry.admin.status();
  const contests: Contest[] = [];
  const measures: Measure[] = [];
  for (const [index, pipeline] of PIPELINES.entries()) {
    const contest = await context.contest(workload(test, pipeline), contestants, { index, of: PIPELINES.length });
    contests.push(contest);
    measures.push(...ownMeasures(row, contest, phase, 'source-only', atLeast(bars[pipeline])));
  }
  const notes = await doubts(other.ferry, before);
  return { measures, contests, notes };
}

/** Throughput, with the bar, and processor time. */
export function ownMeasures(row: string, contest: Contest, one: string, other: string, bar: Bar): Measure[] {
  const samplesOf = (name: Contestant['name']) =>
    contest.entries.find(({ contestant }) => contestant.name === name)!.samples;
  const [own, peer] = [samplesOf(one), samplesOf(other)];
  const about = { row, name: contest.workload.name, peerName: other };
  return [
    compared(
      { ...about, unit: 'commands/s', bar },
      own.map(({ perSecond }) => perSecond),
      peer.map(({ perSecond }) => perSecond),
    ),
    compared(
      { ...about, unit: 'µs CPU per command' },
      own.map(({ cpuMicros }) => cpuMicros),
      peer.map(({ cpuMicros }) => cpuMicros),
    ),
  ];
}

/** What would make the figures another thing than they say they are. */
async function doubts(
  ferry: FerryProcess,
  before: Awaited<ReturnType<FerryProcess['admin']['status']>>,
): Promise<string[]> {
  const { commands, mirror } = await ferry.admin.status();
  const notes: string[] = [];
  const fallbacks = commands.fallbacks - before.commands.fallbacks;
  if (fallbacks > 0) notes.push(`${fallbacks} reads of ${commands.total} fell back to the source`);
  const { dirtyKeys, dirtySlots } = mirror;
  if (dirtyKeys + dirtySlots > 0) notes.push(`at the end ${dirtyKeys} keys and ${dirtySlots} slots were dirty`);
  return notes;
}
