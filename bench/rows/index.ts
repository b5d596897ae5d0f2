/** All rows, in the order of the table. */
import { bigValues } from './big-values.js';
import { manyClients } from './clients.js';
import { cluster } from './cluster.js';
import { latency } from './latency.js';
import { dualWrite, targetRead } from './own-ratios.js';
import type { Row } from './row.js';
import { sourceOnly, sourceOnlyPipelined } from './source-only.js';

export const ROWS: readonly Row[] = [
  sourceOnly,
  sourceOnlyPipelined,
  dualWrite,
  targetRead,
  cluster,
  bigValues,
  latency,
  manyClients,
];
