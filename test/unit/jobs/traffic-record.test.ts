/** Commands and bytes per side over processes that end well, are killed, or leave nonsense. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { TrafficRecord } from '../../../src/jobs/traffic-record.js';
import { Traffic } from '../../../src/lanes/traffic.js';
import { Counters } from '../../../src/routing/counters.js';

const stateDir = mkdtempSync(join(tmpdir(), 'ferry-traffic-'));
const file = join(stateDir, 'traffic.json');
beforeEach(() => rmSync(file, { force: true }));
afterAll(() => rmSync(stateDir, { recursive: true }));

/** A process that sends so many commands of ten bytes to the target, each answered by it to a client. */
function process(migrationId: string, commands: number): TrafficRecord {
  const board = { counters: new Counters(), source: { traffic: new Traffic() }, target: { traffic: new Traffic() } };
  const record = new TrafficRecord(board, stateDir, migrationId);
  for (let i = 0; i < commands; i++) board.counters.durations.target.record(5);
  board.target.traffic.commands = commands;
  board.target.traffic.bytesOut = commands * 10;
  return record;
}

test('totals go on after a clean end', () => {
  const first = process('m', 3);
  first.begin();
  first.stop();
  const { since, isWhole, source, target } = process('m', 4).totals();
  expect(since).toBe(first.totals().since);
  expect(isWhole).toBe(true);
  expect(source).toEqual({ answered: 0, commands: 0, bytesOut: 0, bytesIn: 0 });
  expect(target).toEqual({ answered: 7, commands: 7, bytesOut: 70, bytesIn: 0 });
});

test('after a process that was killed they say that something is missing, for good', () => {
  const killed = process('m', 3);
  killed.begin();
  const next = process('m', 1);
  expect(next.totals()).toMatchObject({ isWhole: false, target: { commands: 4 } });
  next.begin();
  next.stop();
  expect(process('m', 0).totals().isWhole).toBe(false);
  killed.stop();
});

test('those of another migration, or what is none, count as nothing', () => {
  const other = process('other', 3);
  other.begin();
  other.stop();
  expect(process('m', 1).totals()).toMatchObject({ isWhole: true, target: { commands: 1 } });
  writeFileSync(file, '{"migrationId": "m", "source": 3}');
  expect(process('m', 1).totals()).toMatchObject({ isWhole: true, target: { commands: 1 } });
});

test('a process that never served leaves nothing', () => {
  process('m', 3).stop();
  expect(process('m', 0).totals().target.commands).toBe(0);
});
