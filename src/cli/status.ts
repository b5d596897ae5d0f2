/**
 * `ferry status`: what phase, how far, what is wrong. With `--watch` again and again, until interrupted.
 */
import { ConfigError } from '../config/errors.js';
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { printStatus } from './output.js';
import { watchStatus } from './status-watch.js';
import { verb } from './verb.js';

export const statusCommand = verb({
  name: 'status',
  describe: 'what phase, how far, what is wrong',
  flags: {
    ...ADMIN_FLAGS,
    watch: {
      type: 'boolean',
      default: false,
      describe: 'again every second; where there is no terminal, a line for each change',
    },
  },
  run: async (argv) => {
    const client = await adminClient(argv);
    if (!argv.watch) return printStatus(await client.status(), argv.json);
    if (argv.json) throw new ConfigError('--json prints one document: it cannot be combined with --watch.');
    await watchStatus(client, process.stdout.isTTY);
  },
});
