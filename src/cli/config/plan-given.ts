import { settingProblem } from '../../domain/settings.ts';
import { planCliSettings } from './catalogue.ts';
import { problemIn, type Reading } from './given.ts';
import { mergeGiven } from './resolve.ts';

/**
 * Reads the part of a plan that is given for one run; the rest comes from the server's own settings, and so the rules
 * between settings are the server's to check.
 * @param readings from the weakest source to the strongest.
 */
export function resolvePlanGiven(readings: readonly Reading[]): { plan: Record<string, unknown>; problems: string[] } {
  const winners = mergeGiven(readings);
  const problems = readings.flatMap(({ problems }) => problems);
  const plan: Record<string, unknown> = {};
  for (const { name, spec } of planCliSettings) {
    const winner = winners.get(name);
    if (!winner) continue;
    plan[name] = winner.value;
    const problem = settingProblem(name, spec, winner.value);
    if (problem) problems.push(problemIn(winner.source, problem.message));
  }
  return { plan, problems };
}
