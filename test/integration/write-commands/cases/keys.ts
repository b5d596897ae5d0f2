/** Commands on whole keys: removal, time to live, renaming, copying, payloads. */
import { BASE, COPY, TIME, TIME_WHOLE, WHOLE, type WriteCase, writeCase } from '../write-case.js';

const STRING = 'SET @k v';
const STRING_WITH_TTL = 'SET @k v PX 500000';

const EXPIRE_CASES = ['expire', 'pexpire', 'expireat', 'pexpireat'].flatMap((command): WriteCase[] => {
  const unitMs = command.startsWith('p') ? 1 : 1000;
  const absolute = command.endsWith('at');
  /** The argument for a deadline so many milliseconds from now. */
  const after = (ms: number) => {
    if (!absolute) return String(ms / unitMs);
    return unitMs === 1 ? `{ms+${ms}}` : `{s+${ms / unitMs}}`;
  };
  const past = absolute ? (unitMs === 1 ? '{ms-5000}' : '{s-5}') : '-5';
  const name = command.toUpperCase();
  const line = (ms: number, option: string) => `${name} @k ${after(ms)} ${option}`.trim();
  return [
    writeCase(command, 'first TTL', TIME, { setup: ['RPUSH @k a b c'], run: line(100_000, '') }),
    writeCase(command, 'other TTL', TIME, { setup: [STRING_WITH_TTL], run: line(100_000, '') }),
    writeCase(command, 'NX', TIME, { setup: [STRING], run: line(100_000, 'NX') }),
    writeCase(command, 'XX', TIME, { setup: [STRING_WITH_TTL], run: line(100_000, 'XX') }),
    writeCase(command, 'GT', TIME, { setup: [STRING_WITH_TTL], run: line(900_000, 'GT') }),
    writeCase(command, 'LT', TIME, { setup: [STRING_WITH_TTL], run: line(100_000, 'LT') }),
    writeCase(command, 'LT on a key without a TTL', TIME, { setup: [STRING], run: line(100_000, 'LT') }),
    writeCase(command, 'refused by NX XX GT LT', TIME, {
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
    writeCase(command, 'in the past', TIME, { setup: [STRING_WITH_TTL], run: `${name} @k ${past}` }),
  ];
});

const PAYLOAD_TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream'];

const RESTORE_CASES = [
  ...PAYLOAD_TYPES.map((type) => writeCase('restore', type, TIME_WHOLE, { run: `RESTORE @k 0 {payload:${type}}` })),
  writeCase('restore', 'REPLACE', TIME_WHOLE, {
    setup: ['RPUSH @k a', 'EXPIRE @k 500'],
    run: 'RESTORE @k 0 {payload:hash} REPLACE',
  }),
  writeCase('restore', 'ttl', TIME_WHOLE, { run: 'RESTORE @k 100000 {payload:zset}' }),
  writeCase('restore', 'ttl REPLACE', TIME_WHOLE, {
    setup: [STRING],
    run: 'RESTORE @k 100000 {payload:zset} REPLACE',
  }),
  writeCase('restore', 'ABSTTL', TIME_WHOLE, {
    setup: [STRING],
    run: 'RESTORE @k {ms+100000} {payload:list} REPLACE ABSTTL',
  }),
  writeCase('restore', 'ABSTTL in the past', TIME_WHOLE, {
    setup: [STRING],
    run: 'RESTORE @k {ms-100000} {payload:list} REPLACE ABSTTL',
  }),
  writeCase('restore', 'IDLETIME', TIME_WHOLE, { run: 'RESTORE @k 0 {payload:set} IDLETIME 1000' }),
  writeCase('restore', 'FREQ ABSTTL', TIME_WHOLE, {
    run: 'RESTORE @k {ms+100000} {payload:set} ABSTTL FREQ 5',
  }),
  writeCase('restore', 'BUSYKEY then REPLACE', TIME_WHOLE, {
    setup: [STRING],
    run: ['RESTORE @k 0 {payload:hash}', 'RESTORE @k 0 {payload:list} REPLACE'],
    fails: true,
  }),
];

export const KEY_CASES: readonly WriteCase[] = [
  writeCase('del', 'two keys and a missing one', WHOLE, { setup: [STRING, 'RPUSH @l a'], run: 'DEL @k @l @missing' }),
  writeCase('del', 'a removed key again', WHOLE, { setup: [STRING], run: ['DEL @k', 'SET @k new'] }),
  writeCase('del', 'one key twice', WHOLE, { setup: [STRING], run: 'DEL @k @k' }),
  writeCase('expire', 'the far future', TIME, { setup: [STRING], run: 'EXPIRE @k 9999999999' }),
  writeCase('unlink', 'a key', WHOLE, { setup: ['SADD @k a b c', 'EXPIRE @k 500'], run: 'UNLINK @k' }),
  writeCase('persist', 'a TTL', BASE, { setup: [STRING_WITH_TTL], run: 'PERSIST @k' }),
  ...EXPIRE_CASES,
  writeCase('getex', 'EX', TIME, { setup: [STRING], run: 'GETEX @k EX 100' }),
  writeCase('getex', 'PX', TIME, { setup: [STRING_WITH_TTL], run: 'GETEX @k PX 100000' }),
  writeCase('getex', 'EXAT', TIME, { setup: [STRING], run: 'GETEX @k EXAT {s+100}' }),
  writeCase('getex', 'PXAT', TIME, { setup: [STRING], run: 'GETEX @k PXAT {ms+100000}' }),
  writeCase('getex', 'PERSIST', TIME, { setup: [STRING_WITH_TTL], run: 'GETEX @k PERSIST' }),
  writeCase('getex', 'EXAT in the past', TIME, { setup: [STRING], run: 'GETEX @k EXAT {s-100}' }),
  writeCase('getex', 'plain and missing change nothing then EX', TIME, {
    setup: [STRING],
    run: ['GETEX @k', 'GETEX @missing EX 50', 'GETEX @k EX 100'],
  }),
  writeCase('rename', 'with a TTL', BASE, { setup: ['HSET @a f v', 'EXPIRE @a 500'], run: 'RENAME @a @b' }),
  writeCase('rename', 'over a key with a TTL', BASE, {
    setup: ['RPUSH @a x y', 'SET @b old PX 500000'],
    run: 'RENAME @a @b',
  }),
  writeCase('rename', 'no such key then a key', BASE, {
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
  writeCase('renamenx', 'to a free name', BASE, {
    setup: ['ZADD @a 1 m', 'EXPIRE @a 500'],
    run: 'RENAMENX @a @b',
  }),
  writeCase('renamenx', 'refused then free', BASE, {
    setup: ['SET @a 1', 'SET @b 2'],
    run: ['RENAMENX @a @b', 'RENAMENX @a @c'],
  }),
  writeCase('copy', 'with a TTL', BASE, { setup: ['HSET @a f v', 'EXPIRE @a 500'], run: 'COPY @a @b' }),
  writeCase('copy', 'REPLACE', BASE, { setup: ['RPUSH @a x', 'SET @b old PX 500000'], run: 'COPY @a @b REPLACE' }),
  writeCase('copy', 'refused then REPLACE', BASE, {
    setup: ['SET @a 1', 'SET @b 2'],
    run: ['COPY @a @b', 'COPY @missing @b REPLACE', 'COPY @a @b REPLACE'],
  }),
  writeCase('copy', 'DB', COPY, { setup: ['SADD @a x y', 'EXPIRE @a 500'], run: 'COPY @a @b DB 2' }),
  writeCase('copy', 'DB REPLACE same name', COPY, {
    setup: ['SELECT 2', 'SET @a old', 'SELECT 0', 'SET @a new'],
    run: 'COPY @a @a DB 2 REPLACE',
  }),
  writeCase('move', 'to another db', COPY, { setup: ['RPUSH @k a b', 'EXPIRE @k 500'], run: 'MOVE @k 3' }),
  writeCase('move', 'refused then moved', COPY, {
    setup: ['SELECT 3', 'SET @a there', 'SELECT 0', 'SET @a here', 'SET @b here'],
    run: ['MOVE @a 3', 'MOVE @b 3'],
  }),
  writeCase('move', 'home from another db', COPY, {
    setup: ['SELECT 2', 'SET @k v', 'SELECT 0'],
    run: ['SELECT 2', 'MOVE @k 0', 'SELECT 0'],
  }),
  writeCase('copy', 'home from another db', COPY, {
    setup: ['SELECT 2', 'SET @k v', 'SELECT 0', 'SET @k old'],
    run: ['SELECT 2', 'COPY @k @k DB 0 REPLACE', 'SELECT 0'],
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
