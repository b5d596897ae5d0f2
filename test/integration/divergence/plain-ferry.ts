/** A Ferry between two servers that hold something before it starts, without relays: for what happens at its start. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ferry, startFerry } from '../../../src/app.js';
import { defaultConfig, type PhaseName } from '../../../src/config/config.js';
import type { RedisServer } from '../../support/redis.js';
import { Wire } from '../write-commands/wire.js';
import { pause } from './scenario.js';

export interface PlainOptions {
  readonly source: RedisServer;
  readonly target: RedisServer;
  readonly phase: PhaseName;
  /** Commands that fill the emptied servers. */
  readonly onSource?: readonly string[];
  readonly onTarget?: readonly string[];
  /** The database of the source's URL. */
  readonly homeDb?: number;
}

export interface PlainFerry {
  readonly ferry: Ferry;
  readonly client: Wire;
  readonly source: Wire;
  readonly target: Wire;
}

export async function withFerry(options: PlainOptions, use: (running: PlainFerry) => Promise<void>): Promise<void> {
  const [source, target] = await Promise.all([Wire.open(options.source.port), Wire.open(options.target.port)]);
  const stateDir = mkdtempSync(join(tmpdir(), 'ferry-divergence-'));
  try {
    for (const [wire, lines] of [
      [source, options.onSource],
      [target, options.onTarget],
    ] as const) {
      await wire.send('FLUSHALL');
      for (const line of lines ?? []) await wire.send(...line.split(' '));
    }
    const anywhere = { host: '127.0.0.1', port: 0 };
    const config = defaultConfig({
      source: `${options.source.url}/${options.homeDb ?? 0}`,
      target: options.target.url,
      phase: options.phase,
      stateDir,
      listen: anywhere,
      admin: anywhere,
      adopt: true,
    });
    const ferry = await startFerry(config);
    const client = await Wire.open(ferry.port);
    try {
      await use({ ferry, client, source, target });
    } finally {
      client.close();
      await ferry.stop();
    }
  } finally {
    for (const wire of [source, target]) wire.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

export async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('not within 10 s');
    await pause(1);
  }
}
