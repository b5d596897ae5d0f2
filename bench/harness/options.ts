/** The command line of `npm run bench`. Whatever is wrong with it is a ConfigError: one sentence, exit code 2. */
import { resolve } from 'node:path';
import yargs from 'yargs';
import { ConfigError } from '../../src/config/errors.js';
import { PACKAGE_ROOT } from './package-root.js';
import type { PeerName } from './peers.js';

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly scale: number;
  readonly full: boolean;
  /** null: all that are for every run */
  readonly only: readonly string[] | null;
  /** where to write the results too */
  readonly json: string | null;
  /** the folder of latest.json and run.json */
  readonly results: string;
  readonly publish: boolean;
  /** measures nothing, only draws again what was published */
  readonly draw: boolean;
  readonly list: boolean;
  readonly install: boolean;
  readonly peers: Partial<Record<PeerName, string>>;
}

/** Null: there was nothing to do but to print the help. */
export async function readOptions(args: readonly string[], rowIds: readonly string[]): Promise<BenchOptions | null> {
  const asksForHelp = args.some((arg) => arg === '--help' || arg === '-h');
  const argv = await yargs([...args])
    .scriptName('npm run bench --')
    .usage(
      '$0 [options]\n\nMeasures Ferry beside other proxies and Redis itself, and says what was reached.\n' +
        'Results: bench/results/latest.json (a list of figures) and bench/results/run.json (everything).',
    )
    .options({
      rounds: { type: 'number', default: 5, requiresArg: true, describe: 'how often each contestant runs, in turns' },
      seconds: { type: 'number', default: 2, requiresArg: true, describe: 'how long one of these takes' },
      only: { type: 'string', requiresArg: true, describe: `some rows: ${rowIds.join(', ')}` },
      full: {
        type: 'boolean',
        default: false,
        describe: 'all workloads, values, pipelines and numbers of clients too',
      },
      results: { type: 'string', default: 'bench/results', requiresArg: true, describe: 'the folder for the results' },
      json: { type: 'string', requiresArg: true, describe: 'a file for the results, as run.json' },
      publish: { type: 'boolean', default: false, describe: 'take the results into docs/ (tables, charts, JSON)' },
      draw: { type: 'boolean', default: false, describe: 'measure nothing; make docs/ again from what was published' },
      list: { type: 'boolean', default: false, describe: 'the rows, and what each is to reach' },
      scale: {
        type: 'number',
        default: 1,
        requiresArg: true,
        describe: 'less than 1: smaller migrations and fewer clients, to see that it works; no verdict then',
      },
      install: {
        type: 'boolean',
        default: true,
        describe: 'install nutcracker and haproxy if they are not here; --no-install: go without',
      },
      nutcracker: { type: 'string', requiresArg: true, describe: 'its path [NUTCRACKER_BIN]' },
      haproxy: { type: 'string', requiresArg: true, describe: 'its path [HAPROXY_BIN]' },
      predixy: { type: 'string', requiresArg: true, describe: 'its path, to measure it too [PREDIXY_BIN]' },
    })
    .parserConfiguration({ 'duplicate-arguments-array': false })
    .version(false)
    .strict()
    .exitProcess(false)
    .showHelpOnFail(false)
    .wrap(process.stdout.isTTY ? Math.min(120, process.stdout.columns) : 120)
    .fail((message, error) => {
      throw error ?? new ConfigError(`${message} (\`npm run bench -- --help\` lists what there is)`);
    })
    .parseAsync();
  if (asksForHelp) return null;
  const { rounds, seconds, scale, full, results, json, publish, draw, list, install } = argv;
  if (!(Number.isInteger(rounds) && rounds >= 1)) throw new ConfigError('--rounds: expected a whole number from 1.');
  if (!(seconds > 0 && seconds <= 600)) throw new ConfigError('--seconds: expected a number above 0, 600 at the most.');
  if (!(scale > 0 && scale <= 1)) throw new ConfigError('--scale: expected a number above 0, 1 at the most.');
  // a run on another scale, or with broken rows, says nothing about Ferry
  if (publish && scale !== 1) throw new ConfigError('--publish: only a run on the whole scale is published.');
  const peers = definedOnly({ nutcracker: argv.nutcracker, haproxy: argv.haproxy, predixy: argv.predixy });
  const only = argv.only === undefined ? null : idsOf(argv.only, rowIds);
  const what = { rounds, seconds, scale, full, only, publish, draw, list, install, peers };
  return { ...what, results: resolve(PACKAGE_ROOT, results), json: json ?? null };
}

function idsOf(text: string, known: readonly string[]): string[] {
  const ids = text.split(',').map((id) => id.trim());
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined)
    throw new ConfigError(`--only: there is no row '${unknown}'; there are ${known.join(', ')}.`);
  return ids;
}

function definedOnly<T>(values: Partial<Record<PeerName, T | undefined>>): Partial<Record<PeerName, T>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<
    Record<PeerName, T>
  >;
}
