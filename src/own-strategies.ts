import { inlineStrategies } from './aggregator/inline-strategies.ts';
import type { OwnRunner } from './aggregator/own-work.ts';
import type { GivenPlan } from './domain/plan.ts';
import { type OwnStrategies, type OwnStrategyFacts, ownStrategyPrefix } from './domain/strategy-choice.ts';
import { isStrategyPath, nameStrategyPath } from './domain/strategy-path.ts';
import { type AnyOwnStrategy, ownFactsOf, StrategyUnusable } from './strategies/own-strategy.ts';
import { createOwnStrategyPool, loadOwnStrategy } from './workers/own-strategy-pool.ts';

/** Strategies that a server is given, by the names that plans choose them by: paths of modules, or strategies as such. */
export type GivenStrategies = Readonly<Record<string, string | AnyOwnStrategy>>;

/** As they are written in a plan behind `module:`, in flags and in files of settings. */
const namePattern = /^[A-Za-z0-9][\w.-]{0,63}$/;

/**
 * Gives the server the module that a plan names by its path, by the name of its file.
 * @throws {StrategyUnusable} another has this name.
 */
export function takeStrategyPath(
  plan: GivenPlan,
  given: GivenStrategies,
): { wanted: Readonly<Record<string, unknown>>; given: GivenStrategies } {
  if (!isStrategyPath(plan.strategy)) return { wanted: { ...plan }, given };
  const { name, strategy, problem } = nameStrategyPath(plan.strategy, given);
  if (problem !== null) throw new StrategyUnusable(problem.slice(0, -1));
  return { wanted: { ...plan, strategy }, given: { ...given, [name]: plan.strategy } };
}

/**
 * Learns of each what there is to know of it; modules are loaded on a thread of their own.
 * @throws {StrategyUnusable} one cannot be used, with the reason.
 */
export async function readOwnStrategies(given: GivenStrategies): Promise<OwnStrategies> {
  const facts = new Map<string, OwnStrategyFacts>();
  for (const [name, strategy] of Object.entries(given)) {
    mustBeName(name);
    const its = typeof strategy === 'string' ? await loadOwnStrategy(name, strategy) : factsOfObject(name, strategy);
    facts.set(ownStrategyPrefix + name, its);
  }
  return facts;
}

/** As {@link readOwnStrategies}, where all of them are in this thread. */
export const ownStrategiesHere = (given: Readonly<Record<string, AnyOwnStrategy>>): OwnStrategies =>
  new Map(
    Object.entries(given).map(([name, strategy]) => {
      mustBeName(name);
      return [ownStrategyPrefix + name, factsOfObject(name, strategy)];
    }),
  );

/** Asks those that are in this thread here, and those of modules on threads of their own. */
export function ownRunner(given: GivenStrategies, threads: number): OwnRunner {
  const here = new Map<string, AnyOwnStrategy>();
  for (const [name, strategy] of Object.entries(given)) {
    if (typeof strategy !== 'string') here.set(ownStrategyPrefix + name, strategy);
  }
  const inline = inlineStrategies(here);
  if (here.size === Object.keys(given).length) return inline;
  const pool = createOwnStrategyPool(threads);
  const runnerOf = ({ name }: { name: string }): OwnRunner => (here.has(name) ? inline : pool);
  return {
    threads: pool.threads,
    step: (task, signal) => runnerOf(task).step(task, signal),
    combine: (task, signal) => runnerOf(task).combine(task, signal),
    close: () => pool.close(),
  };
}

function mustBeName(name: string): void {
  if (namePattern.test(name)) return;
  throw new StrategyUnusable(
    `A strategy is named ${JSON.stringify(name)}; names are of 1 to 64 letters, digits, dots, dashes and underscores`,
  );
}

function factsOfObject(name: string, strategy: AnyOwnStrategy): OwnStrategyFacts {
  try {
    return ownFactsOf(strategy, null);
  } catch (error) {
    throw new StrategyUnusable(`The strategy "${name}" cannot be used: ${String(error)}`, { cause: error });
  }
}
