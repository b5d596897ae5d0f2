/**
 * A step of the build: the command line with its packages in a few files, dist/bundle, since finding and reading several
 * hundred takes most of a start. What tests and the bench import is what tsc compiled, dist/src.
 *
 * It is CommonJS, for which V8 can keep a cache (bundle.js). Nothing is minified, so that a stack trace reads well. The
 * licences of the packages in it are beside it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Read as bytes, and kept in half the memory. At the very end: what prints the code writes characters as they are. */
const ascii = {
  name: 'ascii',
  generateBundle(_options, bundle) {
    const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === 'chunk') chunk.code = chunk.code.replace(/[\u0080-\uffff]/g, escaped);
    }
  },
};

const licences = {
  name: 'licences',
  generateBundle(_options, bundle) {
    const packages = new Set();
    for (const chunk of Object.values(bundle)) {
      for (const id of chunk.moduleIds ?? []) {
        const directory = /^.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+/.exec(id)?.[0];
        if (directory !== undefined) packages.add(directory);
      }
    }
    const texts = [...packages].sort().map(licenceOf);
    this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source: texts.join(`\n${'-'.repeat(80)}\n\n`) });
  },
};

function licenceOf(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const file = readdirSync(directory).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file === undefined ? '' : `\n${readFileSync(join(directory, file), 'utf8').trim()}\n`;
  return `${name} ${version} (${license})\n${text}`;
}

const main = join(root, 'dist/src/cli/main.js');
if (!existsSync(main)) throw new Error('tsc comes first');
const bundle = await rolldown({
  input: { main },
  cwd: root,
  platform: 'node',
  plugins: [ascii, licences],
  logLevel: 'silent',
});
await bundle.write({
  dir: join(root, 'dist/bundle'),
  cleanDir: true,
  format: 'cjs',
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  comments: { legal: true, annotation: false, jsdoc: false },
});
await bundle.close();
