import type { AbandonReason } from './round.ts';
import { afterRound, attemptsExhausted, isEvaluationDue, isFinished, type Run } from './run.ts';

/**
 * What the run comes to if its open attempt, evaluations included, is given up: asked of the functions from which the
 * coordinator decides after a round. The server's own evaluator is never what comes next: it comes before the clients.
 */
export function afterGivingUp(run: Run, reason: AbandonReason): string {
  const next = afterRound(run, { kind: 'abandoned', reason, detail: '' });
  if (isFinished(next)) return 'the run is finished';
  if (isEvaluationDue(next)) return 'clients evaluate the model';
  if (next.pauseRequested || attemptsExhausted(next)) return 'the run pauses';
  return run.evaluation === null ? 'tried again' : 'the run goes on';
}
