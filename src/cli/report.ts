/**
 * `ferry report`: the record of the migration so far.
 */
import { writeFile } from 'node:fs/promises';
import type { MigrationReport } from '../admin/control.js';
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { print, printJson, tell } from './output.js';
import { reportHtml } from './report-html.js';
import { statusText } from './status-text.js';
import { verb } from './verb.js';

export const reportCommand = verb({
  name: 'report',
  describe: 'the record of the migration',
  flags: {
    ...ADMIN_FLAGS,
    html: { type: 'string', requiresArg: true, describe: 'a file to write it to as a page for the record' },
  },
  run: async ({ json, html, ...where }) => {
    const report = await (await adminClient(where)).report();
    if (html !== undefined) {
      await writeFile(html, reportHtml(report));
      tell(`The report is in ${html}.`);
    }
    if (json) printJson(report);
    else if (html === undefined) print(reportText(report));
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
    ...(report.risks.length === 0 ? [] : ['To be known:', ...report.risks.map((risk) => `  ${risk}`)]),
    '',
    statusText(report.status),
  ].join('\n');
}
