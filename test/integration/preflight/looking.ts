/** What the preflight tests share: a look in this process, its codes, and a module to plant. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConfigOverrides, defaultConfig } from '../../../src/config/config.js';
import type { Finding, PreflightReport, Severity } from '../../../src/preflight/finding.js';
import { type Preflight, type PreflightOptions, preflight } from '../../../src/preflight/preflight.js';
import { text, type Wire } from '../journey/wire.js';

export function look(
  source: string,
  target: string,
  config: ConfigOverrides = {},
  options: PreflightOptions = {},
): Promise<Preflight> {
  return preflight(defaultConfig({ ...config, source, target }), options);
}

export function codesOf({ findings }: PreflightReport, severity: Severity): string[] {
  return findings.filter((finding) => finding.severity === severity).map(({ code }) => code);
}

export function found({ findings }: PreflightReport, code: string): Finding {
  const finding = findings.find((one) => one.code === code);
  if (finding === undefined) throw new Error(`no ${code} among ${findings.map((one) => one.code).join(', ')}`);
  return finding;
}

/** Sends commands given as lines; an error is a fault of the test. */
export async function send(wire: Wire, ...lines: string[]): Promise<void> {
  for (const line of lines) {
    const reply = await wire.send(...line.split(' '));
    if (reply instanceof Error) throw new Error(`${line}: ${text(reply)}`);
  }
}

/** `count` keys by number. */
export async function fill(wire: Wire, count: number, command: (i: number) => (string | number)[]): Promise<void> {
  for (let at = 0; at < count; at += 500) {
    const some = Array.from({ length: Math.min(500, count - at) }, (_, i) => command(at + i));
    await Promise.all(some.map((args) => wire.send(...args)));
  }
}

/** A module that does nothing, compiled once for the test (bin/ensure-cc). */
export class EmptyModule {
  private readonly dir = mkdtempSync(join(tmpdir(), 'ferry-module-'));
  readonly path = join(this.dir, 'empty.so');

  constructor() {
    const ensure = fileURLToPath(new URL('../../../bin/ensure-cc', import.meta.url));
    const compiler = execFileSync(ensure, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
    const code = fileURLToPath(new URL('empty-module.c', import.meta.url));
    execFileSync(compiler, ['-shared', '-fPIC', '-O2', '-o', this.path, code]);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
