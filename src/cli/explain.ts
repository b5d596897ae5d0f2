/**
 * `ferry explain COMMAND ARG…`: what would happen to this command now, and why. Nothing is sent to a server. Exit 1 if it
 * would be refused.
 */
import type { Explanation } from '../admin/control.js';
import { ADMIN_FLAGS, adminClient, wholeNumber } from './flags.js';
import { print, printJson } from './output.js';
import { verb } from './verb.js';

export const explainCommand = verb({
  name: 'explain <words..>',
  describe: 'what would happen to a command now, and why',
  positionals: {
    words: { type: 'string', array: true, demandOption: true, describe: 'the command: GET user:1' },
  },
  flags: { ...ADMIN_FLAGS, db: { default: 0, describe: 'the client’s database', coerce: wholeNumber('db') } },
  run: async ({ words, db, json, ...where }) => {
    const client = await adminClient(where);
    const explanation = await client.explain(words.map(String), db ?? 0);
    if (explanation.route === 'refused') process.exitCode = 1;
    if (json) printJson(explanation);
    else print(explanationText(explanation));
  },
});

export function explanationText({ command, phase, route, side, reason, mirrored, keys, notes }: Explanation): string {
  const where = side === null || route === 'sent to the target' ? route : `${route}, the ${side}`;
  const lines = [`${command} in ${phase}: ${where}`, `  because ${reason}`];
  if (mirrored !== null) lines.push(`  mirrored by ${mirrored.how}: ${mirrored.reason}`);
  for (const { key, slot, isWritten, isDirty } of keys) {
    lines.push(`  key '${key}' in slot ${slot}${isWritten ? ', written' : ''}${isDirty ? ', dirty' : ''}`);
  }
  return [...lines, ...notes.map((note) => `  ! ${note}`)].join('\n');
}
