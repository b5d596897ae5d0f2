/**
 * A Ferry in this process between two servers, watched: which class each write was mirrored with, when the mirror has
 * caught up, and whether anything went wrong on the way that a repair has covered up since.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFerry } from '../../../src/app.js';
import { defaultConfig, type PhaseName } from '../../../src/config/config.js';
import type { RedisServer } from '../../support/redis.js';
import { Wire } from './wire.js';

export interface Mirrored {
  readonly command: string;
  readonly mirrorClass: string;
}

const CATCH_UP_TIMEOUT_MS = 15_000;

export class FerryUnderTest {
  /** One per command that Ferry derived a mirror operation (or nothing) for, in order. */
  readonly mirrored: Mirrored[] = [];

  private constructor(
    private readonly ferry: Awaited<ReturnType<typeof startFerry>>,
    private readonly stateDir: string,
    readonly client: Wire,
  ) {}

  static async start(source: RedisServer, target: RedisServer, phase: PhaseName): Promise<FerryUnderTest> {
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-write-commands-'));
    const config = defaultConfig({
      source: source.url,
      target: target.url,
      listen: { host: '127.0.0.1', port: 0 },
      admin: { host: '127.0.0.1', port: 0 },
      stateDir,
      phase,
      adopt: true,
      logLevel: 'silent',
    });
    let watched: FerryUnderTest | null = null;
    const ferry = await startFerry(config, {
      onMirrored: (command: string, mirrorClass: string) => watched?.mirrored.push({ command, mirrorClass }),
    });
    watched = new FerryUnderTest(ferry, stateDir, await Wire.open(ferry.port));
    return watched;
  }

  /** Resolves once the mirror has acknowledged everything and nothing is dirty. */
  async caughtUp(): Promise<void> {
    const deadline = Date.now() + CATCH_UP_TIMEOUT_MS;
    for (;;) {
      const { backlogOps, dirtyKeys, dirtySlots, uncertain } = this.ferry.control.status().mirror;
      if (backlogOps + dirtyKeys + dirtySlots + uncertain === 0) return;
      if (Date.now() > deadline) {
        throw new Error(`the mirror did not catch up: ${JSON.stringify(this.ferry.control.status().mirror)}`);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.ferry.stop();
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
