import type { Evaluator } from '../domain/evaluation.ts';
import type { Metrics } from '../domain/metrics.ts';
import type { ModelEvaluation } from '../domain/model.ts';
import type { RoundOutcome } from '../domain/round.ts';
import type { RoundRecord } from '../domain/round-record.ts';

const nothingFound = { metrics: {}, numExamples: 0, clients: 0, failure: null } as const;

/** What came of an evaluation by clients; null: it is begun anew, and has come to nothing yet. */
export function evaluationByClients(
  { contributions, numExamples, metrics }: RoundRecord,
  outcome: RoundOutcome,
  atMs: number,
): ModelEvaluation | null {
  const about = { by: 'clients', atMs } as const;
  if (outcome.kind !== 'abandoned') {
    return { ...about, metrics, numExamples, clients: contributions.length, failure: null };
  }
  return outcome.reason === 'restarted' ? null : { ...about, ...nothingFound, failure: outcome.detail };
}

/** What came of an evaluation without a round: by the server, or by clients whom nobody could ask. */
export const evaluationWithoutRound = (
  by: Evaluator,
  found: { metrics: Metrics } | { failure: string },
  atMs: number,
): ModelEvaluation => ({ ...nothingFound, by, atMs, ...found });
