/** When a figure has reached its bar, and when a row has. */
import { describe, expect, test } from 'vitest';
import {
  atLeast,
  atMost,
  compared,
  type Measure,
  single,
  undecided,
  unmeasured,
  valueAtMost,
} from '../../../bench/report/measure.js';
import { verdictOf } from '../../../bench/report/verdict.js';

const ABOUT = { row: 'r', name: 'n', unit: 'commands/s', peerName: 'peer' };

describe('a comparison', () => {
  test('is judged by the ratio of the medians', () => {
    const measure = compared({ ...ABOUT, bar: atLeast(2) }, [200, 10, 300], [100, 90, 110]);
    expect(measure).toMatchObject({ ferry: 200, peer: 100, ratio: 2, bar: 2, reached: true, rounds: 3 });
    expect(measure).toMatchObject({ ferryRange: [10, 300], peerRange: [90, 110] });
    expect(measure.ratioRange![0]).toBeCloseTo(10 / 90);
  });

  test('just below its bar has not reached it', () => {
    expect(compared({ ...ABOUT, bar: atLeast(2) }, [199.9], [100]).reached).toBe(false);
    expect(compared({ ...ABOUT, bar: atMost(1.15) }, [116], [100]).reached).toBe(false);
    expect(compared({ ...ABOUT, bar: atMost(1.15) }, [115], [100]).reached).toBe(true);
  });

  test('without a bar is neither', () => {
    expect(compared(ABOUT, [1], [2])).toMatchObject({ ratio: 0.5, bar: null, reached: null });
  });

  test('with what the system does not tell is not measured', () => {
    const measure = compared({ ...ABOUT, bar: atMost(1) }, [Number.NaN], [1]);
    expect(measure).toMatchObject({ ferry: null, ratio: null, reached: null, bar: 1 });
    expect(measure.note).not.toBe('');
  });

  test('with nothing to divide by cannot be judged', () => {
    expect(compared({ ...ABOUT, bar: atMost(1) }, [1, 1], [0, 0])).toMatchObject({ ratio: null, reached: null });
  });
});

test('a figure alone is judged by itself', () => {
  expect(single({ ...ABOUT, bar: valueAtMost(500) }, [400, 450, 900])).toMatchObject({ ferry: 450, reached: true });
  expect(single({ ...ABOUT, bar: valueAtMost(500) }, [501])).toMatchObject({ reached: false, peer: null, ratio: null });
});

describe('a row', () => {
  const reached = single({ ...ABOUT, bar: valueAtMost(2) }, [1]);
  const missed = single({ ...ABOUT, bar: valueAtMost(2) }, [3]);
  const absent = unmeasured({ ...ABOUT, bar: atLeast(1) }, 'nutcracker is not here');
  const information = single(ABOUT, [1]);

  test.each<[string, Measure[], string]>([
    ['all parts reached', [reached, information, reached], 'reached'],
    ['one part missed', [reached, missed], 'not reached'],
    ['a part missing: not counted as reached', [reached, absent], 'not measured'],
    ['a part under another load than meant', [reached, undecided(reached, 'too little load')], 'not measured'],
    ['a part missed decides, whatever is missing', [missed, absent], 'not reached'],
    ['no bars', [information], 'information'],
    ['nothing at all', [], 'not measured'],
  ])('%s', (_, measures, verdict) => {
    expect(verdictOf(measures)).toBe(verdict);
  });
});
