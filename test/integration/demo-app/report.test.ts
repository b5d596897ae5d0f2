/** The demo's verdict: it needs a run that did something, and not a single thing wrong in it. */
import { describe, expect, it } from 'vitest';
import { addLoad, type DemoReport, emptyReport, judge, reportText } from '../../../src/cli/demo/report.js';

function goodRun(): DemoReport {
  return { ...emptyReport(), requests: 1000, acknowledgedWrites: 3000, keysCompared: 500 };
}

describe('the verdict', () => {
  it('is good for a run without a fault', () => {
    expect(judge(goodRun())).toBe(true);
  });

  it.each(['non2xx', 'errors', 'lostWrites', 'unexpectedWrites', 'differences'] as const)(
    'is bad with one of %s',
    (fault) => {
      expect(judge({ ...goodRun(), [fault]: 1 })).toBe(false);
    },
  );

  it.each(['requests', 'acknowledgedWrites', 'keysCompared'] as const)('is bad when there were no %s', (figure) => {
    expect(judge({ ...goodRun(), [figure]: 0 })).toBe(false);
  });
});

describe('the report', () => {
  it('sums up the load and has the figures that are promised to scripts', () => {
    const report = goodRun();
    const step = { non2xx: 1, errors: 2, p50Ms: 1.5, p99Ms: 9, maxMs: 20, seconds: 3 };
    addLoad(report, [
      { step: 'dual-write', requests: 10, ...step },
      { step: 'target-read', requests: 5, ...step },
    ]);
    expect(report).toMatchObject({ requests: 15, non2xx: 2, errors: 4 });
    expect(report.phases[0]).toMatchObject({ phase: 'dual-write', requests: 10, p50Ms: 1.5, p99Ms: 9 });
    const promised = 'ok requests non2xx errors acknowledgedWrites lostWrites differences keysCopied keysPerSecond';
    for (const name of [...promised.split(' '), 'cutoverPauseMs', 'rollbackPauseMs', 'phases', 'seconds']) {
      expect(report).toHaveProperty(name);
    }
    expect(reportText(report)).toMatch(/dual-write +10 +1 +2 +1\.5 +9\.0/);
  });
});
