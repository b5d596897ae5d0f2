/** Sets. */
import { BASE, OUTCOME, type WriteCase, writeCase } from '../write-case.js';

const ABC = 'SADD @s a b c';
const INTEGERS = 'SADD @s 1 2 3 100000 -5';
/** More members than an intset or listpack holds. */
const LARGE = `SADD @s ${Array.from({ length: 700 }, (_, i) => `member-${i}`).join(' ')}`;

export const SET_CASES: readonly WriteCase[] = [
  writeCase('sadd', 'new', BASE, { run: 'SADD @s a b c' }),
  writeCase('sadd', 'a word to integers', BASE, { setup: [INTEGERS, 'EXPIRE @s 500'], run: 'SADD @s word 1' }),
  writeCase('sadd', 'to a large set', BASE, { setup: [LARGE], run: 'SADD @s new' }),
  writeCase('srem', 'one', BASE, { setup: [ABC], run: 'SREM @s a missing' }),
  writeCase('srem', 'all', BASE, { setup: [ABC], run: 'SREM @s a b c' }),
  writeCase('spop', 'one', OUTCOME, { setup: [LARGE], run: 'SPOP @s', replyVaries: true }),
  writeCase('spop', 'the last', OUTCOME, { setup: ['SADD @s a'], run: 'SPOP @s' }),
  writeCase('spop', 'count', OUTCOME, { setup: [LARGE, 'EXPIRE @s 500'], run: 'SPOP @s 500', replyVaries: true }),
  writeCase('spop', 'count of integers', OUTCOME, { setup: [INTEGERS], run: 'SPOP @s 2', replyVaries: true }),
  writeCase('spop', 'more than there are', OUTCOME, {
    setup: [ABC],
    run: ['SPOP @missing 2', 'SPOP @s 0', 'SPOP @s 10'],
    replyVaries: true,
  }),
  writeCase('smove', 'a member', BASE, {
    setup: [ABC, 'SADD @d x', 'EXPIRE @d 500'],
    run: ['SMOVE @s @d missing', 'SMOVE @s @d a'],
  }),
  writeCase('smove', 'the last to a new key', BASE, { setup: ['SADD @s a'], run: 'SMOVE @s @d a' }),
  writeCase('smove', 'to where it is already', BASE, { setup: [ABC, 'SADD @d a'], run: 'SMOVE @s @d a' }),
  writeCase('sunionstore', 'over another type', BASE, {
    setup: [ABC, 'SADD @t c d', 'SET @d old PX 500000'],
    run: 'SUNIONSTORE @d @s @t @missing',
  }),
  writeCase('sunionstore', 'into one of its inputs', BASE, {
    setup: [ABC, 'SADD @t c d'],
    run: 'SUNIONSTORE @s @s @t',
  }),
  writeCase('sinterstore', 'two sets', BASE, { setup: [LARGE, 'SADD @t member-3 x'], run: 'SINTERSTORE @d @s @t' }),
  writeCase('sinterstore', 'nothing removes', BASE, {
    setup: [ABC, 'SADD @d old'],
    run: 'SINTERSTORE @d @s @missing',
  }),
  writeCase('sdiffstore', 'two sets', BASE, { setup: [ABC, 'SADD @t c d'], run: 'SDIFFSTORE @d @s @t' }),
];
