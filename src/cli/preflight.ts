/**
 * `ferry preflight`: looks at source and target before anything moves, and says what would block, hurt or be worth knowing.
 * It only reads, needs no Ferry, and exits 1 if something blocks. If a Ferry runs on the pair (`--admin`), what it has seen
 * counts too.
 *
 * With `--json` the document is `{"ok", "findings": [{"severity", "code", "message", "evidence", "fix"}]}`; `--html FILE` writes
 * a report with charts beside whatever is printed.
 */
import type { OptionName } from '../config/options.js';
import { configFlags } from './config-flags.js';
import { type Flags, wholeNumber, withFlags } from './flags.js';
import { print, printJson, writePage } from './output.js';
import type { Verb } from './verb.js';

/** Of the configuration, what matters to the checks; a config file may hold everything. */
const OPTIONS: readonly OptionName[] = [
  'source',
  'target',
  'admin',
  'token',
  'rename-source',
  'rename-target',
  'source-credentials-file',
  'target-credentials-file',
  'source-credentials-command',
  'target-credentials-command',
  'db-prefix',
  'include',
  'exclude',
  'include-dbs',
  'exclude-dbs',
  'scripts',
  'eviction',
  'big-key-bytes',
  'dns-servers',
];

const FLAGS = {
  json: { type: 'boolean', default: false, describe: 'one JSON document on stdout' },
  html: { type: 'string', requiresArg: true, describe: 'write a report with charts to this file' },
  sample: { requiresArg: true, coerce: wholeNumber('sample'), describe: 'keys to look at; default 10000' },
  'max-seconds': {
    requiresArg: true,
    coerce: wholeNumber('max-seconds', 1, 3600),
    describe: 'for the sample; default 55',
  },
} as const satisfies Flags;

const WIDTH_MAX = 120;

interface Given {
  readonly json: boolean;
  readonly html?: string;
  readonly sample?: number;
  readonly 'max-seconds'?: number;
}

export const preflightCommand: Verb = {
  command: 'preflight',
  describe: 'look at both sides before anything moves',
  builder: async (yargs) =>
    withFlags(yargs.options(await configFlags({ only: OPTIONS })), FLAGS)
      .option('config', {
        type: 'string',
        requiresArg: true,
        describe: 'a YAML file, the one that serve gets [FERRY_CONFIG]',
      })
      .example('$0 preflight --source redis://old:6379 --target redis://new:6379 --html report.html', ''),
  handler: async (argv) => {
    const { json, html, sample, 'max-seconds': maxSeconds } = argv as unknown as Given;
    const { loadConfig } = await import('../config/load.js');
    const { askRunningFerry } = await import('../preflight/live.js');
    const { preflight } = await import('../preflight/preflight.js');
    const { startProgress } = await import('./progress.js');
    const config = loadConfig(argv);
    const live = await askRunningFerry(config);
    const progress = process.stderr.isTTY ? startProgress('preflight') : null;
    const text = (done: number, wanted: number): string => `${done} of ${wanted} keys`;
    const found = await preflight(config, {
      sample,
      maxSeconds,
      live,
      onProgress: (done, wanted) => progress?.update(done, wanted, text(done, wanted)),
    }).finally(() => progress?.stop());
    if (json) printJson(found.report);
    else {
      const { reportText } = await import('../preflight/text.js');
      const width = Math.min(WIDTH_MAX, process.stdout.columns ?? WIDTH_MAX);
      print(reportText(found.facts, found.report, { colour: isColoured(), width }));
      print(nextText(found.report.ok, live !== null));
    }
    if (!found.report.ok) process.exitCode = 1;
    if (html !== undefined) {
      const { reportHtml } = await import('../preflight/html.js');
      writePage(html, reportHtml(found.facts, found.report, new Date()));
    }
  },
};

function nextText(ok: boolean, isServed: boolean): string {
  const next = !ok
    ? 'ferry preflight again, when the blockers are gone'
    : isServed
      ? 'ferry migrate --until target-read'
      : 'ferry serve with the same --source and --target — no data moves before the first step';
  return `next    ${next}\nundo    nothing was changed`;
}

/** https://no-color.org */
function isColoured(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
}
