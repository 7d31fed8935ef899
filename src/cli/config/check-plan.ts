import type { Plan } from '../../domain/plan.ts';
import type { OwnStrategies } from '../../domain/strategy-choice.ts';
import { isStrategyPath, nameStrategyPath } from '../../domain/strategy-path.ts';
import { readRunPlan } from '../../strategies/of-plan.ts';
import { StrategyUnusable } from '../../strategies/own-strategy.ts';
import { planCliSettings } from './catalogue.ts';
import { fromPlanFile } from './from-file.ts';
import { problemIn } from './given.ts';
import { mergeGiven } from './resolve.ts';

/** What is wrong with a plan: a sentence with the fix. */
export interface PlanProblem {
  /** The setting's name, or what stands in its place; null: it concerns the whole document. */
  key: string | null;
  message: string;
}

/**
 * Reads a plan as a document by itself: what it leaves out has its default, for there is no server to ask. The module that
 * it names by its path is loaded; one that it names otherwise is known to its server only.
 * @returns the plan; with problems it is not to be used.
 */
export async function checkPlan(
  document: Readonly<Record<string, unknown>>,
  file: string,
): Promise<{ plan: Plan; problems: PlanProblem[] }> {
  const reading = fromPlanFile(document, file, planCliSettings);
  const winners = mergeGiven([reading]);
  const given = Object.fromEntries([...winners].map(([name, { value }]) => [name, value]));
  const module = await loadModule(given.strategy);
  const { plan, problems } = readRunPlan(module ? { ...given, strategy: module.strategy } : given, {}, module?.own);
  const unread = reading.problems.map((message) => ({ key: null, message }));
  const ofModule = module?.problem ? [{ setting: 'strategy', message: module.problem }] : [];
  const wrong = [...ofModule, ...problems].map(({ setting, message }) => {
    const source = winners.get(setting)?.source;
    return { key: setting, message: source ? problemIn(source, message) : message };
  });
  return { plan, problems: [...unread, ...wrong] };
}

interface LoadedModule {
  strategy: Plan['strategy'];
  /** null: it cannot be used, and so nothing is known of it. */
  own: OwnStrategies | null;
  problem: string | null;
}

/** @returns null when the strategy is not named by the path of a module. */
async function loadModule(strategy: unknown): Promise<LoadedModule | null> {
  if (!isStrategyPath(strategy)) return null;
  const named = nameStrategyPath(strategy, {});
  try {
    const { readOwnStrategies } = await import('../../own-strategies.ts');
    return { strategy: named.strategy, own: await readOwnStrategies({ [named.name]: strategy }), problem: null };
  } catch (error) {
    if (!(error instanceof StrategyUnusable)) throw error;
    return { strategy: named.strategy, own: null, problem: `${error.message}.` };
  }
}
