/** Commands on whole keys: removal, time to live, renaming, copying, payloads. */
import { COPY, type Mirrored, TIME, WHOLE, type WriteCase, writeCase } from '../write-case.js';

const STRING = 'SET @k v';
const STRING_WITH_TTL = 'SET @k v PX 500000';
/** Absolute already: the bytes may be used again, or rewritten for a mirror whose clock differs. */
const ABSOLUTE: Mirrored = { known: 'replay|time', unknown: 'copy' };
/** A deadline that has passed is a removal, and a removal needs no known key. */
const REMOVED: Mirrored = { known: 'replay|time|outcome', unknown: 'replay|time|outcome|copy' };
/** Replayed where everything that is read is known. */
const INPUTS: Mirrored = { known: 'replay', unknown: 'copy' };

const EXPIRE_CASES = ['expire', 'pexpire', 'expireat', 'pexpireat'].flatMap((command): WriteCase[] => {
  const unitMs = command.startsWith('p') ? 1 : 1000;
  const absolute = command.endsWith('at');
  /** The argument for a deadline so many milliseconds from now. */
  const after = (ms: number) => {
    if (!absolute) return String(ms / unitMs);
    return unitMs === 1 ? `{ms+${ms}}` : `{s+${ms / unitMs}}`;
  };
  const past = absolute ? (unitMs === 1 ? '{ms-5000}' : '{s-5}') : '-5';
  const mirrored = absolute ? ABSOLUTE : TIME;
  const name = command.toUpperCase();
  const line = (ms: number, option: string) => `${name} @k ${after(ms)} ${option}`.trim();
  return [
    writeCase(command, 'first TTL', mirrored, { setup: ['RPUSH @k a b c'], run: line(100_000, '') }),
    writeCase(command, 'other TTL', mirrored, { setup: [STRING_WITH_TTL], run: line(100_000, '') }),
    writeCase(command, 'NX', mirrored, { setup: [STRING], run: line(100_000, 'NX') }),
    writeCase(command, 'XX', mirrored, { setup: [STRING_WITH_TTL], run: line(100_000, 'XX') }),
    writeCase(command, 'GT', mirrored, { setup: [STRING_WITH_TTL], run: line(900_000, 'GT') }),
    writeCase(command, 'LT', mirrored, { setup: [STRING_WITH_TTL], run: line(100_000, 'LT') }),
    writeCase(command, 'LT on a key without a TTL', mirrored, { setup: [STRING], run: line(100_000, 'LT') }),
    writeCase(command, 'refused by NX XX GT LT', mirrored, {
      setup: [STRING_WITH_TTL, 'SET @plain v'],
      run: [
        line(100_000, 'NX'),
        line(100_000, 'GT'),
        line(900_000, 'LT'),
        `${name} @plain ${after(100_000)} XX`,
        `${name} @plain ${after(100_000)} GT`,
        `${name} @missing ${after(100_000)}`,
        line(800_000, ''),
      ],
    }),
    writeCase(command, 'in the past', REMOVED, { setup: [STRING_WITH_TTL], run: `${name} @k ${past}` }),
  ];
});

const PAYLOAD_TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream'];

const RESTORE_CASES = [
  ...PAYLOAD_TYPES.map((type) =>
    writeCase(
      'restore',
      type,
      { known: 'replay|time', unknown: 'replay|time' },
      { run: `RESTORE @k 0 {payload:${type}}` },
    ),
  ),
  writeCase(
    'restore',
    'REPLACE',
    { known: 'replay|time', unknown: 'replay|time' },
    {
      setup: ['RPUSH @k a', 'EXPIRE @k 500'],
      run: 'RESTORE @k 0 {payload:hash} REPLACE',
    },
  ),
  writeCase('restore', 'ttl', { known: 'time', unknown: 'time' }, { run: 'RESTORE @k 100000 {payload:zset}' }),
  writeCase(
    'restore',
    'ttl REPLACE',
    { known: 'time', unknown: 'time' },
    {
      setup: [STRING],
      run: 'RESTORE @k 100000 {payload:zset} REPLACE',
    },
  ),
  writeCase(
    'restore',
    'ABSTTL',
    { known: 'replay|time', unknown: 'replay|time' },
    {
      setup: [STRING],
      run: 'RESTORE @k {ms+100000} {payload:list} REPLACE ABSTTL',
    },
  ),
  writeCase('restore', 'ABSTTL in the past', REMOVED, {
    setup: [STRING],
    run: 'RESTORE @k {ms-100000} {payload:list} REPLACE ABSTTL',
  }),
  writeCase(
    'restore',
    'IDLETIME',
    { known: 'replay|time', unknown: 'replay|time' },
    { run: 'RESTORE @k 0 {payload:set} IDLETIME 1000' },
  ),
  writeCase(
    'restore',
    'FREQ ABSTTL',
    { known: 'replay|time', unknown: 'replay|time' },
    {
      run: 'RESTORE @k {ms+100000} {payload:set} ABSTTL FREQ 5',
    },
  ),
  writeCase(
    'restore',
    'BUSYKEY then REPLACE',
    { known: 'replay|time', unknown: 'replay|time' },
    {
      setup: [STRING],
      run: ['RESTORE @k 0 {payload:hash}', 'RESTORE @k 0 {payload:list} REPLACE'],
      fails: true,
    },
  ),
];

