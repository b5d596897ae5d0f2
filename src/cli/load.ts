/**
 * `ferry load FILE`: mass insertion through a running Ferry (or, with `--url`, into any Redis), see docs/load.md.
 *
 * Exit 0 only if the whole file is in and nothing in it was refused; 1 if something was, the file is cut off or malformed,
 * or the load was interrupted; 3 if the connection was lost. Whatever is missing then, stderr says from which offset to go on.
 */
import { resolve } from 'node:path';
import { ConfigError } from '../config/errors.js';
import { type Endpoint, parseEndpoint } from '../config/url.js';
import type { CommandReader } from '../load/command-reader.js';
import { CsvReader } from '../load/csv-reader.js';
import type { LoadFault } from '../load/faults.js';
import { LoadInput } from '../load/input.js';
import { Journal, type ResumePoint } from '../load/journal.js';
import { JsonlReader } from '../load/jsonl-reader.js';
import { Loader, type LoadResult } from '../load/loader.js';
import { RespReader } from '../load/resp-reader.js';
import { Shape, TYPES } from '../load/shape.js';
import { bytes, number } from '../observe/figures.js';
import { RateMeter } from '../observe/rate.js';
import type { AdminClient } from './client.js';
import { ADMIN_FLAGS, adminClient, wholeNumber } from './flags.js';
import { print, printJson, tell } from './output.js';
import { startProgress } from './progress.js';
import { duration } from './status-text.js';
import { verb } from './verb.js';

const FORMATS = ['resp', 'csv', 'jsonl'] as const;
type Format = (typeof FORMATS)[number];

const MOST_CONNECTIONS = 64;
const TOLD_ERRORS = 100;
const TICK_MS = 250;
const JOURNAL_EVERY_MS = 1000;
const CLEAR_LINE = '\r\x1b[K';

const LOAD_FLAGS = {
  ...ADMIN_FLAGS,
  format: { choices: FORMATS, describe: 'by default told by the file’s name' },
  url: { type: 'string', requiresArg: true, describe: 'where to load to; by default the running Ferry' },
  db: { describe: 'the database, instead of the URL’s', coerce: wholeNumber('db') },
  connections: {
    default: 1,
    describe: 'each key stays on one of them',
    coerce: wholeNumber('connections', 1, MOST_CONNECTIONS),
  },
  rate: { default: 0, describe: 'commands per second; 0: as fast as it goes', coerce: wholeNumber('rate') },
  offset: { describe: 'begin at this byte of the (unpacked) file', coerce: wholeNumber('offset') },
  journal: { type: 'string', requiresArg: true, describe: 'a file that keeps how far it came; goes on from there' },
  'max-errors': { default: 0, describe: 'stop at so many; 0: never', coerce: wholeNumber('max-errors') },
  as: { choices: TYPES, default: 'hash' as const, describe: 'csv, jsonl: what a record becomes' },
  key: { type: 'string', requiresArg: true, describe: "csv, jsonl: such as 'user:{id}'" },
  value: { type: 'string', requiresArg: true, describe: "string, list, set, zset: such as '{name}'" },
  score: { type: 'string', requiresArg: true, describe: "zset: such as '{points}'" },
  id: { type: 'string', requiresArg: true, describe: "stream: such as '{ms}-0'; by default *" },
  fields: { type: 'string', requiresArg: true, describe: 'hash, stream: some of the record’s, comma-separated' },
  ttl: { type: 'string', requiresArg: true, describe: "seconds, or such as '{ttl}'" },
  delimiter: { type: 'string', requiresArg: true, default: ',', describe: 'csv' },
  columns: { type: 'string', requiresArg: true, describe: 'csv: names, where the first row has none' },
} as const;

interface LoadArguments {
  readonly file: string;
  readonly format: Format;
  readonly as: (typeof TYPES)[number];
  readonly key?: string;
  readonly value?: string;
  readonly score?: string;
  readonly id?: string;
  readonly fields?: string;
  readonly ttl?: string;
  readonly delimiter: string;
  readonly columns?: string;
}

