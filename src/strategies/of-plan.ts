import { isBuffered, type Plan, quorumOf, strategyChoice } from '../domain/plan.ts';
import { readPlan } from '../domain/read-plan.ts';
import { flagOf, resolveSettings, type SettingProblem } from '../domain/settings.ts';
import type { StrategyView } from '../domain/strategy-choice.ts';
import {
  isOwnStrategy,
  noOwnStrategies,
  type OwnStrategies,
  ownStrategyPrefix,
  type StrategyChoice,
} from '../domain/strategy-choice.ts';
import { filterConflicts } from '../selection/plan-filter.ts';
import { createStrategy, strategyCatalogue, strategyNamed } from './catalogue.ts';
import { settingsOfOwn, strategyOfOwn } from './of-own.ts';
import type { Strategy } from './strategy.ts';

/** Makes the strategy that was chosen. @throws {RangeError} a plan that was read has no such choice. */
export function strategyOf(choice: StrategyChoice): Strategy {
  const { name, parameters, own } = choice;
  if (own) return strategyOfOwn(own, choice);
  const definition = strategyNamed(name);
  if (!definition) throw new RangeError(`There is no strategy "${name}"`);
  const made = createStrategy(definition, parameters);
  if (made.kind === 'created') return made.strategy;
  throw new RangeError(made.problems.map(({ message }) => message).join(' '));
}

/** @returns all that a plan can choose from: ours, then those that the server was given. */
export const strategiesWith = (own: OwnStrategies): StrategyView[] => [
  ...strategyCatalogue.map(({ name, summary, settings }) => ({ name, summary, settings })),
  ...[...own].map(([name, facts]) => ({ name, summary: null, settings: settingsOfOwn(facts) })),
];

/**
 * As {@link readPlan}, with the rules of the strategy, which are its parameters and what it needs of the rest of the plan;
 * and the filter of clients can be read.
 * @param own the strategies that the server was given; null: not known here, so that theirs are the server's to check.
 */
export function readRunPlan(
  given: Readonly<Record<string, unknown>>,
  defaults: Partial<Plan> = {},
  own: OwnStrategies | null = null,
): { plan: Plan; problems: SettingProblem[] } {
  // Default parameters are those of the default strategy.
  const isAnother = given.strategy !== undefined && given.strategy !== defaults.strategy;
  const parameters = isAnother ? { strategyParameters: {} } : {};
  const { plan, problems } = readPlan(given, { ...defaults, ...parameters });
  if (problems.length > 0) return { plan, problems };
  const isUnknown = own === null && isOwnStrategy(plan.strategy);
  const ofStrategy = isUnknown ? [] : strategyConflicts(plan, own ?? undefined);
  return { plan, problems: [...ofStrategy, ...filterConflicts(plan)] };
}

function strategyConflicts(plan: Plan, own?: OwnStrategies): SettingProblem[] {
  const choice = strategyChoice(plan, own);
  const { name } = choice;
  const made = madeOf(choice);
  if (made === null) return [{ setting: 'strategy', message: unknownStrategy(name, own) }];
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

/** @returns null when there is no such strategy */
function madeOf(choice: StrategyChoice): ReturnType<typeof createStrategy> | null {
  const { name, parameters, own } = choice;
  if (own) {
    const { problems } = resolveSettings(settingsOfOwn(own), parameters);
    return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'created', strategy: strategyOf(choice) };
  }
  const definition = strategyNamed(name);
  return definition && createStrategy(definition, parameters);
}

function unknownStrategy(name: string, own: OwnStrategies = noOwnStrategies): string {
  if (!isOwnStrategy(name)) return `There is no strategy "${name}".`;
  const known = own.size === 0 ? 'none' : [...own.keys()].join(', ');
  const module = name.slice(ownStrategyPrefix.length);
  return `strategy (--strategy) is "${name}", but no module of this name was given to the server, which has ${known}; start it with --strategy-module ${module}=FILE, or choose another.`;
}
