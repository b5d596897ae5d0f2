/**
 * The command line: finds the verb, runs it, and turns every error into one sentence on stderr and an exit code.
 *
 * 0 done · 1 a check fell short or a step was refused · 2 usage or configuration · 3 unreachable
 */
import yargs from 'yargs';
import { ConfigError, StartError } from '../config/errors.js';
import { VERSION } from '../config/version.js';
import { redactUrl } from '../observe/redact.js';
import { abortCommand } from './abort.js';
import { backfillCommand } from './backfill.js';
import { cutoverCommand } from './cutover.js';
import { demoCommand } from './demo/command.js';
import { explainCommand } from './explain.js';
import { finalizeCommand } from './finalize.js';
import { leaveCommand } from './leave.js';
import { loadCommand } from './load.js';
import { migrateCommand } from './migrate.js';
import { isPrinted, printJson, tell } from './output.js';
import { phaseCommand } from './phase.js';
import { preflightCommand } from './preflight.js';
import { reportCommand } from './report.js';
import { rollbackCommand } from './rollback.js';
import { serveCommand } from './serve.js';
import { statusCommand } from './status.js';
import type { Verb } from './verb.js';
import { verifyCommand } from './verify.js';

const VERBS: readonly Verb[] = [
  serveCommand,
  preflightCommand,
  statusCommand,
  phaseCommand,
  backfillCommand,
  verifyCommand,
  cutoverCommand,
  rollbackCommand,
  finalizeCommand,
  abortCommand,
  leaveCommand,
  reportCommand,
  migrateCommand,
  loadCommand,
  explainCommand,
];

/** Runs one command; sets `process.exitCode` and never throws. */
export async function runCli(args: readonly string[]): Promise<void> {
  // the arguments may hold passwords, and every user of the machine can list processes
  process.title = 'ferry';
  // `ferry status | head -1` closes the pipe early, which is no fault
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    const verb = await chosenBy(args);
    await verb?.run();
  } catch (error) {
    process.exitCode = report(error, args.includes('--json'));
  }
}

/** Thrown through yargs: were the verb to run inside it, a help text would be laid out that nobody reads, each time. */
class Chosen extends Error {
  constructor(readonly run: () => Promise<void> | void) {
    super('a verb was chosen');
  }
}

/** Null: yargs has said everything (--help, --version). */
async function chosenBy(args: readonly string[]): Promise<Chosen | null> {
  try {
    await parser(args).parseAsync();
    return null;
  } catch (error) {
    if (error instanceof Chosen) return error;
    throw error;
  }
}

function parser(args: readonly string[]) {
  const cli = yargs([...args])
    .scriptName('ferry')
    .usage('$0 <verb>\n\nMoves a live Redis to another server, without downtime and with a way back.')
    .version(VERSION)
    .strict()
    .recommendCommands()
    .demandCommand(1, 'Which verb?')
    .exitProcess(false)
    .showHelpOnFail(false)
    .wrap(process.stdout.isTTY ? Math.min(120, process.stdout.columns) : 120)
    .fail((message, error) => {
      throw error ?? new ConfigError(`${message} (\`ferry --help\` lists what there is)`);
    });
  for (const verb of [...VERBS, demoCommand]) {
    cli.command({
      ...verb,
      handler: (argv) => {
        checkSwitches(args, argv);
        throw new Chosen(() => verb.handler(argv));
      },
    });
  }
  return cli;
}

/** yargs takes everything but `true` for false: with --dry-run=yes it would be a cutover. */
function checkSwitches(args: readonly string[], argv: Readonly<Record<string, unknown>>): void {
  const end = args.indexOf('--');
  for (const arg of end < 0 ? args : args.slice(0, end)) {
    const [, name, value] = /^--(?:no-)?([^=]+)=(.*)$/s.exec(arg) ?? [];
    if (name === undefined || value === 'true' || value === 'false') continue;
    if ([argv[name]].flat().some((given) => typeof given === 'boolean')) {
      throw new ConfigError(`--${name}: expected true or false, not '${value}'.`);
    }
  }
}

/** With --json a program reads stdout: there is a document in any case. */
function report(error: unknown, json: boolean): number {
  // yargs' own errors are usage errors too, and those of a flag's `coerce` arrive as such
  const isUsage = error instanceof Error && error.name === 'YError';
  const isExpected = error instanceof StartError || isUsage;
  const message = isExpected
    ? error.message
    : `unexpected: ${redactUrl(error instanceof Error ? (error.stack ?? error.message) : String(error))}`;
  tell(`ferry: ${message}`);
  if (json && !isPrinted()) printJson({ error: message });
  if (error instanceof StartError) return error.exitCode;
  return isUsage ? 2 : 1;
}
