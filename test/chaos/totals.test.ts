/** The totals over all parts of the long run that have results, those of earlier runs included; nothing is run here. */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { allTotals, RESULTS_DIR } from './tally.js';

it.skipIf(process.env.FERRY_CHAOS_TOTALS === undefined)('over all parts nothing is wrong', () => {
  expect(existsSync(RESULTS_DIR), `there are results in ${RESULTS_DIR}`).toBe(true);
  const lines = allTotals(RESULTS_DIR);
  console.log(lines.join('\n'));
  expect(lines.at(-1)).toMatch(/, 0 lost, 0 silent differences.*, 0 wrong$/);
});
