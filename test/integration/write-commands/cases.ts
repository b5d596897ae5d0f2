/**
 * Every write command of Redis 7.0 to 8.0 has a case here, or stands in the list of those that Ferry refuses. The tests
 * fail for a command that COMMAND calls a write and that has neither.
 */
import { BITMAP_HYPERLOGLOG_CASES } from './cases/bitmaps-hyperloglogs.js';
import { BLOCKING_CASES } from './cases/blocking.js';
import { HASH_FIELD_TTL_CASES } from './cases/hash-field-ttls.js';
import { HASH_CASES } from './cases/hashes.js';
import { KEY_CASES } from './cases/keys.js';
import { LIST_CASES } from './cases/lists.js';
import { SCRIPT_AND_TRANSACTION_CASES } from './cases/scripts.js';
import { SET_CASES } from './cases/sets.js';
import { SORTED_SET_CASES } from './cases/sorted-sets.js';
import { STREAM_CASES } from './cases/streams.js';
import { STRING_CASES } from './cases/strings.js';
import { VECTOR_SET_CASES } from './cases/vector-sets.js';
import { WHOLE_SERVER_CASES } from './cases/whole-server.js';
import type { CommandLine, WriteCase } from './write-case.js';

/** On every server. */
export const CASES: readonly WriteCase[] = [
  ...STRING_CASES,
  ...KEY_CASES,
  ...HASH_CASES,
  ...LIST_CASES,
  ...BLOCKING_CASES,
  ...SET_CASES,
  ...SORTED_SET_CASES,
  ...BITMAP_HYPERLOGLOG_CASES,
  ...STREAM_CASES,
  ...SCRIPT_AND_TRANSACTION_CASES,
  ...WHOLE_SERVER_CASES,
];

/** By a command that newer servers have: all of them run where the server has that one. */
const NEWER_CASES: ReadonlyMap<string, readonly WriteCase[]> = new Map([
  ['hsetex', HASH_FIELD_TTL_CASES],
  ['vadd', VECTOR_SET_CASES],
]);

/** `commands`: what the server's COMMAND calls writes. */
export function casesOf(commands: readonly string[]): readonly WriteCase[] {
  const newer = [...NEWER_CASES].filter(([command]) => commands.includes(command));
  return [...CASES, ...newer.flatMap(([, cases]) => cases)];
}

/** They change data although COMMAND does not call them writes. */
export const WRITES_WITHOUT_THE_FLAG = [
  'eval',
  'evalsha',
  'fcall',
  'exec',
  'discard',
  'pfcount',
  'script|load',
  'script|flush',
];

/** "-FERRY …" with the reason: they administer a server, or go round the ledger. */
export const REFUSED: ReadonlyMap<string, CommandLine> = new Map([
  ['migrate', 'MIGRATE 127.0.0.1 1 @l 0 10'],
  ['swapdb', 'SWAPDB 0 1'],
  ['pfdebug', 'PFDEBUG TODENSE @p'],
  ['restore-asking', 'RESTORE-ASKING @k 0 {payload:string}'],
]);
