/** The record of a migration out of what was noted, that of earlier versions too. */
import { describe, expect, test } from 'vitest';
import type { MigrationReport, Status } from '../../../src/admin/control.js';
import { reportOf } from '../../../src/admin/report.js';
import { type HistoryEntry, newState } from '../../../src/phases/state.js';
import { freshStatus } from '../../support/fake-control.js';

const SIDE = { answered: 0, commands: 0, bytesOut: 0, bytesIn: 0 };
const ANNA = { name: 'anna@ops', address: '10.0.0.7' };

function report(history: HistoryEntry[], status: Partial<Status> = {}): MigrationReport {
  return reportOf({
    state: { ...newState('a', 'b', 'dual-write'), history },
    dryRuns: [{ at: '2026-01-04', to: 'target-first', pauseMs: 2 }],
    startedAt: new Date(0),
    now: new Date(1),
    traffic: { since: '', isWhole: true, source: SIDE, target: SIDE },
    status: { ...freshStatus(), directClients: { source: [], target: [] }, ...status },
  });
}

test('who did what, with the epochs that were noted', () => {
  const { phases, cutovers, pauses, verifications } = report([
    { at: '2026-01-01', event: 'source-only → dual-write', by: ANNA, epoch: 2 },
    { at: '2026-01-02', event: 'backfill done: 5 keys looked at, 5 copied' },
    { at: '2026-01-03', event: 'verification: 5 keys compared, nothing differs' },
    { at: '2026-01-03', event: 'dual-write → target-read, reads of 10 % of the slots', by: ANNA, epoch: 3 },
    { at: '2026-01-05', event: 'target-read → target-first, named as past Ferry: prom*', by: ANNA, epoch: 4 },
    { at: '2026-01-05', event: 'swap of the authority: target-read to target-first, clients waited 3.5 ms', by: ANNA },
  ]);
  expect(phases).toEqual([
    { phase: 'dual-write', epoch: 2, at: '2026-01-01', forced: false, by: ANNA },
    { phase: 'target-read', epoch: 3, at: '2026-01-03', forced: false, by: ANNA },
    { phase: 'target-first', epoch: 4, at: '2026-01-05', forced: false, by: ANNA },
  ]);
  expect(cutovers).toEqual([{ at: '2026-01-05', from: 'target-read', to: 'target-first', pauseMs: 3.5, by: ANNA }]);
  expect(pauses.map(({ what, pauseMs }) => [what, pauseMs])).toEqual([
    ['dry run of target-first', 2],
    ['target-read → target-first', 3.5],
  ]);
  expect(verifications).toEqual([{ at: '2026-01-03', result: '5 keys compared, nothing differs' }]);
});

test('a record of before people and epochs were noted counts its steps, and nothing else', () => {
  const { phases, forced } = report([
    { at: '1', event: 'source-only → dual-write' },
    { at: '2', event: 'verification: 5 keys compared, nothing differs' },
    { at: '3', event: 'dual-write → target-read (forced)' },
  ]);
  expect(phases).toMatchObject([
    { phase: 'dual-write', epoch: 2, forced: false },
    { phase: 'target-read', epoch: 3, forced: true },
  ]);
  expect(forced).toMatchObject([{ at: '3', passed: null }]);
});

describe('what is not covered', () => {
  test('a forced step, with what it passed; what came up while draining is no step of its own', () => {
    const passed = [{ code: 'not-verified', message: 'There is no clean verification.' }];
    const { phases, forced, risks } = report([
      { at: '1', event: 'target-read → target-first (forced)', by: ANNA, epoch: 5, passed },
      { at: '2', event: 'target-read → target-first: forced past what came up while draining', by: ANNA, passed },
      { at: '3', event: 'target-first → target-read (forced)', by: ANNA, epoch: 6, passed: [] },
    ]);
    expect(phases.map(({ phase, epoch }) => [phase, epoch])).toEqual([
      ['target-first', 5],
      ['target-read', 6],
    ]);
    expect(forced).toHaveLength(3);
    expect(risks).toContain(
      'Forced at 1: target-read → target-first, past not-verified (There is no clean verification.)',
    );
    expect(risks).toContain('Forced at 3, though nothing stood in the way: target-first → target-read.');
  });

  test('sides that were never compared, or not since the last swap', () => {
    const never = 'The two sides were never compared.';
    expect(report([], { phase: 'target-first' }).risks).toContain(never);
    expect(report([], { phase: 'source-only' }).risks).not.toContain(never);
    const stale = report([
      { at: '2026-01-01', event: 'verification: 5 keys compared, nothing differs' },
      { at: '2026-01-02', event: 'swap of the authority: target-read to target-first, clients waited 1 ms' },
    ]);
    expect(stale.risks).toContain(
      'The two sides were last compared at 2026-01-01, before the last swap of the authority.',
    );
  });

  test('clients past Ferry that nobody can list, and rights that are missing', () => {
    const fresh = freshStatus();
    const { risks } = report([], {
      phase: 'dual-write',
      directClients: { source: null, target: [] },
      target: { ...fresh.target, missingRights: ['INFO'] as never },
    });
    expect(risks.join('\n')).toMatch(/connected to the source past Ferry is not known/);
    expect(risks.join('\n')).toMatch(/account on the target lacks rights.*INFO/);
  });
});
