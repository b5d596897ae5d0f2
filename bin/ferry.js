#!/usr/bin/env node
/**
 * The command `ferry`: hands its arguments to the built command line.
 *
 * It is plain JavaScript outside the build, so that a clone that was not built yet can say so.
 */
import { existsSync } from 'node:fs';

const main = new URL('../dist/src/cli/main.js', import.meta.url);

if (existsSync(main)) {
  const { runCli } = await import(main.href);
  await runCli(process.argv.slice(2));
} else {
  console.error('ferry is not built yet: run `npm install && npm run build` first.');
  process.exitCode = 2;
}
