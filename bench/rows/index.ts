/** All rows, in the order of the table. */
import { bigReader } from './big-reader.js';
import { bigValues } from './big-values.js';
import { manyClients } from './clients.js';
import { cluster } from './cluster.js';
import { idleClients } from './idle-clients.js';
import { latency } from './latency.js';
import { dualWrite, targetRead } from './own-ratios.js';
import type { Row } from './row.js';
import { sourceOnly, sourceOnlyPipelined } from './source-only.js';
import { start } from './start.js';

export const ROWS: readonly Row[] = [
  sourceOnly,
  sourceOnlyPipelined,
  dualWrite,
  targetRead,
  cluster,
  bigValues,
  latency,
  manyClients,
  idleClients,
  bigReader,
  start,
];
