/** All rows, in the order of the table. */
import type { Row } from './row.js';
import { sourceOnly, sourceOnlyPipelined } from './source-only.js';

export const ROWS: readonly Row[] = [sourceOnly, sourceOnlyPipelined];
