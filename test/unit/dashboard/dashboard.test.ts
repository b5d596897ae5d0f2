/** The dashboard's pure parts: numbers and keys as text, what is worth a warning, the columns of a chart. */
import { describe, expect, test } from 'vitest';
import type { Overview, Sample } from '../../../src/admin/control.js';
import { bytes, count, duration, keyText, percent, rate } from '../../../src/dashboard/format.js';
import { columnsOf, type Series } from '../../../src/dashboard/series.js';
import { warningsOf } from '../../../src/dashboard/warnings.js';
import { FakeControl } from '../../support/fake-control.js';

test('numbers as people read them', () => {
  expect([0, 999, 1234567].map(count)).toEqual(['0', '999', '1,234,567']);
  expect([null, 0, 0.12345, 12.345, 123456].map(rate)).toEqual(['–', '0', '0.123', '12.3', '123,456']);
  expect([0, 1023, 1536, 3 * 2 ** 30].map(bytes)).toEqual(['0 B', '1,023 B', '1.5 KiB', '3 GiB']);
  expect([0.4, 59, 75, 3700, 90_000].map(duration)).toEqual(['0 s', '59 s', '1 min 15 s', '1 h 1 min', '1 d 1 h']);
  expect(percent(0.25)).toBe('25 %');
});

test('keys that are no text, as redis-cli shows them', () => {
  expect(keyText('cart:é')).toBe('cart:é');
  expect(keyText('a\nb')).toBe('a\\x0ab');
  expect(keyText({ base64: Buffer.from([0xff, 0x00, 0x61]).toString('base64') })).toBe('\\xff\\x00a');
});

describe('warnings', () => {
  const warnings = (change: (overview: Overview) => void): string[] => {
    const overview = new FakeControl().overview(0);
    change(overview);
    return warningsOf(overview).map(({ level, text }) => `${level}: ${text}`);
  };

  test('none where all is well', () => {
    expect(warnings(() => {})).toEqual([]);
  });

  test('a verification that is not clean only because keys were not compared says no more', () => {
    expect(warnings(({ status }) => Object.assign(status.verify, { clean: false, uncompared: 2 }))).toEqual([
      'warning: The last verification could not compare 2 keys: too big, in slots that are written all the time.',
    ]);
  });

  test('each with its grade', () => {
    const found = warnings(({ status, breakers }) => {
      status.source.state = 'degraded';
      status.target.state = 'down';
      status.target.missingRights = ['client|kill'];
      breakers.push({ side: 'target', node: '10.0.0.1:6379', open: true });
      status.mirror.uncertain = 1;
      status.mirror.dirtySlots = 2;
      status.commands.uncertain = 3;
      status.crossSlot = { total: 4, commands: { MSET: 4 } };
      status.memory = { heldBytes: 1024, limitBytes: 2048, pressure: 'refusing', closedClients: 5 };
      Object.assign(status.verify, { clean: false });
      Object.assign(status.bypass, { state: 'asks', sign: 'an EVAL was seen', found: 6 });
    });
    expect(found).toEqual([
      'warning: Some nodes of the source are not reachable.',
      'problem: The target is not reachable.',
      "note: Ferry's account on the target lacks: client|kill.",
      'problem: 10.0.0.1:6379 (target) is not asked: it failed.',
      'warning: 2 whole slots may differ and are copied again.',
      'warning: 1 lost connections are not yet known to be dead on their servers.',
      'note: The outcome of 3 writes was unknown since the start.',
      'warning: The last verification found differences.',
      'warning: Others may write past Ferry, unnoticed. Sign: an EVAL was seen. ',
      'note: 6 keys were changed past Ferry and copied again.',
      'problem: Buffers hold 1 KiB of 2 KiB: 5 clients were closed.',
      'warning: Commands with keys in several slots, which a Cluster refuses after the cutover: MSET (4).',
    ]);
  });
});

test('a chart breaks its line where Ferry was away', () => {
  const at = (ms: number, perSecond: number): Sample => ({
    at: ms,
    source: { perSecond, p50Ms: null, p99Ms: null },
    target: { perSecond: 0, p50Ms: null, p99Ms: null },
    mirrorPerSecond: 0,
    mirrorLagMs: 0,
    backlogOps: 0,
    backlogBytes: 0,
    dirtyKeys: 0,
  });
  const series: Series[] = [
    { label: 'a', colour: '--a', dash: [], value: ({ source }) => source.perSecond },
    { label: 'b', colour: '--b', dash: [], value: ({ source }) => source.p99Ms },
  ];
  expect(columnsOf([at(1000, 5), at(2000, 6), at(20_000, 7)], series)).toEqual([
    [1, 2, 3, 20],
    [5, 6, null, 7],
    [null, null, null, null],
  ]);
  expect(columnsOf([], series)).toEqual([[], [], []]);
});
