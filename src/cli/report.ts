/**
 * `ferry report`: the record of the migration so far.
 */
import type { MigrationReport } from '../admin/control.js';
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { print, printJson } from './output.js';
import { statusText } from './status-text.js';
import { verb } from './verb.js';

export const reportCommand = verb({
  name: 'report',
  describe: 'the record of the migration',
  flags: ADMIN_FLAGS,
  run: async ({ json, ...where }) => {
    const report = await (await adminClient(where)).report();
    if (json) printJson(report);
    else print(reportText(report));
  },
});

function reportText(report: MigrationReport): string {
  const phases = report.phases.map(
    ({ phase, epoch, at, forced }) => `  ${at}  ${phase} (epoch ${epoch}${forced ? ', forced' : ''})`,
  );
  const swaps = report.cutovers.map(
    ({ at, from, to, pauseMs }) => `  ${at}  ${from} → ${to}, ${pauseMs.toFixed(1)} ms`,
  );
  return [
    `From ${report.source} to ${report.target}, since ${report.startedAt}`,
    'Phases:',
    ...phases,
    ...(swaps.length === 0 ? [] : ['Swaps of the authority, and how long clients waited:', ...swaps]),
    '',
    statusText(report.status),
  ].join('\n');
}
