/**
 * `ferry cutover`: `target-read` → `target-first`, after which the target is the authority.
 *
 * `--dry-run` drains, measures the pause and resumes. `--wait` asks again every second while it is refused for what passes by
 * itself, e.g. until the last dirty keys are repaired, or for a moment in which the pause is as short as `--max-pause` says. `--known` names who may stay connected to the servers past Ferry; anybody else who
 * is there stands in the way. Exit 1 and the blockers if it is refused.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PhaseRequest } from '../admin/control.js';
import { type AdminClient, Refused, type StepAnswer } from './client.js';
import { ADMIN_FLAGS, adminClient, KNOWN_FLAG, wholeNumber } from './flags.js';
import { attempt, printStatus, refusalText, tell } from './output.js';
import { verb } from './verb.js';

const ASK_AGAIN_MS = 1000;

export const cutoverCommand = verb({
  name: 'cutover',
  describe: 'make the target the authority',
  flags: {
    ...ADMIN_FLAGS,
    wait: {
      type: 'boolean',
      default: false,
      describe: 'ask again every second while it is refused for what passes by itself',
    },
    'dry-run': { type: 'boolean', default: false, describe: 'drain, measure the pause, resume' },
    'max-pause': {
      requiresArg: true,
      coerce: wholeNumber('max-pause'),
      describe: 'milliseconds; a longer pause gives it up',
    },
    known: KNOWN_FLAG,
    force: { type: 'boolean', default: false, describe: 'pass the guards that may be passed' },
  },
  run: async ({ wait, dryRun, maxPause, known, force, json, ...where }) => {
    const client = await adminClient(where);
    const request: PhaseRequest = { to: 'target-first', force, dryRun, maxPauseMs: maxPause, known };
    const { scope } = await client.status();
    if (scope !== null) tell(scope.note);
    const answer = await attempt(json, () => (wait ? askUntilAllowed(client, request) : client.changePhase(request)));
    if (answer === null) return;
    if (answer.pauseMs !== undefined)
      tell(`Clients waited ${answer.pauseMs.toFixed(1)} ms${dryRun ? ' (dry run)' : ''}.`);
    printStatus(answer, json);
  },
});

/** What time alone can clear; anything else somebody must do something about. */
const PASSING = new Set([
  'busy',
  'dirty',
  'direct-clients-unanswered',
  'drain-timeout',
  'mirror-down',
  'pause-too-long',
  'unfenced',
  'verification-running',
]);

async function askUntilAllowed(client: AdminClient, request: PhaseRequest): Promise<StepAnswer> {
  for (let told = ''; ; ) {
    try {
      return await client.changePhase(request);
    } catch (error) {
      if (!(error instanceof Refused) || !error.blockers.every(({ code }) => PASSING.has(code))) throw error;
      const text = refusalText(error);
      if (text !== told) tell(text);
      told = text;
      await sleep(ASK_AGAIN_MS);
    }
  }
}
