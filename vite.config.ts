/** How the dashboard (src/dashboard) is built: one page, and its script and style under their hashes; nothing inline. */
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'src/dashboard',
  // the page also works behind a proxy that puts it under a path
  base: './',
  publicDir: false,
  build: {
    outDir: '../../dist/dashboard',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
});
