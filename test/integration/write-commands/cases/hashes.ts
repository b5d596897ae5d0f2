/** Hashes. */
import { BASE, OUTCOME, type WriteCase, writeCase } from '../write-case.js';

/** More fields than a listpack holds. */
const MANY_FIELDS = Array.from({ length: 600 }, (_, i) => `f${i} v${i}`).join(' ');

export const HASH_CASES: readonly WriteCase[] = [
  writeCase('hset', 'new', BASE, { run: 'HSET @h a 1 b 2' }),
  writeCase('hset', 'on a key with a TTL', BASE, { setup: ['HSET @h a 1', 'EXPIRE @h 500'], run: 'HSET @h a 2 b 3' }),
  writeCase('hset', 'on a large hash', BASE, { setup: [`HSET @h ${MANY_FIELDS}`], run: 'HSET @h f7 other new v' }),
  writeCase('hset', 'bytes', BASE, {
    setup: [['HSET', '@h', '\xff\x00', '\r\n']],
    run: [['HSET', '@h', '\x00\xff', '\xfe']],
  }),
  writeCase('hset', 'WRONGTYPE then a hash', BASE, {
    setup: ['SET @s v'],
    run: ['HSET @s f v', 'HSET @h f v'],
    fails: true,
  }),
  writeCase('hmset', 'old and new fields', BASE, { setup: ['HSET @h a 1'], run: 'HMSET @h a 2 b 3' }),
  writeCase('hsetnx', 'new field', BASE, { setup: ['HSET @h a 1'], run: 'HSETNX @h b 2' }),
  writeCase('hdel', 'one of two', BASE, { setup: ['HSET @h a 1 b 2', 'EXPIRE @h 500'], run: 'HDEL @h a missing' }),
  writeCase('hdel', 'the last field', BASE, { setup: ['HSET @h a 1'], run: 'HDEL @h a' }),
  writeCase('hincrby', 'a field', BASE, { setup: ['HSET @h a 1 b x'], run: 'HINCRBY @h a -5' }),
  writeCase('hincrby', 'nothing', BASE, { run: 'HINCRBY @h a 5' }),
  writeCase('hincrbyfloat', 'a field', OUTCOME, {
    setup: ['HSET @h a 0.1 b x', 'EXPIRE @h 500'],
    run: 'HINCRBYFLOAT @h a 0.2',
  }),
  writeCase('hincrbyfloat', 'nothing', OUTCOME, { run: 'HINCRBYFLOAT @h a 1e10' }),
  writeCase('hincrbyfloat', 'an error then a field', OUTCOME, {
    setup: ['HSET @h a text'],
    run: ['HINCRBYFLOAT @h a 1', 'HINCRBYFLOAT @h b 0.7'],
    fails: true,
  }),
];
