/**
 * `ferry verify`: compares both sides, key by key, and waits for the result unless `--no-wait` is given. Exit 1 if it
 * found differences, also when `--repair` copied them again: the next verification then says whether they are gone.
 */
import type { Status } from '../admin/control.js';
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { attempt, printStatus, tell } from './output.js';
import { verb } from './verb.js';
import { followVerify } from './waiting.js';

export const verifyCommand = verb({
  name: 'verify',
  describe: 'compare both sides, key by key',
  flags: {
    ...ADMIN_FLAGS,
    repair: { type: 'boolean', default: false, describe: 'copy again what differs' },
    force: {
      type: 'boolean',
      default: false,
      describe: 'with --repair, after a loss of data (--lost-data hold): what is there now is right',
    },
    wait: { type: 'boolean', default: true, describe: 'until it is done' },
  },
  run: async ({ repair, force, wait, json, ...where }) => {
    const client = await adminClient(where);
    const started = await attempt(json, () => client.verify(repair, force));
    if (started === null) return;
    const { note, ...begun } = started;
    if (note !== undefined) tell(note);
    let status: Status = begun;
    if (wait) {
      status = await followVerify(client);
      if (status.verify.state !== 'done' || status.verify.clean !== true) process.exitCode = 1;
    }
    printStatus(status, json);
  },
});
