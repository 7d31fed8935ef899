import { resolveSettings, type SettingProblem } from '../domain/settings.ts';
import { bulyan } from './bulyan.ts';
import { fedadagrad } from './fedadagrad.ts';
import { fedadam } from './fedadam.ts';
import { fedasync } from './fedasync.ts';
import { fedavg } from './fedavg.ts';
import { fedavgm } from './fedavgm.ts';
import { fedmedian } from './fedmedian.ts';
import { fednova } from './fednova.ts';
import { fedprox } from './fedprox.ts';
import { fedyogi } from './fedyogi.ts';
import { krum, multiKrum } from './krum.ts';
import { qFedavg } from './q-fedavg.ts';
import { rfa } from './rfa.ts';
import type { AnyStrategyDefinition, Strategy } from './strategy.ts';
import { trimmedMean } from './trimmed-mean.ts';

/** Every strategy that can be chosen by name. */
export const strategyCatalogue: readonly AnyStrategyDefinition[] = [
  ...[fedavg, fedavgm, fedadagrad, fedadam, fedyogi, fedprox, qFedavg, fednova, fedasync],
  ...[fedmedian, trimmedMean, krum, multiKrum, bulyan, rfa],
];

/** @returns the definition of this name, or null. */
export const strategyNamed = (name: string): AnyStrategyDefinition | null =>
  strategyCatalogue.find((definition) => definition.name === name) ?? null;

/** Fills in and checks the parameters a plan gives. Pure: the same plan makes the same strategy on every thread. */
export function createStrategy(
  definition: AnyStrategyDefinition,
  given: Readonly<Record<string, unknown>>,
): { kind: 'created'; strategy: Strategy } | { kind: 'invalid'; problems: SettingProblem[] } {
  const { settings, problems } = resolveSettings<never>(definition.settings, given);
  if (problems.length > 0) return { kind: 'invalid', problems };
  return { kind: 'created', strategy: definition.create(settings) };
}
