/** What `ferry status --watch` tells where there is no terminal: a line for each change that matters. */
import { expect, test } from 'vitest';
import { changes, factsOf } from '../../../src/cli/status-watch.js';
import { freshStatus } from '../../support/fake-control.js';

test('nothing is told while only counters move', () => {
  const before = freshStatus();
  const now = freshStatus();
  now.commands.total = 1_000_000;
  now.clients.connected = 50;
  now.mirror.backlogOps = 3;
  expect(changes(factsOf(before), factsOf(now))).toEqual([]);
});

test('a line for each change', () => {
  const before = freshStatus();
  const now = freshStatus();
  now.phase = 'dual-write';
  now.target = { ...now.target, state: 'down' };
  now.backfill = { ...now.backfill, state: 'running', scanned: 47, estimated: 100 };
  expect(changes(factsOf(before), factsOf(now))).toEqual([
    'phase: source-only → dual-write',
    'target: up → down',
    'backfill: idle → running, 40 %',
    '! The target is down.',
  ]);
  const later = structuredClone(now);
  later.backfill = { ...later.backfill, scanned: 49 };
  expect(changes(factsOf(now), factsOf(later))).toEqual([]);
  expect(changes(factsOf(now), factsOf({ ...now, target: before.target }))).toEqual([
    'target: down → up',
    'over: The target is down.',
  ]);
});

test('a trouble whose numbers move is told once', () => {
  const some = freshStatus();
  some.mirror.dirtySlots = 10;
  const more = freshStatus();
  more.mirror.dirtySlots = 1200;
  expect(changes(factsOf(freshStatus()), factsOf(some))).toEqual([
    'dirty: nothing → something',
    '! 10 slots are dirty as a whole.',
  ]);
  expect(changes(factsOf(some), factsOf(more))).toEqual([]);
});

test('a side that is down is told once, with the first that was said of it', () => {
  const down = (reason: string) => {
    const status = freshStatus();
    Object.assign(status.target, { state: 'down', reason });
    return factsOf(status);
  };
  expect(changes(factsOf(freshStatus()), down('write EPIPE'))).toEqual([
    'target: up → down',
    '! The target is down (write EPIPE).',
  ]);
  expect(changes(down('write EPIPE'), down('connect ECONNREFUSED 127.0.0.1:6379'))).toEqual([]);
});
