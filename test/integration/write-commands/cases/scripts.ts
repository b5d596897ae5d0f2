/** Scripts, functions and transactions: several effects of one command, some of them next to an error. */
import {
  COPY,
  LIBRARY,
  type Mirrored,
  OUTCOME_WHOLE,
  SCRIPTS,
  WHOLE,
  type WriteCase,
  writeCase,
} from '../write-case.js';

const FAILS_AFTER_A_WRITE = "redis.call('SET', KEYS[1], 'written') return redis.call('INCR', KEYS[1])";
const TWO_KEYS = "redis.call('SADD', KEYS[1], 'a') redis.call('DEL', KEYS[2]) return {KEYS[1], {1, 2}}";
const CAUGHT = "redis.pcall('INCR', KEYS[1]) redis.call('RPUSH', KEYS[2], 'after') return 'ok'";
const RANDOM = "return redis.call('SPOP', KEYS[1])";
const OWN_ID = "return redis.call('XADD', KEYS[1], '*', 'f', 'v')";
/** Without keys of its own; ordered by a pseudo-slot. */
const KEYLESS = WHOLE;
/** With REPLACE on the mirror, whatever it has under that name. */
const LOADED = OUTCOME_WHOLE;

const SCRIPT_CASES: readonly WriteCase[] = [
  writeCase('eval', 'two keys', COPY, { setup: ['SET @b old'], run: [['EVAL', TWO_KEYS, 2, '@a', '@b']] }),
  writeCase('eval', 'an error after a write', COPY, {
    setup: ['SET @k old PX 500000'],
    run: [['EVAL', FAILS_AFTER_A_WRITE, 1, '@k']],
    fails: true,
  }),
  writeCase('eval', 'a body for EVALSHA to find', COPY, { run: [['EVAL', SCRIPTS.evaluated, 1, '@k']] }),
  writeCase('eval', 'a caught error', COPY, { setup: ['SET @a text'], run: [['EVAL', CAUGHT, 2, '@a', '@b']] }),
  writeCase('eval', 'a random member', COPY, {
    setup: ['SADD @s a b c d e f'],
    run: [['EVAL', RANDOM, 1, '@s']],
    replyVaries: true,
  }),
  writeCase('eval', 'a generated id', COPY, { run: [['EVAL', OWN_ID, 1, '@s']], replyVaries: true }),
  writeCase('evalsha', 'after SCRIPT LOAD', COPY, {
    setup: [['SCRIPT', 'LOAD', SCRIPTS.push]],
    run: ['EVALSHA {sha:push} 1 @l one', 'EVALSHA {sha:push} 1 @l two'],
  }),
  writeCase('evalsha', 'NOSCRIPT then EVAL', COPY, {
    run: [
      ['EVALSHA', '0'.repeat(40), 1, '@k'],
      ['EVAL', "return redis.call('SET', KEYS[1], 'v')", 1, '@k'],
    ],
    fails: true,
  }),
  writeCase('fcall', 'writes', COPY, {
    setup: [['FUNCTION', 'LOAD', 'REPLACE', LIBRARY]],
    run: 'FCALL ferry_push 1 @l x',
  }),
  writeCase('fcall', 'an error after a write', COPY, {
    setup: [['FUNCTION', 'LOAD', 'REPLACE', LIBRARY]],
    run: 'FCALL ferry_fail 1 @k x',
    fails: true,
  }),
  writeCase('script|load', 'a script', KEYLESS, { run: [['SCRIPT', 'LOAD', SCRIPTS.loaded]], alone: true }),
  writeCase('script|flush', 'scripts', KEYLESS, {
    setup: [['SCRIPT', 'LOAD', SCRIPTS.flushed]],
    run: 'SCRIPT FLUSH',
    alone: true,
  }),
  writeCase('function|load', 'a library', LOADED, { run: [['FUNCTION', 'LOAD', LIBRARY]], alone: true }),
  writeCase('function|load', 'REPLACE', LOADED, {
    setup: [['FUNCTION', 'LOAD', LIBRARY]],
    run: [['FUNCTION', 'LOAD', 'REPLACE', `${LIBRARY}-- newer`]],
    alone: true,
  }),
  writeCase('function|delete', 'a library', KEYLESS, {
    setup: [['FUNCTION', 'LOAD', LIBRARY]],
    run: 'FUNCTION DELETE ferrycases',
    alone: true,
  }),
  writeCase('function|flush', 'libraries', KEYLESS, {
    setup: [['FUNCTION', 'LOAD', LIBRARY]],
    run: 'FUNCTION FLUSH SYNC',
    alone: true,
  }),
  writeCase('function|restore', 'a payload', KEYLESS, { run: 'FUNCTION RESTORE {functions}', alone: true }),
  writeCase('function|restore', 'FLUSH', KEYLESS, {
    setup: [['FUNCTION', 'LOAD', LIBRARY.replace('ferrycases', 'other').replaceAll('ferry_', 'other_')]],
    run: 'FUNCTION RESTORE {functions} FLUSH',
    alone: true,
  }),
];

const MIXED: Mirrored = { known: 'replay replay replay', unknown: 'replay copy copy' };

