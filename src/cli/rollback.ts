/**
 * `ferry rollback`: `target-first` → `target-read`, the same swap as the cutover in the other direction.
 *
 * With `--force` also when the target is dead; Ferry then says which keys it could not bring back.
 */
import type { Phase } from '../phases/phase.js';
import { Refused } from './client.js';
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { attempt, printStatus, tell } from './output.js';
import { verb } from './verb.js';

export const rollbackCommand = verb({
  name: 'rollback',
  describe: 'make the source the authority again',
  flags: { ...ADMIN_FLAGS, force: { type: 'boolean', default: false, describe: 'also when the target is dead' } },
  run: async ({ force, json, ...where }) => {
    const client = await adminClient(where);
    const answer = await attempt(json, async () => {
      const { phase } = await client.status();
      // from there target-read is a step ahead
      if (phase === 'source-only' || phase === 'dual-write') throw nothingToRollBack(phase);
      return client.changePhase({ to: 'target-read', from: phase, force });
    });
    if (answer === null) return;
    if (answer.pauseMs !== undefined) tell(`Clients waited ${answer.pauseMs.toFixed(1)} ms.`);
    if (answer.note !== undefined) tell(answer.note);
    printStatus(answer, json);
  },
});

function nothingToRollBack(phase: Phase): Refused {
  const message = `in ${phase} the source decides: there is no cutover to take back (ferry abort goes to the safest phase)`;
  return new Refused(`rollback is refused: ${message}.`, [{ code: 'no-cutover', message }]);
}
