import { createHash } from 'node:crypto';
import { ChorusError } from '../domain/errors.ts';
import { checkMetrics } from '../domain/metrics.ts';
import type { EvaluationResult, Receipt } from '../domain/participation.ts';
import type { Plan } from '../domain/plan.ts';
import type { RoundRecord } from '../domain/round-record.ts';

/**
 * Checks what a client measured. @returns its receipt, and the metrics.
 * @throws NUM_EXAMPLES_INVALID, METRICS_INVALID
 */
export function checkResult(
  clientId: string,
  { round, numExamples, metrics: given }: EvaluationResult,
  { numExamplesMax }: Plan,
): { receipt: Receipt; metrics: Record<string, number> } {
  if (!Number.isSafeInteger(numExamples) || numExamples < 1 || numExamples > numExamplesMax) {
    throw new ChorusError(
      'NUM_EXAMPLES_INVALID',
      `numExamples is ${JSON.stringify(numExamples)}; give a whole number from 1 to ${numExamplesMax}`,
    );
  }
  const metrics = checkMetrics(Object.entries(given));
  return { receipt: { round, clientId, sha256: digestOf(numExamples, metrics), numExamples }, metrics };
}

/** The names in order, so that the same result has the same digest. */
function digestOf(numExamples: number, metrics: Readonly<Record<string, number>>): string {
  const entries = Object.entries(metrics).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify({ numExamples, metrics: Object.fromEntries(entries) });
  return createHash('sha256').update(text).digest('hex');
}

/**
 * The receipt of a result that came before, when its answer may have been lost.
 * @param record of the evaluation it was for, if that is known
 * @throws EVALUATION_CONFLICT, EVALUATION_DISCARDED
 */
export function receiptAgain({ clientId, round, sha256, numExamples }: Receipt, record: RoundRecord | null): Receipt {
  const earlier = record?.contributions.find((one) => one.clientId === clientId);
  if (!earlier)
    throw new ChorusError('EVALUATION_DISCARDED', `No result of client ${clientId} is wanted for round ${round}`);
  if (earlier.sha256 !== sha256) throw new ChorusError('EVALUATION_CONFLICT');
  return { round, clientId, sha256, numExamples };
}