const TRANSACTION_CASES: readonly WriteCase[] = [
  writeCase('exec', 'failing and succeeding commands', MIXED, {
    setup: ['RPUSH @list a', 'SET @n 5 PX 500000'],
    run: ['MULTI', 'SET @k v', 'INCR @list', 'HSET @h f v', 'LPUSH @k x', 'GET @k', 'INCR @n', 'EXEC'],
    fails: true,
  }),
  writeCase(
    'exec',
    'later commands build on earlier ones',
    { known: 'replay replay replay', unknown: 'replay replay replay' },
    {
      setup: ['SET @k old'],
      run: ['MULTI', 'SET @k 5', 'INCR @k', 'APPEND @k 0', 'EXEC'],
    },
  ),
  writeCase(
    'exec',
    'derived ones',
    { known: 'time outcome outcome outcome time', unknown: 'time copy copy outcome copy' },
    {
      setup: ['SADD @s a b c d', 'RPUSH @l a'],
      run: ['MULTI', 'SETEX @k 100 v', 'SPOP @s', 'XADD @x * f v', 'SETNX @new v', 'EXPIRE @l 100', 'EXEC'],
      replyVaries: true,
    },
  ),
  writeCase(
    'exec',
    'a script that fails after a write',
    { known: 'replay copy replay', unknown: 'replay copy replay' },
    {
      run: ['MULTI', 'SET @a 1', ['EVAL', FAILS_AFTER_A_WRITE, 1, '@k'], 'SET @b 2', 'EXEC'],
      fails: true,
    },
  ),
  writeCase(
    'exec',
    'conditions that do not hold',
    { known: 'copy|none replay', unknown: 'copy|none copy|none replay' },
    {
      setup: ['SET @k old', 'SADD @s a'],
      run: ['MULTI', 'SET @k v NX', 'SETNX @k v', 'EXPIRE @missing 5', 'SMOVE @s @d missing', 'SET @other v', 'EXEC'],
    },
  ),
  writeCase('exec', 'stream commands that depend on time', COPY, {
    setup: [
      ...Array.from({ length: 120 }, (_, i) => `XADD @s ${i + 1}-1 f v`),
      ...Array.from({ length: 120 }, (_, i) => `XADD @t ${i + 1}-1 f v`),
      'XGROUP CREATE @s g 0',
    ],
    run: [
      'MULTI',
      'XREADGROUP GROUP g c COUNT 5 STREAMS @s >',
      'XADD @s MAXLEN ~ 10 * f v',
      'XTRIM @t MAXLEN ~ 10',
      'XACK @s g 115-1',
      'EXEC',
    ],
    replyVaries: true,
  }),
  writeCase(
    'exec',
    'replies that decide',
    {
      known: 'outcome outcome outcome replay|none replay',
      unknown: 'outcome outcome outcome copy|none copy|none copy',
    },
    {
      setup: ['SET @a old', 'SET @b old', 'RPUSH @l x y z'],
      run: [
        'MULTI',
        'SET @a refused NX GET',
        'SET @a new GET',
        'GETDEL @b',
        'GETDEL @b',
        'GETSET @b again',
        'GETEX @missing EX 100',
        'LMPOP 1 @missing LEFT',
        'LPOP @l 2',
        'EXEC',
      ],
    },
  ),
  writeCase('exec', 'a value larger than is kept', COPY, {
    run: ['MULTI', ['SET', '@k', 'v'.repeat(1_100_000)], 'EXEC'],
  }),
  // any error may be that of a script which wrote before it: what it names is copied
  writeCase('exec', 'EVALSHA that is not loaded', COPY, {
    run: ['MULTI', ['EVALSHA', 'f'.repeat(40), 1, '@k'], 'SET @k v', 'EXEC'],
    fails: true,
  }),
  writeCase(
    'exec',
    'SCRIPT LOAD inside',
    { known: 'replay replay', unknown: 'replay replay' },
    {
      run: ['MULTI', ['SCRIPT', 'LOAD', SCRIPTS.loaded], 'SET @k v', 'EXEC'],
      alone: true,
    },
  ),
  writeCase('exec', 'RENAME and on', COPY, {
    setup: ['SET @a 5 PX 500000', 'SET @b 9'],
    run: ['MULTI', 'RENAME @a @b', 'INCR @b', 'EXEC'],
  }),
  writeCase('exec', 'PUBLISH inside', WHOLE, {
    run: ['MULTI', 'PUBLISH ferry-cases-channel message', 'SET @k v', 'EXEC'],
  }),
  writeCase('exec', 'EXECABORT then a plain command', WHOLE, {
    run: ['MULTI', 'SET @k aborted', 'nosuchcommand @k', 'EXEC', 'SET @k v'],
    fails: true,
  }),
  writeCase('discard', 'then a plain command', WHOLE, { run: ['MULTI', 'SET @k discarded', 'DISCARD', 'SET @k v'] }),
];

export const SCRIPT_AND_TRANSACTION_CASES: readonly WriteCase[] = [...SCRIPT_CASES, ...TRANSACTION_CASES];
