/** Vector sets: Redis 8 and newer. Their graphs are what the server made of chance, so nothing of them is replayed. */
import { COPY, type WriteCase, writeCase } from '../write-case.js';

const VECTORS = [
  'VADD @v VALUES 3 0.1 0.2 0.3 a',
  'VADD @v VALUES 3 1 0 -1 b SETATTR {"n":1}',
  'VADD @v VALUES 3 4 5 6 c',
];

export const VECTOR_SET_CASES: readonly WriteCase[] = [
  writeCase('vadd', 'new', COPY, { run: 'VADD @v VALUES 3 0.1 0.2 0.3 a' }),
  writeCase('vadd', 'one more', COPY, { setup: VECTORS, run: 'VADD @v VALUES 3 7 -8 9 d' }),
  writeCase('vadd', 'another place', COPY, { setup: [...VECTORS, 'EXPIRE @v 500'], run: 'VADD @v VALUES 3 7 -8 9 a' }),
  writeCase('vadd', 'without quantization', COPY, {
    run: ['VADD @v VALUES 3 0.1 0.2 0.3 a NOQUANT', 'VADD @v VALUES 3 3 2 1 b NOQUANT SETATTR {"n":1}'],
  }),
  writeCase('vadd', 'binary', COPY, {
    run: ['VADD @v VALUES 3 0.1 -0.2 0.3 a BIN M 8', 'VADD @v VALUES 3 -3 2 1 b BIN M 8'],
  }),
  writeCase('vadd', 'fewer dimensions', COPY, { run: 'VADD @v REDUCE 2 VALUES 4 1 2 3 4 a' }),
  writeCase('vadd', 'bytes', COPY, {
    run: [['VADD', '@v', 'FP32', '\x00\x00\x80\x3f\x00\x00\x00\x40', '\xff\x00\r\n']],
  }),
  writeCase('vadd', 'in a transaction', COPY, {
    setup: VECTORS,
    run: ['MULTI', 'VADD @v VALUES 3 7 -8 9 d', 'VREM @v a', 'EXEC'],
  }),
  writeCase('vrem', 'one of three', COPY, { setup: VECTORS, run: 'VREM @v b' }),
  writeCase('vrem', 'the last one', COPY, { setup: ['VADD @v VALUES 2 1 2 a'], run: 'VREM @v a' }),
  writeCase('vsetattr', 'a new attribute', COPY, { setup: VECTORS, run: ['VSETATTR @v a {"n":2}'] }),
  writeCase('vsetattr', 'none any more', COPY, { setup: VECTORS, run: [['VSETATTR', '@v', 'b', '']] }),
  writeCase('del', 'a vector set', { known: 'replay', unknown: 'replay' }, { setup: VECTORS, run: 'DEL @v' }),
];
