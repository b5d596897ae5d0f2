/**
 * The options of the configuration (config/options.ts) as flags of a verb. No defaults here: what was not given must be told
 * from what was.
 *
 * What it needs is loaded when it is called, so that the other verbs start quickly.
 */
import type { Options } from 'yargs';
import type { OptionName } from '../config/options.js';

/**
 * All of them, or those. Hidden unless they are to be shown: yargs lays out the help of each verb that it runs, for an error
 * that might come, and a hundred options take it longer than Ferry takes to connect.
 */
export async function configFlags({
  only,
  areShown = true,
}: {
  only?: readonly OptionName[];
  areShown?: boolean;
} = {}): Promise<Record<string, Options>> {
  const { envName, isOptionName, OPTIONS } = await import('../config/options.js');
  const flags: Record<string, Options> = {};
  for (const name of only ?? Object.keys(OPTIONS).filter(isOptionName)) {
    const option: { describe: string; default: string | null; boolean?: true } = OPTIONS[name];
    const fallback = option.default === null ? '' : `; default ${option.default}`;
    flags[name] = {
      describe: `${option.describe}${fallback} [${envName(name)}]`,
      hidden: !areShown,
      ...(option.boolean ? { type: 'boolean', default: undefined } : { type: 'string', requiresArg: true }),
    };
  }
  return flags;
}
