/** Lists. */
import { BASE, type WriteCase, writeCase } from '../write-case.js';

const ABC = 'RPUSH @l a b c';
/** More than one quicklist node, some elements larger than a listpack takes. */
const LONG_LIST = `RPUSH @l ${Array.from({ length: 300 }, (_, i) => `${i}:${'x'.repeat(i % 100 === 7 ? 9000 : 40)}`).join(' ')}`;

export const LIST_CASES: readonly WriteCase[] = [
  writeCase('lpush', 'new', BASE, { run: 'LPUSH @l a b c' }),
  writeCase('lpush', 'on a key with a TTL', BASE, { setup: [ABC, 'EXPIRE @l 500'], run: 'LPUSH @l d' }),
  writeCase('rpush', 'one element twice', BASE, { setup: [ABC], run: 'RPUSH @l c c' }),
  writeCase('rpush', 'on a long list', BASE, { setup: [LONG_LIST], run: 'RPUSH @l end' }),
  writeCase('rpush', 'WRONGTYPE then a list', BASE, {
    setup: ['SET @s v'],
    run: ['RPUSH @s a', 'RPUSH @l a'],
    fails: true,
  }),
  writeCase('lpushx', 'on a list', BASE, { setup: [ABC], run: ['LPUSHX @missing x', 'LPUSHX @l x y'] }),
  writeCase('rpushx', 'on a list', BASE, { setup: [ABC], run: ['RPUSHX @missing x', 'RPUSHX @l x'] }),
  writeCase('lpop', 'one', BASE, { setup: [ABC], run: 'LPOP @l' }),
  writeCase('lpop', 'count', BASE, { setup: [ABC, 'EXPIRE @l 500'], run: 'LPOP @l 2' }),
  writeCase('lpop', 'the last', BASE, { setup: ['RPUSH @l a'], run: 'LPOP @l' }),
  writeCase('rpop', 'one', BASE, { setup: [ABC], run: 'RPOP @l' }),
  writeCase('rpop', 'more than there are', BASE, { setup: [ABC], run: 'RPOP @l 10' }),
  writeCase('linsert', 'before', BASE, { setup: [ABC], run: ['LINSERT @l BEFORE missing x', 'LINSERT @l BEFORE b x'] }),
  writeCase('lset', 'from the end', BASE, { setup: [ABC], run: 'LSET @l -1 z' }),
  writeCase('lset', 'out of range then in range', BASE, {
    setup: [ABC],
    run: ['LSET @l 9 z', 'LSET @l 0 z'],
    fails: true,
  }),
  writeCase('lrem', 'from the end', BASE, { setup: ['RPUSH @l a b a b a'], run: 'LREM @l -2 a' }),
  writeCase('ltrim', 'to the middle', BASE, { setup: [LONG_LIST], run: 'LTRIM @l 10 -20' }),
  writeCase('ltrim', 'to nothing', BASE, { setup: [ABC], run: 'LTRIM @l 5 9' }),
  writeCase('lmove', 'between keys', BASE, {
    setup: [ABC, 'RPUSH @d x', 'EXPIRE @d 500'],
    run: 'LMOVE @l @d RIGHT LEFT',
  }),
  writeCase('lmove', 'the last to a new key', BASE, { setup: ['RPUSH @l a'], run: 'LMOVE @l @d LEFT RIGHT' }),
  writeCase('lmove', 'within one key', BASE, { setup: [ABC], run: 'LMOVE @l @l LEFT RIGHT' }),
  writeCase('lmove', 'from nothing then from a list', BASE, {
    setup: [ABC],
    run: ['LMOVE @missing @d LEFT LEFT', 'LMOVE @l @d LEFT LEFT'],
  }),
  writeCase('rpoplpush', 'between keys', BASE, { setup: [ABC, 'RPUSH @d x'], run: 'RPOPLPUSH @l @d' }),
  writeCase('rpoplpush', 'within one key', BASE, { setup: [ABC], run: 'RPOPLPUSH @l @l' }),
  writeCase('lmpop', 'the second of two', BASE, { setup: [ABC], run: 'LMPOP 2 @missing @l LEFT' }),
  writeCase('lmpop', 'COUNT', BASE, {
    setup: [ABC, 'RPUSH @d x y z', 'EXPIRE @d 500'],
    run: 'LMPOP 2 @d @l RIGHT COUNT 2',
  }),
];
