/**
 * Cutover and rollback, twenty times there and back, under 50,000 commands a second of 50 clients (90 % GETs). The pause is
 * what Ferry says it was; beside it stands what the clients saw: the longest time in which none of them was answered.
 */
import type { FerryProcess } from '../../src/cli/demo/ferry.js';
import { portOf } from '../harness/site.js';
import { LoadDriver } from '../load/driver.js';
import type { LoadWindow } from '../load/load.js';
import { type Measure, single, undecided, valueAtMost } from '../report/measure.js';
import { migrated } from './migrated.js';
import type { Row, RowContext } from './row.js';
import { pause } from './timing.js';
import { CLIENTS, KEYS, VALUE_BYTES } from './workloads.js';

const CYCLES = 20;
const PER_SECOND = 50_000;
/** Each client sends so many at once, which leaves the generator the time for that rate. */
const PIPELINE = 4;
const BETWEEN_MS = 400;
const WARM_UP_MS = 2000;
/** Less than this is not the load that the bar speaks of. */
const ENOUGH_PER_SECOND = 47_500;

const STEPS = ['target-first', 'target-read'] as const;

interface Swap {
  readonly to: (typeof STEPS)[number];
  readonly pauseMs: number;
  /** the clients' */
  readonly silenceMs: number;
  readonly maxMs: number;
}

export const pauses: Row = {
  id: 'pauses',
  title: 'cutover and rollback pause at 50k ops/s, 20 cycles',
  bar: 'max ≤ 10 ms, median ≤ 2 ms',
  async measure(context) {
    const { scale, signal, site: newSite } = context;
    const site = newSite();
    const { ferry } = await migrated(site, { phase: 'target-read', keys: Math.ceil(KEYS * scale) });
    const mix = { keys: Math.ceil(KEYS * scale), valueBytes: VALUE_BYTES, getShare: 0.9, pipeline: PIPELINE, seed: 1 };
    const options = { ...mix, port: portOf(ferry.url), clients: CLIENTS, perSecond: PER_SECOND };
    const load = await LoadDriver.load(options, site.cleanup);
    await load.go();
    await pause(WARM_UP_MS * scale, signal);
    await load.window();
    const { swaps, steady } = await cycles(context, ferry, load);
    await load.halt();
    return {
      measures: judged(swaps, steady),
      series: STEPS.map((step) => ({
        name: step === 'target-first' ? 'cutover' : 'rollback',
        xUnit: 'cycle',
        yUnit: 'ms',
        points: swaps.filter(({ to }) => to === step).map(({ pauseMs }, i) => [i + 1, pauseMs] as const),
      })),
    };
  },
};

async function cycles(
  { scale, signal, progress }: RowContext,
  ferry: FerryProcess,
  load: LoadDriver<LoadWindow>,
): Promise<{ swaps: Swap[]; steady: LoadWindow[] }> {
  const count = Math.ceil(CYCLES * scale);
  const swaps: Swap[] = [];
  const steady: LoadWindow[] = [];
  for (let cycle = 0; cycle < count; cycle++) {
    for (const to of STEPS) {
      await pause(BETWEEN_MS, signal);
      steady.push(whole(await load.window()));
      const { lastCutover } = await ferry.step(to);
      const { silenceMs, maxMs } = whole(await load.window());
      if (lastCutover?.to !== to) throw new Error(`Ferry reports no step to ${to}`);
      swaps.push({ to, pauseMs: lastCutover.pauseMs, silenceMs, maxMs });
      progress(swaps.length / (2 * count), `${swaps.length} of ${2 * count} swaps`);
    }
  }
  return { swaps, steady };
}

function judged(swaps: readonly Swap[], steady: readonly LoadWindow[]): Measure[] {
  const row = 'pauses';
  const paused = swaps.map(({ pauseMs }) => pauseMs);
  const silences = swaps.map(({ silenceMs }) => silenceMs);
  const load = single(
    { row, name: 'load', unit: 'commands/s' },
    steady.map(({ replies, seconds }) => replies / seconds),
  );
  const pauses = [
    single({ row, name: 'pause, max', unit: 'ms', bar: valueAtMost(10) }, [Math.max(...paused)]),
    single({ row, name: 'pause, median', unit: 'ms', bar: valueAtMost(2) }, paused),
  ];
  const isEnough = (load.ferry ?? 0) >= ENOUGH_PER_SECOND;
  const why = `this machine did not come to ${PER_SECOND} commands/s`;
  return [
    ...(isEnough ? pauses : pauses.map((measure) => undecided(measure, why))),
    load,
    single({ row, name: 'seen by clients, max', unit: 'ms of silence' }, [Math.max(...silences)]),
    single({ row, name: 'seen by clients', unit: 'ms of silence' }, silences),
    single(
      { row, name: 'between swaps', unit: 'ms of silence' },
      steady.map(({ silenceMs }) => silenceMs),
    ),
    single(
      { row, name: 'slowest command', unit: 'ms' },
      swaps.map(({ maxMs }) => maxMs),
    ),
  ];
}

function whole(window: LoadWindow): LoadWindow {
  if (window.failures > 0) throw new Error(`${window.failures} commands failed: ${window.failure}`);
  return window;
}
