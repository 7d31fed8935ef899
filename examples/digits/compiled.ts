/**
 * Where a worker's compiled file is. Node 20 runs no TypeScript in a worker thread, so when this module itself runs as
 * TypeScript (under vitest or tsx), workers come from the build.
 */
export function compiledWorker(name: string): URL {
  const here = new URL(import.meta.url);
  if (here.pathname.endsWith('.js')) return new URL(`./${name}.js`, here);
  return new URL(`../../dist/examples/digits/${name}.js`, here);
}
