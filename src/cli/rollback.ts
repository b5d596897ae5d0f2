/**
 * `ferry rollback`: `target-first` → `target-read`, the same swap as the cutover in the other direction.
 *
 * With `--force` also when the target is dead; Ferry then says which keys it could not bring back.
 */
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { attempt, printStatus, tell } from './output.js';
import { verb } from './verb.js';

export const rollbackCommand = verb({
  name: 'rollback',
  describe: 'make the source the authority again',
  flags: { ...ADMIN_FLAGS, force: { type: 'boolean', default: false, describe: 'also when the target is dead' } },
  run: async ({ force, json, ...where }) => {
    const client = await adminClient(where);
    const answer = await attempt(json, () => client.changePhase({ to: 'target-read', force }));
    if (answer === null) return;
    if (answer.pauseMs !== undefined) tell(`Clients waited ${answer.pauseMs.toFixed(1)} ms.`);
    if (answer.note !== undefined) tell(answer.note);
    printStatus(answer, json);
  },
});
