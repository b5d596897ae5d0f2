/**
 * `ferry phase PHASE`: one step forward or back. Exit 1 and the blockers if it is refused.
 */

import { ConfigError } from '../config/errors.js';
import { PHASES } from '../phases/phase.js';
import { ADMIN_FLAGS, adminClient, wholeNumber } from './flags.js';
import { attempt, printStatus } from './output.js';
import { verb } from './verb.js';

export const phaseCommand = verb({
  name: 'phase <phase>',
  describe: 'one step to the next or the previous phase',
  positionals: { phase: { choices: PHASES, demandOption: true, describe: 'where to' } },
  flags: {
    ...ADMIN_FLAGS,
    force: { type: 'boolean', default: false, describe: 'pass the guards that may be passed' },
    share: {
      requiresArg: true,
      coerce: wholeNumber('share', 0, 100),
      describe: 'with target-read: percent of the slots whose reads move',
    },
  },
  run: async ({ phase, force, share, json, ...where }) => {
    if (share !== undefined && phase !== 'target-read') throw new ConfigError('--share only goes with target-read.');
    const client = await adminClient(where);
    const status = await attempt(json, () => client.changePhase({ to: phase, force, share }));
    if (status !== null) printStatus(status, json);
  },
});
