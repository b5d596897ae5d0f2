/**
 * `ferry serve`: runs the proxy until SIGTERM or SIGINT; then it drains and stops. A second signal ends it at once.
 * SIGHUP reads the configuration and the TLS files again (config/reload.ts).
 *
 * Everything it needs is loaded when it runs, so that the other verbs start quickly.
 */
import type { Argv, Options } from 'yargs';
import type { Verb } from './verb.js';

export const serveCommand: Verb = {
  command: 'serve',
  describe: 'run the proxy',
  // yargs tells whether somebody asked for help
  builder: async (yargs: Argv, isHelp = true) =>
    yargs
      .options(await configFlags(isHelp))
      .option('config', {
        type: 'string',
        hidden: !isHelp,
        requiresArg: true,
        describe: 'a YAML file with the same names [FERRY_CONFIG]',
      })
      .example('$0 serve --source redis://old:6379 --target redis://new:6379', ''),
  handler: async (argv) => {
    const { loadConfig } = await import('../config/load.js');
    const config = loadConfig(argv);
    process.title = 'ferry serve';
    const { createLogger } = await import('../observe/log.js');
    const { startFerry } = await import('../app.js');
    const { StartError } = await import('../config/errors.js');
    const log = createLogger(config.logLevel);
    let reload = (): void => {};
    process.on('SIGHUP', () => reload()); // one that comes too early must not end it
    const ferry = await startFerry(config, { log, readConfig: () => loadConfig(argv) });
    reload = () => {
      try {
        ferry.control.reload();
      } catch (error) {
        log.error(
          { reason: (error as Error).message },
          'the configuration was not read again, and nothing has changed',
        );
      }
    };
    const signal = await Promise.race([endSignal(), ferry.ended.then((reason) => new StartError(1, reason))]);
    if (signal instanceof StartError) throw signal;
    log.info({ signal }, 'stopping');
    await ferry.stop();
    log.info('stopped');
  },
};

/**
 * No defaults here: what was not given must be told from what was.
 *
 * Hidden unless they are to be shown: yargs lays out the help of each verb that it runs, for an error that might come, and
 * a hundred options take it longer than Ferry takes to connect.
 */
async function configFlags(areShown: boolean): Promise<Record<string, Options>> {
  const { envName, isOptionName, OPTIONS } = await import('../config/options.js');
  const flags: Record<string, Options> = {};
  for (const name of Object.keys(OPTIONS).filter(isOptionName)) {
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

const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

function endSignal(): Promise<string> {
  return new Promise((resolve) => {
    let stopping = false;
    const end = (signal: 'SIGINT' | 'SIGTERM'): void => {
      if (stopping) process.exit(EXIT_BY_SIGNAL[signal]);
      stopping = true;
      resolve(signal);
    };
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
  });
}
