/**
 * `ferry report`: the record of the migration so far.
 */
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { print, printJson, writePage } from './output.js';
import { reportHtml } from './report-html.js';
import { reportText } from './report-text.js';
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
    if (html !== undefined) writePage(html, reportHtml(report));
    if (json) printJson(report);
    else if (html === undefined) print(reportText(report));
  },
});
