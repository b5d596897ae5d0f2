/**
 * `ferry leave`: may Ferry be taken out, and where should the application point then. Exit 1 if it may not.
 */
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { print, printJson } from './output.js';
import { verb } from './verb.js';

export const leaveCommand = verb({
  name: 'leave',
  describe: 'may Ferry be taken out',
  flags: ADMIN_FLAGS,
  run: async ({ json, ...where }) => {
    const answer = await (await adminClient(where)).leave();
    if (!answer.ok) process.exitCode = 1;
    if (json) return printJson(answer);
    if (answer.ok) print(`Ferry may be taken out: point the application to ${answer.pointTo}, then stop Ferry.`);
    else print(['Ferry must stay:', ...answer.reasons.map((reason) => `  ${reason}`)].join('\n'));
  },
});
