/** Deadlines of a hash's fields: Redis 7.4 and newer. */
import { BASE, COPY, OUTCOME, TIME, type WriteCase, writeCase } from '../write-case.js';

/** Two fields of three have a deadline. */
const HASH = ['HSET @h a 1 b 2 c 3', 'HPEXPIREAT @h {ms+500000} FIELDS 2 a b'];
const HASH_WITH_TTL = [...HASH, 'EXPIRE @h 900'];

export const HASH_FIELD_TTL_CASES: readonly WriteCase[] = [
  // What every hash command does to a field's deadline.
  writeCase('hset', 'a field with a deadline', BASE, { setup: HASH, run: 'HSET @h a new' }),
  writeCase('hset', 'beside a field with a deadline', BASE, { setup: HASH, run: 'HSET @h d 4' }),
  writeCase('hdel', 'a field with a deadline', BASE, { setup: HASH, run: 'HDEL @h a' }),
  writeCase('hincrby', 'a field with a deadline', BASE, { setup: HASH, run: 'HINCRBY @h a 5' }),
  writeCase('hincrbyfloat', 'a field with a deadline', OUTCOME, { setup: HASH, run: 'HINCRBYFLOAT @h a 0.5' }),
  writeCase('hincrbyfloat', 'beside a field with a deadline', OUTCOME, { setup: HASH, run: 'HINCRBYFLOAT @h c 0.5' }),
  writeCase('copy', 'a hash with deadlines of fields', BASE, { setup: HASH, run: 'COPY @h @other' }),
  writeCase('rename', 'a hash with deadlines of fields', BASE, { setup: HASH, run: 'RENAME @h @other' }),

  writeCase('hexpire', 'fields', TIME, { setup: ['HSET @h a 1 b 2 c 3'], run: 'HEXPIRE @h 500 FIELDS 2 a missing' }),
  writeCase('hexpire', 'only some take it', TIME, { setup: HASH, run: 'HEXPIRE @h 700 NX FIELDS 3 a b c' }),
  writeCase('hexpire', 'no time left', TIME, { setup: HASH_WITH_TTL, run: 'HEXPIRE @h 0 FIELDS 2 a c' }),
  writeCase('hexpire', 'nothing is left', TIME, { setup: ['HSET @h a 1'], run: 'HEXPIRE @h 0 FIELDS 1 a' }),
  writeCase('hpexpire', 'fields', TIME, { setup: HASH_WITH_TTL, run: 'HPEXPIRE @h 700000 GT FIELDS 3 a b c' }),
  writeCase('hexpireat', 'fields', TIME, { setup: HASH, run: 'HEXPIREAT @h {s+800} FIELDS 2 a c' }),
  writeCase('hexpireat', 'in the past', TIME, { setup: HASH, run: 'HEXPIREAT @h {s-800} FIELDS 2 a c' }),
  writeCase('hpexpireat', 'fields', TIME, { setup: HASH, run: 'HPEXPIREAT @h {ms+800000} XX FIELDS 2 a c' }),
  writeCase('hpexpireat', 'in a transaction', TIME, {
    setup: HASH,
    run: ['MULTI', 'HPEXPIREAT @h {ms+800000} FIELDS 1 a', 'HPEXPIREAT @h {ms+900000} FIELDS 1 c', 'EXEC'],
  }),
  writeCase('hpersist', 'fields', BASE, { setup: HASH, run: 'HPERSIST @h FIELDS 3 a c missing' }),

  writeCase('hgetdel', 'fields', BASE, { setup: HASH_WITH_TTL, run: 'HGETDEL @h FIELDS 3 a c missing' }),
  writeCase('hgetdel', 'the last field', BASE, { setup: ['HSET @h a 1'], run: 'HGETDEL @h FIELDS 1 a' }),
  writeCase('hgetex', 'EX', TIME, { setup: HASH, run: 'HGETEX @h EX 700 FIELDS 3 a c missing' }),
  writeCase('hgetex', 'PX', TIME, { setup: HASH, run: 'HGETEX @h PX 700000 FIELDS 1 b' }),
  writeCase('hgetex', 'EXAT', TIME, { setup: HASH, run: 'HGETEX @h EXAT {s+800} FIELDS 1 b' }),
  writeCase('hgetex', 'PXAT', TIME, { setup: HASH, run: 'HGETEX @h PXAT {ms+800000} FIELDS 1 c' }),
  writeCase('hgetex', 'in the past', TIME, { setup: HASH, run: 'HGETEX @h PXAT {ms-800000} FIELDS 2 a c' }),
  writeCase('hgetex', 'PERSIST', TIME, { setup: HASH, run: 'HGETEX @h PERSIST FIELDS 3 a c missing' }),
  writeCase('hgetex', 'a look then a deadline', TIME, {
    setup: HASH,
    run: ['HGETEX @h FIELDS 1 a', 'HGETEX @h EX 800 FIELDS 1 missing', 'HGETEX @h EX 700 FIELDS 1 c'],
  }),
  writeCase('hsetex', 'no deadline', TIME, { setup: HASH, run: 'HSETEX @h FIELDS 2 a new d 4' }),
  writeCase('hsetex', 'EX', TIME, { setup: HASH_WITH_TTL, run: 'HSETEX @h EX 700 FIELDS 2 a new d 4' }),
  writeCase('hsetex', 'PX and FXX', TIME, { setup: HASH, run: 'HSETEX @h FXX PX 700000 FIELDS 2 a new c new' }),
  writeCase('hsetex', 'EXAT and FNX', TIME, { setup: HASH, run: 'HSETEX @h FNX EXAT {s+800} FIELDS 1 d 4' }),
  writeCase('hsetex', 'PXAT', TIME, { run: 'HSETEX @h PXAT {ms+800000} FIELDS 2 a 1 b 2' }),
  writeCase('hsetex', 'in the past', TIME, { setup: HASH, run: 'HSETEX @h PXAT {ms-800000} FIELDS 2 a new d 4' }),
  writeCase('hsetex', 'KEEPTTL', COPY, { setup: HASH, run: 'HSETEX @h KEEPTTL FIELDS 3 a new c new d new' }),
  writeCase('hsetex', 'refused then done', TIME, {
    setup: HASH,
    run: ['HSETEX @h FNX EX 700 FIELDS 2 a new d 4', 'HSETEX @h EX 700 FIELDS 1 d 4'],
  }),
];
