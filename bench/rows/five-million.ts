/**
 * A whole migration of 5 million keys, from source-only to the cutover: what Ferry holds in memory at the most, and whether
 * the last tenth of the backfill is as fast as the first.
 *
 * On a machine that has not the memory for two such servers fewer keys are taken, and a verdict is not given.
 */
import type { FerryProcess } from '../../src/cli/demo/ferry.js';
import { fill } from '../harness/fill.js';
import { availableMb, peakRssMb, rssMb } from '../harness/process-figures.js';
import { pidOf } from '../harness/site.js';
import { type Measure, single, undecided, valueAtLeast, valueAtMost } from '../report/measure.js';
import { timedVerification } from './migration.js';
import type { Row, Series } from './row.js';
import { watch } from './timing.js';
import { VALUE_BYTES } from './workloads.js';

const KEYS = 5_000_000;
/** of both servers together, for one key */
const BYTES_PER_KEY = 400;
const SPARE_MB = 1500;
const POLL_MS = 100;
const TENTH = 0.1;

/** How far the backfill was when. */
export interface Progress {
  readonly seconds: number;
  readonly copied: number;
}

export const fiveMillion: Row = {
  id: 'five-million',
  title: '5 million keys migrated',
  bar: "Ferry's peak RSS ≤ 300 MB, rate of the last tenth ≥ 0.9× the first",
  async measure({ site: newSite, scale, signal, progress }) {
    const site = newSite();
    const wanted = Math.ceil(KEYS * scale);
    const room = Math.floor((((availableMb() ?? 4096) - SPARE_MB) * 2 ** 20) / BYTES_PER_KEY);
    const keys = Math.max(1000, Math.min(wanted, room));
    const [source, target] = [await site.redis('the source'), await site.redis('the target')];
    progress(0, `${keys} keys are written`);
    await fill(source.port, { keys, valueBytes: VALUE_BYTES });
    const ferry = await site.ferry({ source: source.url, target: target.url });
    const pid = pidOf(ferry.child);
    await ferry.step('dual-write');
    const memory: [number, number][] = [];
    const course = await backfillCourse(ferry, signal, ({ seconds, copied }) => {
      memory.push([seconds, rssMb(pid) ?? Number.NaN]);
      progress(0.1 + (0.5 * copied) / keys, `backfill: ${copied} of ${keys} keys`);
    });
    progress(0.6, 'verification');
    const verified = await timedVerification(ferry, keys, signal);
    await ferry.step('target-read');
    await ferry.step('target-first');

    const row = 'five-million';
    const flatness = rateBetween(course, 1 - TENTH, 1) / rateBetween(course, 0, TENTH);
    const measures: Measure[] = [
      single({ row, name: 'peak RSS', unit: 'MB', bar: valueAtMost(300) }, [peakRssMb(pid) ?? Number.NaN]),
      single({ row, name: 'last tenth / first', unit: 'times its keys/s', bar: valueAtLeast(0.9) }, [flatness]),
      single({ row, name: 'backfill', unit: 'keys/s' }, [rateBetween(course, 0, 1)]),
      single({ row, name: 'first tenth', unit: 'keys/s' }, [rateBetween(course, 0, TENTH)]),
      single({ row, name: 'last tenth', unit: 'keys/s' }, [rateBetween(course, 1 - TENTH, 1)]),
      single({ row, name: 'verification', unit: 'keys/s' }, [verified]),
    ];
    const isWhole = keys === wanted;
    const why = `only ${keys} keys: there is not the memory for more`;
    return {
      measures: isWhole ? measures : measures.map((measure) => undecided(measure, why)),
      series: [rateSeries(course), { name: 'memory', xUnit: 's', yUnit: 'MB RSS', points: memory }],
    };
  },
};

async function backfillCourse(
  ferry: FerryProcess,
  signal: AbortSignal,
  seen: (progress: Progress) => void,
): Promise<Progress[]> {
  const course: Progress[] = [{ seconds: 0, copied: 0 }];
  const startedMs = performance.now();
  await ferry.admin.backfill('start');
  const { backfill } = await watch(
    async () => {
      const status = await ferry.admin.status();
      course.push({ seconds: (performance.now() - startedMs) / 1000, copied: status.backfill.copied });
      seen(course.at(-1)!);
      return status;
    },
    (status) => status.backfill.state !== 'running',
    POLL_MS,
    signal,
  );
  if (backfill.state !== 'done' || backfill.failed > 0) throw new Error(`the backfill: ${JSON.stringify(backfill)}`);
  return course;
}

/** Keys per second between two shares of all keys, 0 to 1. */
export function rateBetween(course: readonly Progress[], from: number, to: number): number {
  const all = course.at(-1)!.copied;
  return ((to - from) * all) / (timeOf(course, to * all) - timeOf(course, from * all));
}

/** When so many keys were copied, as if those between two looks had come evenly. */
function timeOf(course: readonly Progress[], copied: number): number {
  const after = course.findIndex((progress) => progress.copied >= copied);
  if (after <= 0) return course[0]!.seconds;
  const [a, b] = [course[after - 1]!, course[after]!];
  return a.seconds + ((copied - a.copied) / (b.copied - a.copied)) * (b.seconds - a.seconds);
}

/** Of every hundredth of the keys. */
function rateSeries(course: readonly Progress[]): Series {
  const points = Array.from({ length: 50 }, (_, i): [number, number] => {
    const [from, to] = [i / 50, (i + 1) / 50];
    return [timeOf(course, to * course.at(-1)!.copied), rateBetween(course, from, to)];
  });
  return { name: 'backfill', xUnit: 's', yUnit: 'keys/s', points: points.filter(([, rate]) => Number.isFinite(rate)) };
}
