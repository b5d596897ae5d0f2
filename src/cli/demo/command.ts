/**
 * `ferry demo`: the main job on a machine of its own. Two real Redis servers, or a server and a Redis Cluster, data of
 * every type, a live application under load, the whole migration with cutover and rollback, and a report that says whether anything was lost.
 *
 * Exit code 0 only if nothing was, 1 if the run fell short, 130 if it was interrupted. `--json` prints the report as one
 * document on stdout; progress goes to stderr.
 *
 * What it needs is loaded when it runs, so that the other verbs start quickly.
 */
import { wholeNumber } from '../flags.js';
import { print, printJson, tell } from '../output.js';
import { verb } from '../verb.js';
import type { DemoOptions } from './demo.js';

const DEFAULT_KEYS = 100_000;
const MIN_KEYS = 100;
const DEFAULT_SECONDS = 30;
const INTERRUPTED_EXIT_CODE = 130;
const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export const demoCommand = verb({
  name: 'demo',
  describe: 'a whole migration on this machine, with two Redis servers and an application under load',
  flags: {
    keys: {
      requiresArg: true,
      coerce: wholeNumber('keys', MIN_KEYS),
      describe: `how many keys to migrate; default ${DEFAULT_KEYS}`,
    },
    seconds: {
      requiresArg: true,
      coerce: wholeNumber('seconds', 1),
      describe: `of steady load, all phases together; default ${DEFAULT_SECONDS}`,
    },
    'kill-target': {
      type: 'boolean',
      default: false,
      describe: 'kill the target in mid-copy: it comes back empty, or of a Cluster a replica takes over',
    },
    cluster: { type: 'boolean', default: false, describe: 'migrate to a Redis Cluster of 3 masters and 3 replicas' },
    keep: { type: 'boolean', default: false, describe: 'leave the logs and the state directory to read' },
    json: { type: 'boolean', default: false, describe: 'one JSON document on stdout' },
  },
  run: async ({ keys = DEFAULT_KEYS, seconds = DEFAULT_SECONDS, killTarget, cluster, keep, json }) => {
    const report = await interruptible((signal) => ({ keys, seconds, cluster, killTarget, keep, signal }));
    if (report === null) return;
    const { reportText } = await import('./report.js');
    if (json) printJson(report);
    else print(reportText(report));
    process.exitCode = report.ok ? 0 : 1;
  },
});

/** Runs the demo; null if a signal ended it. A second signal does not wait for the clearing away. */
async function interruptible(options: (signal: AbortSignal) => DemoOptions) {
  const { Interrupted, runDemo } = await import('./demo.js');
  const { View } = await import('./view.js');
  const interruption = new AbortController();
  const interrupt = (): void => {
    if (interruption.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
    interruption.abort();
  };
  for (const signal of INTERRUPTIONS) process.on(signal, interrupt);
  try {
    return await runDemo(options(interruption.signal), new View());
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    tell('interrupted: everything is stopped and removed');
    process.exitCode = INTERRUPTED_EXIT_CODE;
    return null;
  } finally {
    for (const signal of INTERRUPTIONS) process.off(signal, interrupt);
  }
}
