import { resolveSettings } from '../domain/settings.ts';
import type { OwnStrategyFacts, StrategyChoice } from '../domain/strategy-choice.ts';
import { type RunningParameters, runningSettings, weightedMean } from './running.ts';
import type { Strategy } from './strategy.ts';

/** What a strategy of one's own can be given: what it says itself, and what every running one can be given. */
export const settingsOfOwn = ({ kind, settings }: OwnStrategyFacts) =>
  kind === 'running' ? { ...runningSettings, ...settings } : settings;

/** All parameters, with defaults filled in. They were checked when the plan was read. */
export const ownParametersOf = (facts: OwnStrategyFacts, { parameters }: StrategyChoice): Record<string, unknown> =>
  resolveSettings<Record<string, unknown>>(settingsOfOwn(facts), parameters).settings;

/** How the aggregator treats a strategy of one's own: as any other of its kind, but its functions are asked elsewhere. */
export function strategyOfOwn(facts: OwnStrategyFacts, choice: StrategyChoice): Strategy {
  const { kind, slots, contributionsMin } = facts;
  if (kind === 'running') {
    const parameters = ownParametersOf(facts, choice) as unknown as RunningParameters;
    return { ...weightedMean(parameters), optimiser: { slots, step: askedElsewhere } };
  }
  return {
    kind: 'gathering',
    hyperparameters: {},
    precondition: (contributions) =>
      contributions >= contributionsMin
        ? null
        : `${choice.name} needs ${contributionsMin} contributions; there are ${contributions}.`,
    *aggregate({ length }) {
      return { kind: 'own', members: Array.from({ length }, (_, index) => index) };
    },
  };
}

function askedElsewhere(): never {
  throw new Error('A strategy of one’s own is asked on its own thread');
}
