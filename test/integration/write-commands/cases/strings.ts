/** Strings, counters, bits. */
import { BASE, COPY, OUTCOME, OUTCOME_WHOLE, TIME_WHOLE, WHOLE, type WriteCase, writeCase } from '../write-case.js';

/** Over the size up to which a request is kept for its mirror op. */
const BIG_VALUE = 'v'.repeat((1 << 20) + 4096);
const OLD = 'SET @k old';
const OLD_WITH_TTL = 'SET @k old PX 500000';

export const STRING_CASES: readonly WriteCase[] = [
  writeCase('set', 'new', WHOLE, { run: 'SET @k v' }),
  writeCase('set', 'over a list with a TTL', WHOLE, { setup: ['RPUSH @k a b', 'EXPIRE @k 500'], run: 'SET @k v' }),
  writeCase('set', 'bytes in key and value', WHOLE, { run: [['SET', '@\xff\x00\r\n', '\x00\xfe\r\n$3']] }),
  writeCase('set', 'empty value', WHOLE, { setup: [OLD], run: [['SET', '@k', '']] }),
  writeCase('set', 'larger than is kept', COPY, { setup: [OLD], run: [['SET', '@k', BIG_VALUE]] }),
  writeCase('set', 'EX', TIME_WHOLE, { setup: [OLD], run: 'SET @k v EX 100' }),
  writeCase('set', 'PX lower case', TIME_WHOLE, { run: 'set @k v px 100000' }),
  writeCase('set', 'EXAT', TIME_WHOLE, { setup: [OLD], run: 'SET @k v EXAT {s+100}' }),
  writeCase('set', 'PXAT', TIME_WHOLE, { run: 'SET @k v PXAT {ms+100000}' }),
  writeCase('set', 'PXAT in the past', TIME_WHOLE, {
    setup: [OLD],
    run: 'SET @k v PXAT {ms-100000}',
  }),
  writeCase('set', 'KEEPTTL', OUTCOME, { setup: [OLD_WITH_TTL], run: 'SET @k v KEEPTTL' }),
  writeCase('set', 'KEEPTTL over a list', OUTCOME, {
    setup: ['RPUSH @k a', 'EXPIRE @k 500'],
    run: 'SET @k v KEEPTTL',
  }),
  writeCase('set', 'NX', OUTCOME_WHOLE, { run: 'SET @k v NX' }),
  writeCase('set', 'NX EX', TIME_WHOLE, { run: 'SET @k v NX EX 100' }),
  writeCase('set', 'EX before NX', TIME_WHOLE, { run: 'SET @k v EX 100 NX' }),
  writeCase('set', 'NX refused then plain', WHOLE, { setup: [OLD], run: ['SET @k refused NX', 'SET @k v'] }),
  writeCase('set', 'XX', OUTCOME_WHOLE, { setup: [OLD_WITH_TTL], run: 'SET @k v XX' }),
  writeCase('set', 'XX KEEPTTL', OUTCOME, { setup: [OLD_WITH_TTL], run: 'SET @k v XX KEEPTTL' }),
  writeCase('set', 'XX refused then plain', WHOLE, { run: ['SET @k refused XX', 'SET @k v'] }),
  writeCase('set', 'GET', OUTCOME_WHOLE, { setup: [OLD], run: 'SET @k v GET' }),
  writeCase('set', 'GET of nothing', OUTCOME_WHOLE, { run: 'SET @k v GET' }),
  writeCase('set', 'GET of a list fails', WHOLE, {
    setup: ['RPUSH @k a'],
    run: ['SET @k refused GET', 'SET @k v'],
    fails: true,
  }),
  writeCase('set', 'XX GET PX', TIME_WHOLE, {
    setup: [OLD],
    run: 'SET @k v XX GET PX 100000',
  }),
  writeCase('set', 'NX GET on nothing', OUTCOME_WHOLE, { run: 'SET @k v NX GET' }),
  writeCase('set', 'NX GET refused then plain', WHOLE, { setup: [OLD], run: ['SET @k refused NX GET', 'SET @k v'] }),
  writeCase('set', 'XX GET refused then plain', WHOLE, { run: ['SET @k refused XX GET', 'SET @k v'] }),
  writeCase('set', 'a value that reads like an option', WHOLE, { setup: [OLD_WITH_TTL], run: 'SET @k KEEPTTL' }),
  writeCase('set', 'in another db', WHOLE, { run: ['SELECT 4', 'SET @k v', 'SELECT 0'] }),
  writeCase('setnx', 'new', OUTCOME_WHOLE, { run: 'SETNX @k v' }),
  writeCase('setnx', 'refused then new', OUTCOME_WHOLE, { setup: ['SET @a old'], run: ['SETNX @a v', 'SETNX @b v'] }),
  writeCase('setex', 'over an old value', TIME_WHOLE, { setup: [OLD], run: 'SETEX @k 100 v' }),
  writeCase('psetex', 'new', TIME_WHOLE, { run: 'PSETEX @k 100000 v' }),
  writeCase('getset', 'over a value with a TTL', OUTCOME_WHOLE, { setup: [OLD_WITH_TTL], run: 'GETSET @k v' }),
  writeCase('getset', 'new', OUTCOME_WHOLE, { run: 'GETSET @k v' }),
  writeCase('getdel', 'a value', OUTCOME_WHOLE, { setup: [OLD_WITH_TTL], run: 'GETDEL @k' }),
  writeCase('mset', 'new and old', WHOLE, {
    setup: ['RPUSH @a x', 'SET @b old PX 500000'],
    run: 'MSET @a 1 @b 2 @c 3',
  }),
  writeCase('mset', 'one key twice', WHOLE, { run: 'MSET @a 1 @a 2' }),
  writeCase('msetnx', 'new', OUTCOME_WHOLE, { run: 'MSETNX @a 1 @b 2' }),
  writeCase('msetnx', 'refused then new', OUTCOME_WHOLE, {
    setup: ['SET @b old'],
    run: ['MSETNX @a 1 @b 2', 'MSETNX @c 3 @d 4'],
  }),
  writeCase('append', 'to a value with a TTL', BASE, { setup: [OLD_WITH_TTL], run: 'APPEND @k more' }),
  writeCase('append', 'to nothing', BASE, { run: 'APPEND @k more' }),
  writeCase('setrange', 'past the end', BASE, { setup: [OLD], run: 'SETRANGE @k 8 far' }),
  writeCase('incr', 'a counter with a TTL', BASE, { setup: ['SET @k 5 PX 500000'], run: 'INCR @k' }),
  writeCase('incr', 'nothing', BASE, { run: 'INCR @k' }),
  writeCase('incr', 'an error then a counter', BASE, {
    setup: ['SET @a text'],
    run: ['INCR @a', 'INCR @b'],
    fails: true,
  }),
  writeCase('incrby', 'to the largest', BASE, { setup: ['SET @k 1'], run: 'INCRBY @k 9223372036854775806' }),
  writeCase('decr', 'a counter', BASE, { setup: ['SET @k 5'], run: 'DECR @k' }),
  writeCase('decrby', 'to the smallest', BASE, { setup: ['SET @k -1'], run: 'DECRBY @k 9223372036854775807' }),
  writeCase('incrbyfloat', 'a value with a TTL', OUTCOME, {
    setup: ['SET @k 0.1 PX 500000'],
    run: 'INCRBYFLOAT @k 0.2',
  }),
  writeCase('incrbyfloat', 'nothing', OUTCOME, { run: 'INCRBYFLOAT @k 3.0e3' }),
  writeCase('incrbyfloat', 'a third', OUTCOME, { setup: ['SET @k 1'], run: 'INCRBYFLOAT @k 0.33333333333333333333' }),
  writeCase('setbit', 'past the end', BASE, { setup: [OLD], run: 'SETBIT @k 100 1' }),
  writeCase('bitfield', 'SET and INCRBY', BASE, { setup: [OLD], run: 'BITFIELD @k SET u8 0 65 INCRBY i5 100 3' }),
  writeCase('bitfield', 'OVERFLOW FAIL in part', BASE, {
    setup: ['BITFIELD @k SET u4 0 15'],
    run: 'BITFIELD @k OVERFLOW FAIL INCRBY u4 0 1 INCRBY u4 #1 1 OVERFLOW SAT INCRBY i4 #2 100',
  }),
  writeCase('bitfield', 'OVERFLOW WRAP on nothing', BASE, {
    run: 'BITFIELD @k OVERFLOW WRAP INCRBY i8 0 200 GET u8 0',
  }),
];
