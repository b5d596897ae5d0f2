/**
 * `ferry serve`: runs the proxy until SIGTERM or SIGINT; then it drains and stops. A second signal ends it at once.
 * SIGHUP reads the configuration and the TLS files again (config/reload.ts).
 *
 * Everything it needs is loaded when it runs, so that the other verbs start quickly.
 */
import type { Argv } from 'yargs';
import type { Ferry } from '../app.js';
import { configFlags } from './config-flags.js';
import { print } from './output.js';
import type { Verb } from './verb.js';

export const serveCommand: Verb = {
  command: 'serve',
  describe: 'run the proxy',
  // yargs tells whether somebody asked for help
  builder: async (yargs: Argv, isHelp = true) =>
    yargs
      .options(await configFlags({ areShown: isHelp }))
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
        ferry.control.reload({ name: 'SIGHUP', address: '' });
      } catch (error) {
        log.error(
          { reason: (error as Error).message },
          'the configuration was not read again, and nothing has changed',
        );
      }
    };
    const end = Promise.race([endSignal(), ferry.ended.then((reason) => new StartError(1, reason))]);
    // a person at a terminal gets more than the log
    if (process.stdout.isTTY) await greet(ferry, config.admin.host);
    const signal = await end;
    if (signal instanceof StartError) throw signal;
    log.info({ signal }, 'stopping');
    await ferry.stop();
    log.info('stopped');
  },
};

async function greet({ control, adminPort }: Ferry, adminHost: string): Promise<void> {
  const { statusText } = await import('./status-text.js');
  const host = adminHost.includes(':') ? `[${adminHost}]` : adminHost;
  print(`\n${statusText(control.status())}\ndashboard http://${host}:${adminPort}/ (Ctrl-C ends Ferry)\n`);
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
