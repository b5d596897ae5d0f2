/**
 * What the buttons do, in words: before anybody confirms, it says what happens, and how it is undone. Steps that move the
 * truth from one side to the other, or end the way back, want a word typed.
 */
import type { NextStep, Phase, Status } from '../admin/control.js';
import { abort, backfill, changePhase, type Taken } from './api.js';

export interface Plan {
  readonly title: string;
  /** on the button that opens it; with … since something is asked first */
  readonly button: string;
  readonly what: string;
  readonly undo: string;
  /** to be typed; null: a click will do */
  readonly word: string | null;
  /** a number to be chosen; missing: there is none */
  readonly field?: NumberField;
  /** asks whether it is possible, and changes nothing; null: there is nothing to ask. `known`: who may stay past Ferry */
  readonly check: ((known: readonly string[]) => Promise<Taken>) | null;
  /** `chosen`: what the field holds, if there is one */
  readonly act: (chosen: number | undefined, known: readonly string[]) => Promise<Taken>;
}

export interface NumberField {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly value: number;
}

type Words = Pick<Plan, 'title' | 'button' | 'what' | 'undo' | 'word'>;

/** `leftOut`: what becomes of keys that are not migrated, '' when all are. */
export function planStep({ to, step }: NextStep, from: Phase, leftOut: string): Plan {
  const words = wordsOf(step, from, to);
  const what = step === 'cutover' ? `${words.what} ${leftOut}`.trim() : words.what;
  const plan: Plan = {
    ...words,
    what,
    check: (known) => changePhase(to, { from, dryRun: true, known }),
    act: (_, known) => changePhase(to, { from, known }),
  };
  if (step !== 'forward' || to !== 'target-read') return plan;
  return { ...plan, field: shareField(100), act: (share) => changePhase(to, { from, share }) };
}

/** `share`: the present one */
export function planShare(share: number): Plan {
  return {
    title: 'Change the share of the reads',
    button: 'Share of reads…',
    what: `Reads of ${share} % of the slots go to the target now. Clients do not wait for a change of that.`,
    undo: 'Undo: change it again.',
    word: null,
    field: shareField(share),
    check: null,
    act: (share) => changePhase('target-read', { from: 'target-read', share }),
  };
}

function shareField(value: number): NumberField {
  return { label: 'Percent of the slots whose reads move', min: 0, max: 100, value };
}

function wordsOf(step: NextStep['step'], from: Phase, to: Phase): Words {
  switch (step) {
    case 'cutover':
      return {
        title: 'Cut over to the target',
        button: 'Cut over…',
        what: 'The target becomes the truth: it takes all writes and reads, and the source follows it. Clients keep their connections and wait for some milliseconds.',
        undo: 'Undo: roll back to target-read, any time before you finalize.',
        word: 'cutover',
      };
    case 'rollback':
      return {
        title: 'Roll back to the source',
        button: 'Roll back…',
        what: 'The source becomes the truth again, with everything that was written since the cutover; the target follows it.',
        undo: 'Undo: cut over again.',
        word: 'rollback',
      };
    case 'finalize':
      return {
        title: 'Finalize',
        button: 'Finalize…',
        what: 'The source is no longer written to. The target alone holds the data from then on.',
        undo: 'There is no way back: the source grows old from this moment.',
        word: 'finalize',
      };
    default:
      return { ...plainStep(from, to), word: null };
  }
}

function plainStep(from: Phase, to: Phase): Omit<Words, 'word'> {
  if (to === 'dual-write' && from === 'source-only') {
    return {
      title: 'Start dual-write',
      button: 'Start dual-write…',
      what: 'Every write goes to the source and then to the target as well. Reads stay on the source.',
      undo: 'Undo: back to source-only.',
    };
  }
  if (to === 'target-read') {
    return {
      title: 'Read from the target',
      button: 'Read from target…',
      what: 'Reads go to the target where it certainly holds the same, and to the source where it may not. Writes stay on the source.',
      undo: 'Undo: back to dual-write.',
    };
  }
  if (to === 'dual-write') {
    return {
      title: 'Back to dual-write',
      button: 'Back to dual-write…',
      what: 'All reads go to the source again. The target is still written to.',
      undo: 'Undo: read from the target again.',
    };
  }
  return {
    title: 'Back to source-only',
    button: 'Back to source-only…',
    what: 'The target is left alone. What is known about it is forgotten: backfill and verification would begin anew.',
    undo: 'Undo: start dual-write again, with a new backfill.',
  };
}

export function planAbort(phase: Phase): Plan {
  const isAfterCutover = phase === 'target-first';
  return {
    title: 'Abort',
    button: 'Abort…',
    what: isAfterCutover
      ? 'Stops the verification and rolls back: the source becomes the truth again.'
      : 'Stops the verification, pauses the backfill, and moves all reads to the source (dual-write, or source-only if that is the phase).',
    undo: 'Nothing is lost: the migration can go on from there.',
    word: isAfterCutover ? 'rollback' : null,
    check: null,
    act: () => abort(phase),
  };
}

/** The rate as it is is not known here: 0 is what it is when nobody chose another. */
export function planRate(state: Status['backfill']['state']): Plan {
  const isBegun = state === 'running' || state === 'paused';
  // asked again, neither changes anything but the rate
  const action = state === 'paused' ? 'pause' : 'start';
  return {
    title: isBegun ? 'Change the rate' : 'Start at this rate',
    button: isBegun ? 'Rate…' : 'Start at a rate…',
    what: isBegun
      ? 'The backfill looks at no more keys a second than this, from now on.'
      : 'The backfill begins at the first key, and looks at no more keys a second than this.',
    undo: 'Undo: change it again, any time.',
    word: null,
    field: { label: 'Keys per second (0: as many as both sides allow)', min: 0, max: 1e9, value: 0 },
    check: null,
    act: (rate) => backfill(action, rate),
  };
}

export function planCancelBackfill(): Plan {
  return {
    title: 'Cancel the backfill',
    button: 'Cancel…',
    what: 'The backfill ends where it is, and a later one begins at the first key again.',
    undo: 'To stop it for a while, pause it instead.',
    word: null,
    check: null,
    act: () => backfill('cancel'),
  };
}
