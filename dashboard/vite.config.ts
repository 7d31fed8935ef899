import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const outDir = fileURLToPath(new URL('../dist/dashboard', import.meta.url));

/** Writes each file compressed beside it, so that the server needs no time for it. */
const compressed: Plugin = {
  name: 'compressed',
  writeBundle: () => {
    for (const file of readdirSync(outDir, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(js|css|html|svg)$/.test(file)) continue;
      const path = join(outDir, file);
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
    }
  },
};

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/dashboard/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [compressed],
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2023',
    // Inlined as data: URLs, modules and workers would be refused by the page's policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // For `vite dashboard`: everything but the page comes from a server that runs beside it.
  server: {
    proxy: {
      '/v1': 'http://127.0.0.1:8081',
      '^/dashboard/(stream|rounds|clients|charts|strategies|machines)': 'http://127.0.0.1:8081',
    },
  },
});
