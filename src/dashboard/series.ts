/** From samples to the columns that a chart draws. Pure. */
import type { Sample } from '../admin/control.js';

export interface Series {
  readonly label: string;
  /** name of a custom property of the style sheet */
  readonly colour: string;
  /** lengths of dash and gap: lines must be told apart without their colours */
  readonly dash: readonly number[];
  readonly value: (sample: Sample) => number | null;
}

/** Longer than that without a sample: Ferry was away, and the line is broken. */
const GAP_MS = 4000;

/** Seconds since 1970, then one column per series; a null where nothing was measured. */
export function columnsOf(samples: readonly Sample[], series: readonly Series[]): (number | null)[][] {
  const columns: (number | null)[][] = [[], ...series.map(() => [])];
  let before: number | null = null;
  for (const sample of samples) {
    if (before !== null && sample.at - before > GAP_MS) {
      columns.forEach((column, i) => void column.push(i === 0 ? (before! + 1000) / 1000 : null));
    }
    columns.forEach((column, i) => void column.push(i === 0 ? sample.at / 1000 : series[i - 1]!.value(sample)));
    before = sample.at;
  }
  return columns;
}
