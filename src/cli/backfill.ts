/**
 * `ferry backfill start|pause|resume|cancel`: copies what is on the authority already. `--wait` follows it to its end;
 * exit 1 if that is not "done", or if the action is refused.
 */
import { BACKFILL_ACTIONS } from '../admin/control.js';
import { ADMIN_FLAGS, adminClient, wholeNumber } from './flags.js';
import { attempt, printStatus } from './output.js';
import { verb } from './verb.js';
import { followBackfill } from './waiting.js';

export const backfillCommand = verb({
  name: 'backfill <action>',
  describe: 'copy the existing keys to the target',
  positionals: { action: { choices: BACKFILL_ACTIONS, demandOption: true, describe: 'what to do' } },
  flags: {
    ...ADMIN_FLAGS,
    rate: { requiresArg: true, coerce: wholeNumber('rate'), describe: 'keys per second; 0: no limit' },
    wait: { type: 'boolean', default: false, describe: 'until it is done' },
  },
  run: async ({ action, rate, wait, json, ...where }) => {
    const client = await adminClient(where);
    let status = await attempt(json, () => client.backfill(action, rate));
    if (status === null) return;
    if (wait && (action === 'start' || action === 'resume')) {
      status = await followBackfill(client);
      if (status.backfill.state !== 'done') process.exitCode = 1;
    }
    printStatus(status, json);
  },
});
