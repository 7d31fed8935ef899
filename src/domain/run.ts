import { type Evaluator, evaluatorsAfter } from './evaluation.ts';
import type { Metrics } from './metrics.ts';
import type { Plan } from './plan.ts';
import { noProgress, noteMetrics, type Progress } from './progress.ts';
import type { AbandonReason, RoundOutcome, Tally } from './round.ts';

/** The model of a round is to be evaluated before the next round begins. */
export interface DueEvaluation {
  /** That made the model. */
  readonly round: number;
  /** Of the evaluation by clients: no attempt at the round had this number before. */
  readonly attempt: number;
  readonly version: number;
  /** Who still is to evaluate it, in order; never empty. */
  readonly by: readonly Evaluator[];
}

/** A training job, from its plan to its last round. Plain JSON. */
export interface Run {
  readonly run: string;
  readonly plan: Plan;
  /** The round that is open, or comes next; from 1. */
  readonly round: number;
  /** Attempt at that round; from 1. */
  readonly attempt: number;
  /** Attempts at that round that failed; `attemptsMax` of them pause the run. */
  readonly failures: number;
  readonly roundsCommitted: number;
  /** Comes before that round. */
  readonly evaluation: DueEvaluation | null;
  readonly progress: Progress;
  readonly startedAtMs: number;
  readonly pauseRequested: boolean;
  /** Why it is paused or stopped, or finished early. */
  readonly reason: string | null;
}

export const startRun = (run: string, plan: Plan, atMs: number): Run => ({
  run,
  plan,
  round: 1,
  attempt: 1,
  failures: 0,
  roundsCommitted: 0,
  evaluation: null,
  progress: noProgress,
  startedAtMs: atMs,
  pauseRequested: false,
  reason: null,
});

/** An attempt at a round: the one that is open, or the next to be opened. */
export interface Attempt {
  readonly round: number;
  readonly attempt: number;
  /** Version that clients evaluate; null: they train. */
  readonly evaluates: number | null;
}

export function attemptOf({ round, attempt, evaluation }: Run): Attempt {
  if (evaluation === null) return { round, attempt, evaluates: null };
  return { round: evaluation.round, attempt: evaluation.attempt, evaluates: evaluation.version };
}

/** Reasons that say nothing against trying again: nobody failed. */
const harmless: readonly AbandonReason[] = ['tooFewClients', 'modelInstalled', 'paused', 'stopped', 'restarted'];

/** The run after a round ended: on to the next round, or to another attempt at the same. */
export function afterRound(run: Run, outcome: RoundOutcome): Run {
  if (run.evaluation !== null) return afterEvaluation(run, outcome);
  if (outcome.kind !== 'abandoned') {
    const { round, attempt, plan } = run;
    const { modelVersion: version, metrics } = outcome;
    const by = evaluatorsAfter(plan, round);
    const next: Run = {
      ...run,
      round: round + 1,
      attempt: 1,
      failures: 0,
      roundsCommitted: run.roundsCommitted + 1,
      evaluation: by.length > 0 ? { round, attempt: attempt + 1, version, by } : null,
      reason: run.pauseRequested ? run.reason : null,
    };
    return withProgress(next, noteMetrics(plan, run.progress, { source: 'training', version, metrics }));
  }
  const failures = run.failures + (harmless.includes(outcome.reason) ? 0 : 1);
  const reason = run.pauseRequested ? run.reason : outcome.detail;
  return { ...run, attempt: run.attempt + 1, failures, reason };
}

/** An evaluation that came to nothing is not tried again, unless only the server was started anew: the run goes on. */
function afterEvaluation(run: Run, outcome: RoundOutcome): Run {
  if (outcome.kind === 'abandoned' && outcome.reason === 'restarted') return evaluateAnew(run);
  return evaluatedBy(run, outcome.kind === 'evaluated' ? outcome.metrics : null);
}

/** The run with another attempt at the evaluation that is due. */
export const evaluateAnew = (run: Run): Run =>
  run.evaluation === null ? run : { ...run, evaluation: { ...run.evaluation, attempt: run.evaluation.attempt + 1 } };

/** The run after the first of those who are to evaluate has done so. @param metrics null: it failed. */
export function evaluatedBy(run: Run, metrics: Metrics | null): Run {
  const { evaluation, plan, progress } = run;
  const [source, ...by] = evaluation?.by ?? [];
  if (evaluation === null || source === undefined) return run;
  const next: Run = { ...run, evaluation: by.length > 0 ? { ...evaluation, by } : null };
  return metrics === null
    ? next
    : withProgress(next, noteMetrics(plan, progress, { source, version: evaluation.version, metrics }));
}

const withProgress = (run: Run, progress: Progress): Run => ({
  ...run,
  progress,
  reason: progress.goal ?? run.reason,
});

/** All rounds are committed, or the goal of the plan is reached; and there is nothing left to evaluate. */
export const isFinished = ({ evaluation, roundsCommitted, plan, progress }: Run): boolean =>
  evaluation === null && (roundsCommitted >= plan.rounds || progress.goal !== null);

/** Whether the server's own evaluator is next. */
export const isJudgingDue = ({ evaluation }: Run): boolean => evaluation?.by[0] === 'server';

/** Whether clients are next to evaluate. */
export const isEvaluationDue = ({ evaluation }: Run): boolean => evaluation?.by[0] === 'clients';

/** Whether the round was tried as often as the plan allows, or the plan says not to try again. */
export const attemptsExhausted = ({ plan, failures }: Run): boolean =>
  failures >= (plan.onQuorumMissed === 'abandon' ? 1 : plan.attemptsMax);

/** Whether enough clients are registered to open a round. */
export const clientsSuffice = ({ plan }: Run, { population }: Tally): boolean => population >= plan.minClients;
