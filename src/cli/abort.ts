/**
 * `ferry abort`: to the safest phase that can be reached, in one command.
 */
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { attempt, printStatus, tell } from './output.js';
import { verb } from './verb.js';

export const abortCommand = verb({
  name: 'abort',
  describe: 'go to the safest phase',
  flags: ADMIN_FLAGS,
  run: async ({ json, ...where }) => {
    const client = await adminClient(where);
    const answer = await attempt(json, () => client.abort());
    if (answer === null) return;
    if (answer.note !== undefined) tell(answer.note);
    printStatus(answer, json);
  },
});
