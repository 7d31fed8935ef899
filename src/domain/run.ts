import type { Plan } from './plan.ts';
import type { AbandonReason, RoundOutcome, Tally } from './round.ts';

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
  readonly startedAtMs: number;
  readonly pauseRequested: boolean;
  /** Why it is paused or stopped. */
  readonly reason: string | null;
}

export const startRun = (run: string, plan: Plan, atMs: number): Run => ({
  run,
  plan,
  round: 1,
  attempt: 1,
  failures: 0,
  roundsCommitted: 0,
  startedAtMs: atMs,
  pauseRequested: false,
  reason: null,
});

/** Reasons that say nothing against trying again: nobody failed. */
const harmless: readonly AbandonReason[] = ['tooFewClients', 'modelInstalled', 'paused', 'stopped', 'restarted'];

/** The run after a round ended: on to the next round, or to another attempt at the same. */
export function afterRound(run: Run, outcome: RoundOutcome): Run {
  if (outcome.kind === 'committed') {
    const reason = run.pauseRequested ? run.reason : null;
    return { ...run, round: run.round + 1, attempt: 1, failures: 0, roundsCommitted: run.roundsCommitted + 1, reason };
  }
  const failures = run.failures + (harmless.includes(outcome.reason) ? 0 : 1);
  const reason = run.pauseRequested ? run.reason : outcome.detail;
  return { ...run, attempt: run.attempt + 1, failures, reason };
}

export const isFinished = (run: Run): boolean => run.roundsCommitted >= run.plan.rounds;

/** Whether the round was tried as often as the plan allows, or the plan says not to try again. */
export const attemptsExhausted = ({ plan, failures }: Run): boolean =>
  failures >= (plan.onQuorumMissed === 'abandon' ? 1 : plan.attemptsMax);

/** Whether enough clients are registered to open a round. */
export const clientsSuffice = ({ plan }: Run, { population }: Tally): boolean => population >= plan.minClients;
