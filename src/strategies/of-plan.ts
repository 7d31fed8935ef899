import { isBuffered, type Plan, quorumOf, readPlan, strategyChoice } from '../domain/plan.ts';
import { flagOf, type SettingProblem } from '../domain/settings.ts';
import type { StrategyChoice } from '../domain/strategy-choice.ts';
import { filterConflicts } from '../selection/plan-filter.ts';
import { createStrategy, strategyNamed } from './catalogue.ts';
import type { Strategy } from './strategy.ts';

/** Makes the strategy that was chosen. @throws {RangeError} a plan that was read has no such choice. */
export function strategyOf({ name, parameters }: StrategyChoice): Strategy {
  const definition = strategyNamed(name);
  if (!definition) throw new RangeError(`There is no strategy "${name}"`);
  const made = createStrategy(definition, parameters);
  if (made.kind === 'created') return made.strategy;
  throw new RangeError(made.problems.map(({ message }) => message).join(' '));
}

/**
 * As {@link readPlan}, with the rules of the strategy, which are its parameters and what it needs of the rest of the plan;
 * and the filter of clients can be read.
 */
export function readRunPlan(
  given: Readonly<Record<string, unknown>>,
  defaults: Partial<Plan> = {},
): { plan: Plan; problems: SettingProblem[] } {
  // Default parameters are those of the default strategy.
  const isAnother = given.strategy !== undefined && given.strategy !== defaults.strategy;
  const parameters = isAnother ? { strategyParameters: {} } : {};
  const { plan, problems } = readPlan(given, { ...defaults, ...parameters });
  return { plan, problems: problems.length > 0 ? problems : [...strategyConflicts(plan), ...filterConflicts(plan)] };
}

function strategyConflicts(plan: Plan): SettingProblem[] {
  const { name, parameters } = strategyChoice(plan);
  const definition = strategyNamed(name);
  if (!definition) return [{ setting: 'strategy', message: `There is no strategy "${name}".` }];
  const made = createStrategy(definition, parameters);
  if (made.kind === 'invalid') {
    return made.problems.map(({ setting, message }) => ({
      setting: 'strategyParameters',
      // A parameter has no flag of its own.
      message: `strategyParameters (--strategy-parameters) of ${name}: ${message.replace(` (${flagOf(setting)})`, '')}`,
    }));
  }
  const problems: SettingProblem[] = [];
  const { strategy } = made;
  if (strategy.kind === 'gathering' && isBuffered(plan)) {
    problems.push({
      setting: 'strategy',
      message: `strategy (--strategy) is "${name}", which compares the updates of one round, but mode is "buffered": its updates begin at different models. Use mode (--mode) "synchronous", or another strategy.`,
    });
  }
  const quorum = quorumOf(plan);
  const unmet = strategy.precondition(quorum);
  if (unmet !== null) {
    problems.push({
      setting: 'quorum',
      message: `quorum (--quorum) is ${quorum}, so rounds could close that the strategy can make nothing of: ${unmet} Raise --quorum, or change the strategy.`,
    });
  }
  if (strategy.kind === 'running' && strategy.needsBase && plan.initialModel === 'none') {
    problems.push({
      setting: 'initialModel',
      message: `strategy (--strategy) is "${name}"${strategy.clipNorm === null ? '' : ' with clipNorm'}, which needs a model that updates are measured from, but initialModel is "none"; set initialModel (--initial-model) to "upload" or "latest".`,
    });
  }
  return problems;
}
