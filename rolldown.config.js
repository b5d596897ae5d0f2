/**
 * The command line with its packages in a few files, dist/bundle: `ferry serve` is up in a third of the time that it takes
 * to find and read several hundred. What tests and the bench import is what tsc compiled, dist/src.
 *
 * It is CommonJS, for which V8 can keep a cache (bin/bundle.js). Names and lines are kept, so that a stack trace reads well.
 */

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

// biome-ignore lint/style/noDefaultExport: rolldown asks for it
export default {
  input: { main: 'dist/src/cli/main.js' },
  platform: 'node',
  plugins: [ascii],
  output: {
    dir: 'dist/bundle',
    cleanDir: true,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    sourcemap: true,
    comments: { legal: true, annotation: false, jsdoc: false },
  },
};
