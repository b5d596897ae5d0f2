/** BITOP and the HyperLogLog commands. */
import { BASE, type WriteCase, writeCase } from '../write-case.js';

const FEW = 'PFADD @p a b c';
/** Enough elements for the dense encoding. */
const DENSE = `PFADD @p ${Array.from({ length: 3000 }, (_, i) => `element-${i}`).join(' ')}`;

export const BITMAP_HYPERLOGLOG_CASES: readonly WriteCase[] = [
  writeCase('bitop', 'AND', BASE, {
    setup: ['SET @a abc', 'SET @b abd PX 500000', 'RPUSH @d old'],
    run: 'BITOP AND @d @a @b',
  }),
  writeCase('bitop', 'OR into an input', BASE, { setup: ['SET @a abc', 'SET @b 1234'], run: 'BITOP OR @a @a @b' }),
  writeCase('bitop', 'XOR with a missing key', BASE, { setup: ['SET @a abc'], run: 'BITOP XOR @d @a @missing' }),
  writeCase('bitop', 'NOT', BASE, { setup: ['SET @a abc', 'SET @d old PX 500000'], run: 'BITOP NOT @d @a' }),
  writeCase('bitop', 'nothing removes', BASE, { setup: ['SET @d old'], run: 'BITOP AND @d @missing @none' }),
  writeCase('pfadd', 'new', BASE, { run: FEW }),
  writeCase('pfadd', 'no elements', BASE, { run: 'PFADD @p' }),
  writeCase('pfadd', 'on a key with a TTL', BASE, { setup: [FEW, 'EXPIRE @p 500'], run: 'PFADD @p a d' }),
  writeCase('pfadd', 'dense', BASE, { setup: [DENSE], run: 'PFADD @p other another third fourth fifth' }),
  writeCase('pfmerge', 'sparse and dense', BASE, { setup: [DENSE, 'PFADD @q x y'], run: 'PFMERGE @d @p @q' }),
  writeCase('pfmerge', 'into a destination with a TTL', BASE, {
    setup: [FEW, 'PFADD @d x y', 'EXPIRE @d 500'],
    run: 'PFMERGE @d @p',
  }),
  writeCase('pfmerge', 'nothing into nothing', BASE, { run: 'PFMERGE @d' }),
  // Rewrites the cached count in the header: bytes change, the value does not.
  writeCase('pfcount', 'one key', { known: '', unknown: '' }, { setup: [FEW], run: 'PFCOUNT @p', hidden: true }),
];
