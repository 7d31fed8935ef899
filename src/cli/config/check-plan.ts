import type { Plan } from '../../domain/plan.ts';
import { readRunPlan } from '../../strategies/of-plan.ts';
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
 * Reads a plan as a document by itself: what it leaves out has its default, for there is no server to ask.
 * @returns the plan; with problems it is not to be used.
 */
export function checkPlan(
  document: Readonly<Record<string, unknown>>,
  file: string,
): { plan: Plan; problems: PlanProblem[] } {
  const reading = fromPlanFile(document, file, planCliSettings);
  const winners = mergeGiven([reading]);
  const given = Object.fromEntries([...winners].map(([name, { value }]) => [name, value]));
  const { plan, problems } = readRunPlan(given);
  const unread = reading.problems.map((message) => ({ key: null, message }));
  const wrong = problems.map(({ setting, message }) => {
    const source = winners.get(setting)?.source;
    return { key: setting, message: source ? problemIn(source, message) : message };
  });
  return { plan, problems: [...unread, ...wrong] };
}
