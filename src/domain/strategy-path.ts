import { type OwnStrategyName, ownStrategyPrefix } from './strategy-choice.ts';

/**
 * The path of a module with a strategy of one's own, where its name may stand: absolute, a file URL, or relative with a
 * dot before it. Only who runs the server may say so; a plan that comes over HTTP may not.
 */
export type StrategyPath = `./${string}` | `../${string}` | `/${string}` | `file:${string}`;

/** On Windows too. No name of a strategy begins like this. */
export const strategyPathPattern = /^(\.{1,2}[\\/]|[\\/]|file:|[A-Za-z]:[\\/])/;

export const isStrategyPath = (strategy: unknown): strategy is StrategyPath =>
  typeof strategy === 'string' && strategyPathPattern.test(strategy);

/** `./my-strategy.mjs` is `my-strategy`. */
const nameOfPath = (path: string): string => (path.split(/[\\/]/).at(-1) ?? '').replace(/(?<=.)\.[^.]*$/, '');

/** What a plan is told that may not name a module by its path. */
export const strategyPathRefusal = (path: string): string => {
  const name = nameOfPath(path);
  return `the path of a module: it would run with all the rights of the server, so only a plan that the server is started with may name one; start it with this plan (--plan FILE) or with --strategy-module ${name}=FILE, and choose "${ownStrategyPrefix}${name}"`;
};

/**
 * By what name a module is known that a plan names by its path: that of its file.
 * @param modules those that are given already, by their names. @returns a sentence, with the fix, when it cannot be.
 */
export function nameStrategyPath(
  path: StrategyPath,
  modules: Readonly<Record<string, unknown>>,
): { name: string; strategy: OwnStrategyName; problem: string | null } {
  const name = nameOfPath(path);
  const problem = Object.hasOwn(modules, name)
    ? `strategy (--strategy) is ${JSON.stringify(path)}, a module that is named "${name}" by its file, but strategyModules (--strategy-modules) gives this name to another; choose "${ownStrategyPrefix}${name}" if that is meant, or give one of them another name.`
    : null;
  return { name, strategy: `${ownStrategyPrefix}${name}`, problem };
}