export const KEY_CASES: readonly WriteCase[] = [
  writeCase('del', 'two keys and a missing one', WHOLE, { setup: [STRING, 'RPUSH @l a'], run: 'DEL @k @l @missing' }),
  writeCase('del', 'a removed key again', WHOLE, { setup: [STRING], run: ['DEL @k', 'SET @k new'] }),
  writeCase('del', 'one key twice', WHOLE, { setup: [STRING], run: 'DEL @k @k' }),
  writeCase('expire', 'the far future', TIME, { setup: [STRING], run: 'EXPIRE @k 9999999999' }),
  writeCase('unlink', 'a key', WHOLE, { setup: ['SADD @k a b c', 'EXPIRE @k 500'], run: 'UNLINK @k' }),
  writeCase('persist', 'a TTL', INPUTS, { setup: [STRING_WITH_TTL], run: 'PERSIST @k' }),
  ...EXPIRE_CASES,
  writeCase('getex', 'EX', TIME, { setup: [STRING], run: 'GETEX @k EX 100' }),
  writeCase('getex', 'PX', TIME, { setup: [STRING_WITH_TTL], run: 'GETEX @k PX 100000' }),
  writeCase('getex', 'EXAT', ABSOLUTE, { setup: [STRING], run: 'GETEX @k EXAT {s+100}' }),
  writeCase('getex', 'PXAT', ABSOLUTE, { setup: [STRING], run: 'GETEX @k PXAT {ms+100000}' }),
  writeCase(
    'getex',
    'PERSIST',
    { known: 'replay|time|outcome', unknown: 'copy' },
    { setup: [STRING_WITH_TTL], run: 'GETEX @k PERSIST' },
  ),
  writeCase('getex', 'EXAT in the past', REMOVED, { setup: [STRING], run: 'GETEX @k EXAT {s-100}' }),
  writeCase('getex', 'plain and missing change nothing then EX', TIME, {
    setup: [STRING],
    run: ['GETEX @k', 'GETEX @missing EX 50', 'GETEX @k EX 100'],
  }),
  writeCase('rename', 'with a TTL', INPUTS, { setup: ['HSET @a f v', 'EXPIRE @a 500'], run: 'RENAME @a @b' }),
  writeCase('rename', 'over a key with a TTL', INPUTS, {
    setup: ['RPUSH @a x y', 'SET @b old PX 500000'],
    run: 'RENAME @a @b',
  }),
  writeCase('rename', 'no such key then a key', INPUTS, {
    setup: [STRING],
    run: ['RENAME @missing @k', 'RENAME @k @b'],
    fails: true,
  }),
  writeCase(
    'rename',
    'back and forth',
    { known: 'replay replay', unknown: 'copy replay|copy' },
    {
      setup: [STRING_WITH_TTL, 'SET @b other'],
      run: ['RENAME @k @b', 'RENAME @b @c'],
    },
  ),
  writeCase(
    'renamenx',
    'to a free name',
    { known: 'replay|outcome', unknown: 'copy' },
    {
      setup: ['ZADD @a 1 m', 'EXPIRE @a 500'],
      run: 'RENAMENX @a @b',
    },
  ),
  writeCase(
    'renamenx',
    'refused then free',
    { known: 'replay|outcome', unknown: 'copy' },
    {
      setup: ['SET @a 1', 'SET @b 2'],
      run: ['RENAMENX @a @b', 'RENAMENX @a @c'],
    },
  ),
  writeCase('copy', 'with a TTL', INPUTS, { setup: ['HSET @a f v', 'EXPIRE @a 500'], run: 'COPY @a @b' }),
  writeCase('copy', 'REPLACE', INPUTS, { setup: ['RPUSH @a x', 'SET @b old PX 500000'], run: 'COPY @a @b REPLACE' }),
  writeCase('copy', 'refused then REPLACE', INPUTS, {
    setup: ['SET @a 1', 'SET @b 2'],
    run: ['COPY @a @b', 'COPY @missing @b REPLACE', 'COPY @a @b REPLACE'],
  }),
  writeCase(
    'copy',
    'DB',
    { known: 'replay|copy', unknown: 'copy' },
    { setup: ['SADD @a x y', 'EXPIRE @a 500'], run: 'COPY @a @b DB 2' },
  ),
  writeCase(
    'copy',
    'DB REPLACE same name',
    { known: 'replay|copy', unknown: 'copy' },
    {
      setup: ['SELECT 2', 'SET @a old', 'SELECT 0', 'SET @a new'],
      run: 'COPY @a @a DB 2 REPLACE',
    },
  ),
  writeCase('move', 'to another db', COPY, { setup: ['RPUSH @k a b', 'EXPIRE @k 500'], run: 'MOVE @k 3' }),
  writeCase('move', 'refused then moved', COPY, {
    setup: ['SELECT 3', 'SET @a there', 'SELECT 0', 'SET @a here', 'SET @b here'],
    run: ['MOVE @a 3', 'MOVE @b 3'],
  }),
  ...RESTORE_CASES,
  writeCase('sort', 'STORE', COPY, { setup: ['RPUSH @l 3 1 2', 'SET @d old PX 500000'], run: 'SORT @l STORE @d' }),
  writeCase('sort', 'BY and GET', COPY, {
    setup: ['SADD @s 1 2 3', 'MSET @w1 30 @w2 10 @w3 20', 'HSET @o1 f one', 'HSET @o3 f three'],
    run: 'SORT @s BY @w* LIMIT 0 5 GET # GET @o*->f DESC STORE @d',
  }),
  writeCase('sort', 'BY nosort of a set', COPY, {
    setup: ['SADD @s a b c d e f g'],
    run: 'SORT @s BY nosort ALPHA STORE @d',
  }),
  writeCase('sort', 'nothing removes', COPY, { setup: ['RPUSH @d old'], run: 'SORT @missing STORE @d' }),
];
