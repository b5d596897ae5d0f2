/**
 * A pair of servers with Ferry between them, taken to a phase as an operator does it: dual-write, backfill, verification,
 * and on from there. So what Ferry knows about the keys is what it knows in a real migration.
 */
import type { FerryProcess } from '../../src/cli/demo/ferry.js';
import type { RedisProcess } from '../../src/cli/demo/redis.js';
import type { PhaseName } from '../../src/config/config.js';
import { PHASES } from '../../src/phases/phase.js';
import { fill } from '../harness/fill.js';
import type { Site } from '../harness/site.js';
import { KEYS, VALUE_BYTES } from './workloads.js';

export interface Migrated {
  readonly source: RedisProcess;
  readonly ferry: FerryProcess;
}

export interface MigratedOptions {
  readonly phase: PhaseName;
  /** by its connection string; default: one redis-server */
  readonly target?: string;
  readonly keys?: number;
  readonly valueBytes?: number;
  readonly args?: readonly string[];
}

export async function migrated(site: Site, options: MigratedOptions): Promise<Migrated> {
  const { phase, keys = KEYS, valueBytes = VALUE_BYTES, args } = options;
  const source = await site.redis('the source');
  const target = options.target ?? (await site.redis('the target')).url;
  await fill(source.port, { keys, valueBytes });
  const ferry = await site.ferry({ source: source.url, target, args });
  await bringTo(ferry, phase);
  return { source, ferry };
}

/** From source-only, step by step. */
export async function bringTo(ferry: FerryProcess, phase: PhaseName): Promise<void> {
  for (const step of PHASES.slice(1, PHASES.indexOf(phase) + 1)) {
    await ferry.step(step);
    if (step !== 'dual-write') continue;
    const { backfill } = await ferry.backfill(() => false);
    if (backfill.state !== 'done') throw new Error(`the backfill ended as ${backfill.state}`);
    const { verify } = await ferry.verify(false, () => {});
    if (verify.clean !== true) throw new Error(`the sides differ after a backfill: ${JSON.stringify(verify)}`);
  }
}