export const loadCommand = verb({
  name: 'load <file>',
  describe: 'load a file of commands, CSV or JSONL',
  positionals: { file: { type: 'string', demandOption: true, describe: 'a file, perhaps gzipped; - is stdin' } },
  flags: LOAD_FLAGS,
  run: async (argv) => {
    // yargs makes '' of a lone '-'
    const file = argv.file === '' && process.argv.includes('-') ? '-' : argv.file;
    const format = argv.format ?? formatOf(file);
    const how = { ...argv, file, format };
    const shape = shapeOf(how);
    const endpoint = argv.url === undefined ? await clientsOf(await adminClient(argv)) : parseEndpoint(argv.url);
    if (endpoint.kind !== 'standalone') throw new ConfigError('--url: a load goes to one address: redis://host:port.');
    const journal = argv.journal === undefined ? null : new Journal(argv.journal, nameOf(how));
    const kept = argv.offset === undefined ? (journal?.read() ?? null) : null;
    const resume: ResumePoint = { offset: argv.offset ?? kept?.offset ?? 0, db: argv.db ?? kept?.db ?? endpoint.db };
    journal?.write(resume); // what cannot be written is to be known before anything is loaded
    if (kept !== null) tell(`ferry: going on at byte ${kept.offset}, as ${argv.journal} says`);
    const input = await LoadInput.open(file);
    try {
      if (!input.isPacked && input.totalBytes !== null && resume.offset > input.totalBytes) {
        throw new ConfigError(`--offset: ${file} ends before byte ${resume.offset}, at ${input.totalBytes}.`);
      }
      const loader = new Loader({
        endpoint,
        connections: argv.connections ?? 1,
        rate: argv.rate ?? 0,
        maxErrors: argv['max-errors'] ?? 0,
        input,
        reader: readerOf(how, shape, resume.offset),
        // a CSV file's first row names its columns
        readFrom: format === 'csv' && argv.columns === undefined ? 0 : resume.offset,
        resume,
        areForeign: format === 'resp',
        tell: tellFault,
      });
      const result = await follow(loader, input, journal);
      report(result, file, journal, argv.json);
    } finally {
      await input.close();
    }
  },
});

async function follow(loader: Loader, input: LoadInput, journal: Journal | null): Promise<LoadResult> {
  // a bar needs to know where it ends
  const progress = startProgress('load', input.totalBytes !== null);
  const rate = new RateMeter();
  let journaledMs = performance.now();
  const started = journaledMs;
  const tick = setInterval(() => {
    const now = performance.now();
    rate.sample(loader.replies, now);
    progress.update(
      input.bytesRead,
      input.totalBytes ?? 0,
      progressText(loader, input, rate.perSecond(), now - started),
    );
    if (journal === null || now - journaledMs < JOURNAL_EVERY_MS) return;
    journaledMs = now;
    try {
      journal.write(loader.resume);
    } catch (error) {
      loader.stop((error as Error).message);
    }
  }, TICK_MS);
  const stop = (): void => loader.stop();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await loader.run();
  } finally {
    clearInterval(tick);
    process.off('SIGINT', stop).off('SIGTERM', stop);
    progress.stop();
  }
}

function progressText(loader: Loader, input: LoadInput, perSecond: number, elapsedMs: number): string {
  const parts = [`${number(loader.replies)} replies`, `${number(perSecond)}/s`];
  if (loader.errorCount > 0) parts.push(`${number(loader.errorCount)} errors`);
  const { bytesRead, totalBytes } = input;
  if (totalBytes === null) return [`${bytes(bytesRead)} read`, ...parts].join(', ');
  const leftMs = bytesRead === 0 ? 0 : (elapsedMs * (totalBytes - bytesRead)) / bytesRead;
  return [`${bytes(bytesRead)} of ${bytes(totalBytes)}`, ...parts, `${duration(leftMs / 1000)} left`].join(', ');
}

