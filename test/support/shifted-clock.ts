/**
 * A wall clock for one redis-server that is wrong by as much as wanted, and can be set while it runs: shifted-clock.c,
 * compiled once for each process that needs it, by the machine's C compiler (bin/ensure-cc installs one), and preloaded.
 *
 * Unlike support/skewed-clock.ts, which makes a relay lie about TIME, the server itself lives at that time: it expires keys
 * by it, and dates streams.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CODE = fileURLToPath(new URL('shifted-clock.c', import.meta.url));
const ENSURE_COMPILER = fileURLToPath(new URL('../../bin/ensure-cc', import.meta.url));

export class ShiftedClock {
  private readonly dir = mkdtempSync(join(tmpdir(), 'ferry-clock-'));
  private readonly library = join(this.dir, 'shifted-clock.so');
  private readonly shift = join(this.dir, 'shift');

  constructor(shiftMs: number) {
    const compiler = execFileSync(ENSURE_COMPILER, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
    execFileSync(compiler, ['-shared', '-fPIC', '-O2', '-o', this.library, CODE]);
    this.set(shiftMs);
  }

  /** For the server's process. */
  get env(): Record<string, string> {
    return { LD_PRELOAD: this.library, SHIFTED_CLOCK: this.shift };
  }

  /** In place: the server has the file mapped. */
  set(shiftMs: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(shiftMs * 1000)));
    writeFileSync(this.shift, bytes, { flag: existsSync(this.shift) ? 'r+' : 'w' });
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
