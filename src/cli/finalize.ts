/**
 * `ferry finalize`: `target-first` → `target-only`. The source is no longer written; this cannot be undone.
 */
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { attempt, printStatus } from './output.js';
import { verb } from './verb.js';

export const finalizeCommand = verb({
  name: 'finalize',
  describe: 'stop writing to the source; cannot be undone',
  flags: ADMIN_FLAGS,
  run: async ({ json, ...where }) => {
    const client = await adminClient(where);
    const status = await attempt(json, () => client.changePhase({ to: 'target-only' }));
    if (status !== null) printStatus(status, json);
  },
});
