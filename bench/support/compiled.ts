/**
 * Loads a module of the server as it is shipped: compiled, not as TypeScript, whose loader slows some of it down.
 * @param name path in `src` without its ending. `npm run build` must have been run.
 */
export const compiled = async <Module>(name: string): Promise<Module> =>
  (await import(new URL(`../../dist/src/${name}.js`, import.meta.url).href)) as Module;
