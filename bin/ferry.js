#!/usr/bin/env node
/**
 * The command `ferry`: hands its arguments to the built command line.
 *
 * It is plain JavaScript outside the build, so that a clone that was not built yet can say so.
 *
 * dist/bundle is the command line with its packages in a few files, since loading several hundred takes most of a start.
 * The demo runs from the files as they are: it starts programs that lie beside them.
 */
import { existsSync } from 'node:fs';

const plain = new URL('../dist/src/cli/main.js', import.meta.url);
const bundle = new URL('../dist/bundle/main.cjs', import.meta.url);
const args = process.argv.slice(2);
if (args[0] === 'preflight') (await import('./low-priority.js')).letOthersGoFirst();

if (args[0] !== 'demo' && existsSync(bundle)) {
  const { load } = await import('./bundle.js');
  await load('main.cjs').runCli(args);
} else if (existsSync(plain)) {
  const { runCli } = await import(plain.href);
  await runCli(args);
} else {
  console.error('ferry is not built yet: run `npm install && npm run build` first.');
  process.exitCode = 2;
}
