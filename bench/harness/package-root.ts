/** Where the clone is, from the sources (tests) as from the build (dist/bench/…). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PACKAGE_ROOT = find();

function find(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'bin', 'ferry.js'))) {
    if (dir === dirname(dir)) throw new Error('bin/ferry.js is not to be found above the bench');
    dir = dirname(dir);
  }
  return dir;
}
