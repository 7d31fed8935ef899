/** What a plan chose, and what came of it, in few words. Pure. */
import type { ModelEvaluation } from '../../../src/domain/model.ts';
import type { RoundStrategy } from '../../../src/domain/plan.ts';
import { metric, plural } from './numbers.ts';

/** `loss 0.12, accuracy 0.97`: the first of them. */
export const metricsText = (metrics: Readonly<Record<string, number>>, shownMax = 2): string =>
  Object.entries(metrics)
    .slice(0, shownMax)
    .map(([name, value]) => `${name} ${metric(value)}`)
    .join(', ');

/** `byzantineMax 2, keepCount 5`, or nothing. */
export const parametersText = ({ parameters }: RoundStrategy): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

/** How versions follow each other. */
export const modeText = ({ mode }: RoundStrategy): string => (mode === 'buffered' ? 'buffered' : 'round by round');

/** `multi-krum (byzantineMax 2)` */
export function strategyText(strategy: RoundStrategy): string {
  const parameters = parametersText(strategy);
  const mode = strategy.mode === 'buffered' ? ', buffered' : '';
  return `${strategy.name}${parameters === '' ? '' : ` (${parameters})`}${mode}`;
}

/** `by the server: accuracy 0.94` */
export function evaluationText({ by, metrics, failure, clients }: ModelEvaluation): string {
  const who = by === 'server' ? 'by the server' : `by ${plural(clients, 'client')}`;
  return failure === null ? `${who}: ${metricsText(metrics, 3) || 'no metrics'}` : `not ${who}: ${failure}`;
}
