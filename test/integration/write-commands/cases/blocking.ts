/** Blocking commands that find something at once, or time out. */
import { OUTCOME, type WriteCase, writeCase } from '../write-case.js';

const ABC = 'RPUSH @l a b c';
const SCORES = 'ZADD @z 1 a 2.5 b 3 c';
const GROUP = ['XADD @s 1-1 f v', 'XADD @s 2-1 f w', 'XGROUP CREATE @s g 0'];

export const BLOCKING_CASES: readonly WriteCase[] = [
  writeCase('blpop', 'the first of several keys', OUTCOME, { setup: [ABC, 'EXPIRE @l 500'], run: 'BLPOP @none @l 1' }),
  writeCase('blpop', 'the last element', OUTCOME, { setup: ['RPUSH @l a'], run: 'BLPOP @l 1' }),
  writeCase('brpop', 'one', OUTCOME, { setup: [ABC], run: 'BRPOP @l @none 1' }),
  writeCase('brpoplpush', 'between keys', OUTCOME, { setup: [ABC, 'RPUSH @d x'], run: 'BRPOPLPUSH @l @d 1' }),
  writeCase('blmove', 'to a new key', OUTCOME, { setup: [ABC], run: 'BLMOVE @l @d LEFT RIGHT 1' }),
  writeCase('blmove', 'within one key', OUTCOME, { setup: [ABC], run: 'BLMOVE @l @l LEFT RIGHT 1' }),
  writeCase('blmpop', 'two from the right', OUTCOME, { setup: [ABC], run: 'BLMPOP 1 2 @none @l RIGHT COUNT 2' }),
  writeCase('bzpopmin', 'one', OUTCOME, { setup: [SCORES, 'EXPIRE @z 500'], run: 'BZPOPMIN @none @z 1' }),
  writeCase('bzpopmax', 'the last member', OUTCOME, { setup: ['ZADD @z 1 a'], run: 'BZPOPMAX @z 1' }),
  writeCase('bzmpop', 'two', OUTCOME, { setup: [SCORES], run: 'BZMPOP 1 2 @none @z MAX COUNT 2' }),
  writeCase('blpop', 'a wrong type, then a list', OUTCOME, {
    setup: ['SET @s v', ABC],
    run: ['BLPOP @s 1', 'BLPOP @l 1'],
    fails: true,
  }),
  writeCase('xreadgroup', 'that may wait', OUTCOME, {
    setup: GROUP,
    run: 'XREADGROUP GROUP g c BLOCK 50 COUNT 1 STREAMS @s >',
  }),
];
