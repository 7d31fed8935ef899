import { type AnyOwnStrategy, StrategyUnusable } from '../strategies/own-strategy.ts';
import { combineRows, type OwnRunner, stepRange } from './own-work.ts';

/**
 * Strategies of one's own in this thread: for simulation and tests. One that loops for ever does so here.
 * @param strategies by their whole names
 */
export function inlineStrategies(strategies: ReadonlyMap<string, AnyOwnStrategy>): OwnRunner {
  const named = (name: string): AnyOwnStrategy => {
    const strategy = strategies.get(name);
    if (!strategy) throw new StrategyUnusable(`The strategy "${name}" is not in this thread`);
    return strategy;
  };
  return {
    threads: 1,
    step: async (task) => stepRange(named(task.name), task),
    combine: async (task) => combineRows(named(task.name), task),
    close: async () => undefined,
  };
}
