/** What a plan chose, and what came of it, in few words. Pure. */
import type { ModelEvaluation } from '../../../src/domain/model.ts';
import { isBuffered, type Plan } from '../../../src/domain/plan.ts';
import { metric, plural } from './numbers.ts';

/** `loss 0.12, accuracy 0.97`: the first of them. */
export const metricsText = (metrics: Readonly<Record<string, number>>, shownMax = 2): string =>
  Object.entries(metrics)
    .slice(0, shownMax)
    .map(([name, value]) => `${name} ${metric(value)}`)
    .join(', ');

/** `byzantineMax 2, keepCount 5`, or nothing. */
export const parametersText = ({ strategyParameters }: Plan): string =>
  Object.entries(strategyParameters)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

/** How versions follow each other. */
export const modeText = (plan: Plan): string => (isBuffered(plan) ? 'buffered' : 'round by round');

/** `multi-krum (byzantineMax 2)` */
export function strategyText(plan: Plan): string {
  const parameters = parametersText(plan);
  const mode = isBuffered(plan) ? `, buffered: ${plural(plan.cohortSize ?? 0, 'update')} make a version` : '';
  return `${plan.strategy}${parameters === '' ? '' : ` (${parameters})`}${mode}`;
}

/** `by the server: accuracy 0.94` */
export function evaluationText({ by, metrics, failure, clients }: ModelEvaluation): string {
  const who = by === 'server' ? 'by the server' : `by ${plural(clients, 'client')}`;
  return failure === null ? `${who}: ${metricsText(metrics, 3) || 'no metrics'}` : `not ${who}: ${failure}`;
}
