/**
 * One figure of Ferry, mostly held against another one of the same run, and whether it is as good as it is to be.
 *
 * `bar` is what the ratio (or the value itself, where `barOn` says so) must be: at least or at most, as `barIs` says. A
 * measure without a bar is information. `reached` is null when there is nothing to judge; `note` says why then.
 * The first seven fields are what scripts rely on; bench/results/latest.json is a list of these.
 */
import { type Ratio, ratioOf, type Summary, summaryOf } from '../harness/statistics.js';

export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly ferry: number | null;
  readonly peer: number | null;
  readonly ratio: number | null;
  readonly bar: number | null;
  readonly reached: boolean | null;
  /** of the row that it belongs to */
  readonly row: string;
  readonly peerName: string;
  readonly barOn: 'ratio' | 'value';
  readonly barIs: 'at least' | 'at most';
  readonly ferryRange: Range | null;
  readonly peerRange: Range | null;
  /** of the rounds */
  readonly ratioRange: Range | null;
  readonly rounds: number;
  readonly note: string;
}

export type Range = readonly [min: number, max: number];

export interface Bar {
  readonly on: 'ratio' | 'value';
  readonly is: 'at least' | 'at most';
  readonly value: number;
}

export const atLeast = (value: number): Bar => ({ on: 'ratio', is: 'at least', value });
export const atMost = (value: number): Bar => ({ on: 'ratio', is: 'at most', value });
export const valueAtLeast = (value: number): Bar => ({ on: 'value', is: 'at least', value });
export const valueAtMost = (value: number): Bar => ({ on: 'value', is: 'at most', value });

interface About {
  readonly row: string;
  readonly name: string;
  readonly unit: string;
  readonly bar?: Bar | null;
  readonly note?: string;
}

/** Two contestants, by their rounds. */
export function compared(
  about: About & { readonly peerName: string },
  ferry: readonly number[],
  peer: readonly number[],
): Measure {
  if (ferry.length === 0 || ferry.some(Number.isNaN) || peer.some(Number.isNaN)) {
    return unmeasured(about, 'the system does not tell');
  }
  return judged(about, summaryOf(ferry), summaryOf(peer), ratioOf(ferry, peer), ferry.length);
}

/** A figure of Ferry alone. */
export function single(about: About, values: readonly number[]): Measure {
  if (values.length === 0 || values.some(Number.isNaN)) return unmeasured(about, 'the system does not tell');
  return judged({ ...about, peerName: '' }, summaryOf(values), null, null, values.length);
}

/** `why` is for a person. */
export function unmeasured(about: About & { readonly peerName?: string }, why: string): Measure {
  const none = { ferry: null, peer: null, ratio: null, ferryRange: null, peerRange: null, ratioRange: null };
  return { ...described(about), ...none, reached: null, rounds: 0, note: why };
}

/** The figure stands, but what it was measured under is not what its bar speaks of. */
export function undecided(measure: Measure, why: string): Measure {
  return { ...measure, reached: null, note: why };
}

function judged(
  about: About & { readonly peerName: string },
  ferry: Summary,
  peer: Summary | null,
  ratio: Ratio | null,
  rounds: number,
): Measure {
  const bar = about.bar ?? null;
  const judgedBy = bar === null ? null : bar.on === 'value' ? ferry.median : (ratio?.median ?? null);
  const reached =
    bar === null || judgedBy === null ? null : bar.is === 'at least' ? judgedBy >= bar.value : judgedBy <= bar.value;
  return {
    ...described(about),
    ferry: ferry.median,
    peer: peer?.median ?? null,
    ratio: ratio?.median ?? null,
    reached,
    ferryRange: [ferry.min, ferry.max],
    peerRange: peer === null ? null : [peer.min, peer.max],
    ratioRange: ratio === null ? null : [ratio.min, ratio.max],
    rounds,
    note: about.note ?? '',
  };
}

function described(
  about: About & { readonly peerName?: string },
): Pick<Measure, 'row' | 'name' | 'unit' | 'bar' | 'barOn' | 'barIs' | 'peerName'> {
  const { row, name, unit, peerName = '', bar = null } = about;
  return {
    row,
    name,
    unit,
    peerName,
    bar: bar?.value ?? null,
    barOn: bar?.on ?? 'ratio',
    barIs: bar?.is ?? 'at least',
  };
}
