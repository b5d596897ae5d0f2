/**
 * The verdict of a row: what it is to reach was reached, was not, or cannot be told because a part was not measured.
 *
 * A part that falls short decides, whatever else is missing: a row is never better than its worst part. A row without a
 * bar is information.
 */
import type { Measure } from './measure.js';

export type Verdict = 'reached' | 'not reached' | 'not measured' | 'information';

export function verdictOf(measures: readonly Measure[]): Verdict {
  const barred = measures.filter(({ bar }) => bar !== null);
  if (barred.some(({ reached }) => reached === false)) return 'not reached';
  if (barred.some(({ reached }) => reached === null) || measures.length === 0) return 'not measured';
  return barred.length === 0 ? 'information' : 'reached';
}
