/**
 * Loads dist/bundle, with the bytecode that V8 made of it at the build (`.cache` beside each file): compiling
 * the packages takes longer than starting Ferry does. V8 itself refuses a cache of another version or other flags, or of a
 * source with another length; the file is compiled as ever then.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

export const BUNDLE = fileURLToPath(new URL('../dist/bundle/', import.meta.url));

/** By name, what was loaded. */
export const loaded = new Map();

const requirePackage = createRequire(join(BUNDLE, 'main.cjs'));

export function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.module.exports;
  const filename = join(BUNDLE, name);
  const source = readFileSync(filename, 'latin1'); // it is all ASCII
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
  const script = new Script(wrapped, { filename, cachedData: readCache(filename) });
  const module = { exports: {} };
  loaded.set(name, { module, script, filename });
  script.runInThisContext()(module.exports, requireHere, module, filename, dirname(filename));
  return module.exports;
}

function requireHere(id) {
  return id.startsWith('./') ? load(id.slice(2)) : requirePackage(id);
}
requireHere.resolve = requirePackage.resolve;

function readCache(filename) {
  try {
    return readFileSync(`${filename}.cache`);
  } catch {
    return undefined; // not made, or not kept
  }
}
