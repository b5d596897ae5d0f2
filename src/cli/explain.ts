/**
 * `ferry explain COMMAND ARG…`: what would happen to this command now, and why. Nothing is sent to a server. Exit 1 if it
 * would be refused.
 *
 * What is no flag of Ferry's is a word of the command (`SET k -x`), and so is everything behind `--`.
 */
import type { Explanation } from '../admin/control.js';
import { ConfigError } from '../config/errors.js';
import { ADMIN_FLAGS, adminClient, wholeNumber } from './flags.js';
import { print, printJson } from './output.js';
import { verb } from './verb.js';

export const explainCommand = verb({
  name: 'explain [words..]',
  describe: 'what would happen to a command now, and why',
  positionals: {
    words: { type: 'string', array: true, default: [], describe: 'the command: GET user:1' },
  },
  parsing: { 'unknown-options-as-args': true, 'populate--': true },
  flags: { ...ADMIN_FLAGS, db: { default: 0, describe: 'the client’s database', coerce: wholeNumber('db') } },
  run: async ({ words, '--': behind, db, json, ...where }) => {
    const command = [...words, ...((behind as string[] | undefined) ?? [])].map(String);
    if (command.length === 0) throw new ConfigError('Which command? Such as: ferry explain GET user:1');
    const client = await adminClient(where);
    const explanation = await client.explain(command, db ?? 0);
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