function report(result: LoadResult, file: string, journal: Journal | null, json: boolean): void {
  const { outcome, replies, errors, errorCount, seconds, resume, unanswered } = result;
  const isDone = outcome === 'done';
  if (isDone) journal?.remove();
  else journal?.write(resume);
  if (json) printJson({ replies, errors, errorCount, seconds, outcome, resume: isDone ? null : resume, unanswered });
  else print(`errors: ${errorCount}, replies: ${replies} (${seconds.toFixed(1)} s, ${number(replies / seconds)}/s)`);
  if (errorCount > TOLD_ERRORS) tell(`ferry: ${number(errorCount - TOLD_ERRORS)} errors were counted and not shown`);
  if (!isDone) {
    tell(`ferry: not all of ${file} was loaded: ${result.reason}`);
    tell(
      `ferry: everything before byte ${resume.offset} was answered: go on with --offset ${resume.offset} --db ${resume.db}`,
    );
    if (unanswered > 0) {
      tell(`ferry: ${number(unanswered)} commands behind it were sent and not answered: they may have taken effect`);
    }
  }
  if (outcome === 'lost') process.exitCode = 3;
  else if (!isDone || errorCount > 0) process.exitCode = 1;
}

function tellFault({ command, offset, line, message }: LoadFault, count: number): void {
  if (count > TOLD_ERRORS) return;
  const where = line === undefined ? `byte ${offset}` : `line ${line}, byte ${offset}`;
  // over a bar, which is drawn again
  tell(`${process.stderr.isTTY ? CLEAR_LINE : ''}ferry: ${where}: ${command}: ${message}`);
}

/** Where the running Ferry takes clients. */
async function clientsOf(admin: AdminClient): Promise<Endpoint> {
  const { listen } = await admin.status();
  if (listen.startsWith('/')) return parseEndpoint(`unix://${listen}`);
  // listening everywhere, it is at least where its admin API is
  const everywhere = /^(0\.0\.0\.0|\[?::\]?)(?=:\d+$)/;
  return parseEndpoint(`redis://${listen.replace(everywhere, new URL(admin.url).hostname)}`);
}

function formatOf(file: string): Format {
  const name = file.toLowerCase().replace(/\.gz$/, '');
  if (/\.(csv|tsv)$/.test(name)) return 'csv';
  return /\.(jsonl|ndjson)$/.test(name) ? 'jsonl' : 'resp';
}

/** What tells one load from another in a journal. */
function nameOf({ file, format, as, key, value, fields }: LoadArguments): string {
  const path = file === '-' ? 'stdin' : resolve(file);
  return format === 'resp'
    ? path
    : [path, format, as, key, value, fields].filter((part) => part !== undefined).join(' ');
}

function shapeOf({ format, key, ...options }: LoadArguments): Shape | null {
  if (format === 'resp') {
    for (const name of ['key', 'value', 'score', 'id', 'fields', 'ttl', 'columns'] as const) {
      if ((name === 'key' ? key : options[name]) !== undefined) {
        throw new ConfigError(`--${name} is for CSV and JSONL: say --format csv or --format jsonl.`);
      }
    }
    return null;
  }
  if (key === undefined) throw new ConfigError(`A load from ${format} needs --key, such as --key 'user:{id}'.`);
  const { as, value, score, id, ttl } = options;
  return new Shape({ as, key, value, score, id, ttl, fields: options.fields?.split(',') });
}

function readerOf(
  { format, delimiter, columns, file }: LoadArguments,
  shape: Shape | null,
  offset: number,
): CommandReader {
  if (shape === null) return new RespReader(offset);
  if (format === 'jsonl') return new JsonlReader(shape, offset);
  const isTabbed = delimiter === ',' && /\.tsv(\.gz)?$/i.test(file);
  const separator = isTabbed || delimiter === '\\t' ? '\t' : delimiter;
  if (!/^[\x01-\x7e]$/.test(separator) || /["\r\n]/.test(separator)) {
    throw new ConfigError(`--delimiter: expected one character such as ';' or \\t, not '${delimiter}'.`);
  }
  return new CsvReader(shape, offset, { delimiter: separator, columns: columns?.split(',') ?? null });
}
