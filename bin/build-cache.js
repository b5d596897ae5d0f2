/**
 * The last step of the build: V8's caches of the bundle, made when what every `ferry preflight` and `ferry serve` runs has
 * run once, as far as that goes where no server is.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLE, load, loaded } from './bundle.js';

for (const name of readdirSync(BUNDLE)) {
  if (!name.endsWith('.cjs')) continue;
  if (/[^\0-\x7f]/.test(readFileSync(join(BUNDLE, name), 'latin1'))) throw new Error(`${name} is not all ASCII`);
  load(name);
}

const stateDir = mkdtempSync(join(tmpdir(), 'ferry-build-'));
const { write } = process.stderr;
process.stderr.write = () => true; // it cannot connect, and says so
const nowhere = ['--source', 'redis://127.0.0.1:1', '--target', 'redis://127.0.0.1:2'];
await load('main.cjs').runCli(['preflight', ...nowhere]);
await load('main.cjs').runCli(['serve', ...nowhere, '--state-dir', stateDir]);
process.stderr.write = write;
rmSync(stateDir, { recursive: true, force: true });

for (const { script, filename } of loaded.values()) writeFileSync(`${filename}.cache`, script.createCachedData());
process.exit(0);
