/**
 * Ferry before anything is mirrored, against proxies that can do nothing else: GET and SET of 64 bytes, 50 clients, without
 * a pipeline and with one of 16. All of them have the same server behind them, with the same 100,000 keys; the server
 * itself runs along, to tell what any proxy costs.
 */
import type { Contest } from '../harness/contest.js';
import type { PeerName } from '../harness/peers.js';
import { atLeast, atMost, type Bar, compared, type Measure, unmeasured } from '../report/measure.js';
import { lineUp } from './line-up.js';
import type { Row, RowContext, RowOutcome } from './row.js';
import { KEYS, type Test, VALUE_BYTES, workload } from './workloads.js';

const TESTS: readonly Test[] = ['get', 'set'];

interface Bars {
  /** throughput, times that of the peer */
  readonly nutcracker: Record<Test, number>;
  readonly haproxy: number;
  /** processor time for a command, times that of nutcracker */
  readonly cpu: number;
}

export const sourceOnly: Row = row('source-only', 1, {
  nutcracker: { get: 1, set: 1 },
  haproxy: 1.2,
  cpu: 1.15,
});
export const sourceOnlyPipelined: Row = row('source-only-16', 16, {
  nutcracker: { get: 2.5, set: 2 },
  haproxy: 0.95,
  cpu: 0.3,
});

function row(id: string, pipeline: number, bars: Bars): Row {
  const { get, set } = bars.nutcracker;
  const ofNutcracker = get === set ? `≥ ${get}× nutcracker` : `≥ ${get}× nutcracker (SET ≥ ${set}×)`;
  return {
    id,
    title: `source-only, ${pipeline === 1 ? 'no pipeline' : `pipeline ${pipeline}`}, GET and SET`,
    bar: `${ofNutcracker} and ≥ ${bars.haproxy}× HAProxy TCP throughput; CPU per command ≤ ${bars.cpu}× nutcracker`,
    peers: ['nutcracker', 'haproxy'],
    measure: (context) => measure(context, id, pipeline, bars),
  };
}

async function measure(context: RowContext, id: string, pipeline: number, bars: Bars): Promise<RowOutcome> {
  const site = context.site();
  const contestants = await lineUp(context, site, { keys: KEYS, valueBytes: VALUE_BYTES });

  const contests: Contest[] = [];
  const measures: Measure[] = [];
  for (const [index, test] of TESTS.entries()) {
    const contest = await context.contest(workload(test, pipeline), contestants, { index, of: TESTS.length });
    contests.push(contest);
    const name = test.toUpperCase();
    const against = (peer: PeerName | 'directly', what: 'perSecond' | 'cpuMicros', bar: Bar | null): void => {
      measures.push(measureOf(contest, { row: id, name, peer, what, bar }));
    };
    against('nutcracker', 'perSecond', atLeast(bars.nutcracker[test]));
    against('nutcracker', 'cpuMicros', atMost(bars.cpu));
    against('haproxy', 'perSecond', atLeast(bars.haproxy));
    against('haproxy', 'cpuMicros', null);
    if (context.peers.has('predixy')) {
      against('predixy', 'perSecond', null);
      against('predixy', 'cpuMicros', null);
    }
    against('directly', 'perSecond', null);
  }
  return { measures, contests };
}

interface Comparison {
  readonly row: string;
  readonly name: string;
  readonly peer: string;
  readonly what: 'perSecond' | 'cpuMicros';
  readonly bar: Bar | null;
}

function measureOf({ entries }: Contest, { row, name, peer, what, bar }: Comparison): Measure {
  const unit = what === 'perSecond' ? 'commands/s' : 'µs CPU per command';
  const about = { row, name, unit, peerName: peer, bar };
  const samplesOf = (contestant: string) => entries.find((entry) => entry.contestant.name === contestant)?.samples;
  const [own, theirs] = [samplesOf('Ferry'), samplesOf(peer)];
  if (own === undefined || theirs === undefined) return unmeasured(about, `${peer} is not here`);
  const values = own.map((sample) => sample[what]);
  return compared(
    about,
    values,
    theirs.map((sample) => sample[what]),
  );
}
