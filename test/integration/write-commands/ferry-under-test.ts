/**
 * A Ferry in this process between two servers, watched: which class each write was mirrored with, when the mirror has
 * caught up, and whether anything went wrong on the way that a repair has covered up since.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ferry, startFerry } from '../../../src/app.js';
import { type ConfigOverrides, defaultConfig, type PhaseName } from '../../../src/config/config.js';
import { Wire } from './wire.js';

export interface Mirrored {
  readonly command: string;
  readonly mirrorClass: string;
}

const CATCH_UP_TIMEOUT_MS = 10_000;

export class FerryUnderTest {
  private constructor(
    private readonly ferry: Ferry,
    private readonly stateDir: string,
    readonly client: Wire,
    /** One per command that Ferry derived a mirror operation (or nothing) for, in order. */
    readonly mirrored: Mirrored[],
  ) {}

  static async start(overrides: ConfigOverrides, phase: PhaseName): Promise<FerryUnderTest> {
    const stateDir = mkdtempSync(join(tmpdir(), 'ferry-write-commands-'));
    // a migration of its own, although the servers were those of another one
    for (const url of [overrides.source, overrides.target]) await forgetLease(String(url));
    const config = defaultConfig({
      ...overrides,
      listen: { host: '127.0.0.1', port: 0 },
      admin: { host: '127.0.0.1', port: 0 },
      stateDir,
      phase,
      adopt: true,
      // what it finds it repairs, and nothing here may need a repair
      detectBypass: { mode: 'off' },
      logLevel: 'silent',
    });
    const mirrored: Mirrored[] = [];
    const onMirrored = (command: string, mirrorClass: string) => mirrored.push({ command, mirrorClass });
    const ferry = await startFerry(config, { hooks: { onMirrored } });
    return new FerryUnderTest(ferry, stateDir, await Wire.open(ferry.port), mirrored);
  }

  /** Resolves once the mirror has acknowledged everything and nothing is dirty. */
  async caughtUp(): Promise<void> {
    const deadline = Date.now() + CATCH_UP_TIMEOUT_MS;
    for (;;) {
      const { backlogOps, dirtyKeys, dirtySlots, uncertain } = this.ferry.control.status().mirror;
      if (backlogOps + dirtyKeys + dirtySlots + uncertain + copiesUnderWay(this.ferry) === 0) return;
      if (Date.now() > deadline) {
        throw new Error(`the mirror did not catch up: ${JSON.stringify(this.ferry.control.status().mirror)}`);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** What the mirror refused, answered otherwise than the authority, or had repaired. */
  async trouble(): Promise<string[]> {
    const metrics = await (await fetch(`http://127.0.0.1:${this.ferry.adminPort}/metrics`)).text();
    const refused = /^ferry_mirror_errors_total (\d+)/m.exec(metrics)?.[1];
    if (refused === undefined) throw new Error('the metric of refused operations is not there');
    const counts = {
      'refused by the mirror': Number(refused),
      'answered otherwise by the mirror': this.ferry.counters.selfCheckMismatches,
      repairs: this.ferry.counters.repairs,
    };
    return Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.ferry.stop();
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

async function forgetLease(url: string): Promise<void> {
  const { port, pathname } = new URL(url);
  const wire = await Wire.open(Number(port));
  await wire.send('SELECT', pathname.slice(1) || '0');
  await wire.send('DEL', '__ferry:lease');
  wire.close();
}

/** TEMPORARY: until the status counts them in its backlog. */
function copiesUnderWay(ferry: Ferry): number {
  const control = ferry.control as unknown as {
    parts: { migration: { board: { mirror: { copies: { active: number } } | null; ledger: { openTotal: number } } } };
  };
  const { mirror, ledger } = control.parts.migration.board;
  return (mirror?.copies.active ?? 0) + ledger.openTotal;
}
