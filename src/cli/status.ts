/**
 * `ferry status`: what phase, how far, what is wrong. With `--watch` again every second, until interrupted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../config/errors.js';
import { ADMIN_FLAGS, adminClient } from './flags.js';
import { print, printStatus } from './output.js';
import { statusText } from './status-text.js';
import { verb } from './verb.js';

const WATCH_EVERY_MS = 1000;
const CLEAR_SCREEN = '\x1b[H\x1b[2J';

export const statusCommand = verb({
  name: 'status',
  describe: 'what phase, how far, what is wrong',
  flags: { ...ADMIN_FLAGS, watch: { type: 'boolean', default: false, describe: 'again every second' } },
  run: async (argv) => {
    const client = await adminClient(argv);
    if (!argv.watch) return printStatus(await client.status(), argv.json);
    if (argv.json) throw new ConfigError('--json prints one document: it cannot be combined with --watch.');
    for (;;) {
      const text = statusText(await client.status());
      print(process.stdout.isTTY ? CLEAR_SCREEN + text : `${text}\n`);
      await sleep(WATCH_EVERY_MS);
    }
  },
});
