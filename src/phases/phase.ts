/**
 * The five phases, what each means for reads and writes, and which steps there are.
 *
 *   source-only ⇄ dual-write ⇄ target-read ⇄ target-first → target-only
 *                                          └── cutover ──►
 *                                          ◄── rollback ──┘
 *
 * Steps go one phase forward or back; the last one cannot be undone. Pure: no state, no clock.
 */
export const PHASES = ['source-only', 'dual-write', 'target-read', 'target-first', 'target-only'] as const;
export type Phase = (typeof PHASES)[number];
export type Side = 'source' | 'target';

export interface PhaseRules {
  readonly authority: Side;
  /** Does the other side follow? */
  readonly mirrored: boolean;
  /** May reads go to the side that is not the authority? */
  readonly readsTarget: boolean;
}

export const PHASE_RULES: Readonly<Record<Phase, PhaseRules>> = {
  'source-only': { authority: 'source', mirrored: false, readsTarget: false },
  'dual-write': { authority: 'source', mirrored: true, readsTarget: false },
  'target-read': { authority: 'source', mirrored: true, readsTarget: true },
  'target-first': { authority: 'target', mirrored: true, readsTarget: false },
  'target-only': { authority: 'target', mirrored: false, readsTarget: false },
};

export type StepName = 'stay' | 'forward' | 'back' | 'cutover' | 'rollback' | 'finalize';

/** The step from one phase to another, or null when there is none. */
export function stepBetween(from: Phase, to: Phase): StepName | null {
  if (from === to) return 'stay';
  const distance = PHASES.indexOf(to) - PHASES.indexOf(from);
  if (Math.abs(distance) !== 1 || from === 'target-only') return null;
  if (to === 'target-only') return 'finalize';
  if (from === 'target-read' && to === 'target-first') return 'cutover';
  if (from === 'target-first') return 'rollback';
  return distance > 0 ? 'forward' : 'back';
}

export function isPhase(text: string): text is Phase {
  return (PHASES as readonly string[]).includes(text);
}
