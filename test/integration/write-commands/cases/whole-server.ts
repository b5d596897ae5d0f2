/** Commands on all keys at once. */
import { WHOLE, type WriteCase, writeCase } from '../write-case.js';

const TWO_DBS = ['SET @a 1', 'RPUSH @l a b', 'SELECT 5', 'SET @b 2', 'SELECT 0'];

export const WHOLE_SERVER_CASES: readonly WriteCase[] = [
  writeCase('flushall', 'all dbs', WHOLE, { setup: TWO_DBS, run: 'FLUSHALL', alone: true }),
  writeCase(
    'flushall',
    'ASYNC then a write',
    { known: 'replay replay', unknown: 'replay replay' },
    {
      setup: TWO_DBS,
      run: ['FLUSHALL ASYNC', 'SET @c 3'],
      alone: true,
    },
  ),
  writeCase('flushdb', 'the current db', WHOLE, { setup: TWO_DBS, run: 'FLUSHDB', alone: true }),
  writeCase('flushdb', 'SYNC another db', WHOLE, {
    setup: TWO_DBS,
    run: ['SELECT 5', 'FLUSHDB SYNC', 'SELECT 0'],
    alone: true,
  }),
  writeCase(
    'flushdb',
    'inside a transaction',
    { known: 'replay replay replay', unknown: 'replay replay replay' },
    {
      setup: TWO_DBS,
      run: ['MULTI', 'SET @gone 1', 'FLUSHDB', 'SET @stays 1', 'EXEC'],
      alone: true,
    },
  ),
];
