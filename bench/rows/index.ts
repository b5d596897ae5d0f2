/** All rows, in the order of the table. */
import { app } from './app.js';
import { backfill, verify } from './backfill.js';
import { backfillLive } from './backfill-live.js';
import { bigReader } from './big-reader.js';
import { bigValues } from './big-values.js';
import { manyClients } from './clients.js';
import { cluster } from './cluster.js';
import { fiveMillion } from './five-million.js';
import { idleClients } from './idle-clients.js';
import { latency } from './latency.js';
import { matrix } from './matrix.js';
import { dualWrite, targetRead } from './own-ratios.js';
import { pauses } from './pauses.js';
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
  backfill,
  backfillLive,
  verify,
  fiveMillion,
  pauses,
  start,
  app,
  ...matrix,
];
